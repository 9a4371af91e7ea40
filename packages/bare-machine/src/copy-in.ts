import { frameOf, type MachineMemory, toMachineAddress } from "@xenolith/machine-interface";

/** Copies bytes into RAM and announces them frame by frame. */
export const copyIn = (memory: MachineMemory, address: number, bytes: Uint8Array): void => {
  memory.bytes.set(bytes, address);
  for (let at = address; at < address + bytes.length; ) {
    const length = Math.min(4096 - (at % 4096), address + bytes.length - at);
    memory.written(frameOf(toMachineAddress(at)), at % 4096, length);
    at += length;
  }
};
