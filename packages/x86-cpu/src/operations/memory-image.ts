import type { PackedFault } from "@xenolith/x86-architecture";
import type { Instruction } from "../decoder/instruction.ts";
import { accessFault, isAccessFault, type ProcessorCore } from "../engine/system-operations.ts";
import { generalProtection, invalidOpcode } from "../system/faults.ts";

/** A block of memory that an instruction reads or writes as a whole. */
export interface MemoryImage {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** An image of zeros. */
export const createImage = (lengthBytes: number): MemoryImage => {
  const bytes = new Uint8Array(lengthBytes);
  return { bytes, view: new DataView(bytes.buffer) };
};

/** Linear address of the memory operand, checked for `lengthBytes` and alignment; or a fault. */
const locate = (
  core: ProcessorCore,
  instruction: Instruction,
  lengthBytes: number,
  alignment: number,
  isWrite: boolean,
): { readonly at: number } | PackedFault => {
  const operand = instruction.operands[0];
  if (operand?.kind !== "memory") return invalidOpcode();
  const offset = core.operands.offsetOf(instruction, operand);
  const at = core.operands.linear(operand.segment, offset, lengthBytes, isWrite);
  if (isAccessFault(at)) return accessFault(at);
  if (at % alignment !== 0) return generalProtection(0);
  const fault = isWrite ? core.memory.checkWrite(at, lengthBytes) : core.memory.checkRead(at, lengthBytes);
  return fault === 0 ? { at } : fault;
};

const next = (at: number, offset: number, core: ProcessorCore): number =>
  core.state.isWideCode ? at + offset : (at + offset) >>> 0;

/** Reads the memory operand, of an even length, or faults. */
export const readImage = (
  core: ProcessorCore,
  instruction: Instruction,
  lengthBytes: number,
  alignment = 1,
): MemoryImage | PackedFault => {
  const place = locate(core, instruction, lengthBytes, alignment, false);
  if (typeof place === "number") return place;
  const image = createImage(lengthBytes);
  if (core.memory.copyFrom(place.at, image.bytes)) return image;
  const { view } = image;
  let offset = 0;
  for (; offset + 4 <= lengthBytes; offset += 4) {
    view.setUint32(offset, core.memory.read32(next(place.at, offset, core)), true);
  }
  if (offset < lengthBytes) view.setUint16(offset, core.memory.read16(next(place.at, offset, core)), true);
  return image;
};

/** Checks that the memory operand can be written; then `write` puts an image there. */
export const prepareImage = (
  core: ProcessorCore,
  instruction: Instruction,
  lengthBytes: number,
  alignment = 1,
): { readonly write: (image: MemoryImage, from?: number, to?: number) => void } | PackedFault => {
  const place = locate(core, instruction, lengthBytes, alignment, true);
  if (typeof place === "number") return place;
  return {
    write(image, from = 0, to = lengthBytes) {
      const { bytes, view } = image;
      if (core.memory.copyTo(next(place.at, from, core), bytes.subarray(from, to))) return;
      let offset = from;
      for (; offset + 4 <= to; offset += 4) {
        core.memory.write32(next(place.at, offset, core), view.getUint32(offset, true));
      }
      if (offset < to) core.memory.write16(next(place.at, offset, core), view.getUint16(offset, true));
    },
  };
};
