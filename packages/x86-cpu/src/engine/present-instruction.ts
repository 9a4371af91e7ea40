import { ACCESS, type MachineMemory } from "@xenolith/machine-interface";
import { decode, type Instruction, MAX_INSTRUCTION_BYTES } from "../decoder/index.ts";
import type { CodePlace } from "./code-place.ts";
import type { VcpuMemory } from "./linear-memory.ts";
import { isAccessFault } from "./system-operations.ts";

const PAGE_BYTES = 4096;

/** Decodes the instruction at a place, also across the end of its page. Null: its end cannot be fetched. */
export const instructionAt = (
  { bytes }: MachineMemory,
  memory: VcpuMemory,
  { host, linear, mode }: CodePlace,
): Instruction | null => {
  const inPage = PAGE_BYTES - (host & (PAGE_BYTES - 1));
  const inFirst = decode(bytes, host, inPage, mode.codeBytes);
  if (inFirst.mnemonic !== "truncated") return inFirst;
  const next = memory.translateNext(linear, ACCESS.execute);
  if (isAccessFault(next)) return null;
  const both = new Uint8Array(MAX_INSTRUCTION_BYTES);
  both.set(bytes.subarray(host, host + inPage));
  both.set(bytes.subarray(next, next + MAX_INSTRUCTION_BYTES - inPage), inPage);
  return decode(both, 0, MAX_INSTRUCTION_BYTES, mode.codeBytes);
};
