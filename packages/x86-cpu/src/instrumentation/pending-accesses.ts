import { type MachineMemory, PAGE_SIZE } from "@xenolith/machine-interface";
import type { MemoryAccess } from "../engine/run-observer.ts";
import type { AccessEvent } from "./types.ts";

interface Pending {
  readonly access: MemoryAccess;
  readonly instructionPointer: number;
  /** What a read found. */
  readonly value: bigint;
}

/** Accesses of the instruction under way, to be told of when it is over. */
export class PendingAccesses {
  readonly #machine: MachineMemory;
  #list: Pending[] = [];
  #hasRefused = false;

  constructor(machine: MachineMemory) {
    this.#machine = machine;
  }

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** An access was not admitted. */
  refuse(): void {
    this.#hasRefused = true;
  }

  /** Whether an access was refused since this was last asked. */
  takeRefusal(): boolean {
    const hasRefused = this.#hasRefused;
    this.#hasRefused = false;
    return hasRefused;
  }

  add(access: MemoryAccess, instructionPointer: number): void {
    this.#list.push({ access, instructionPointer, value: access.isWrite ? 0n : this.#valueAt(access) });
  }

  /** All of them, as they turned out. */
  take(): readonly AccessEvent[] {
    const events = this.#list.map(({ access, instructionPointer, value }): AccessEvent => {
      const { address, sizeBytes, isWrite } = access;
      const kind = isWrite ? "write" : "read";
      return { kind, address, sizeBytes, value: isWrite ? this.#valueAt(access) : value, instructionPointer };
    });
    this.#list = [];
    return events;
  }

  #valueAt({ host, secondHost, sizeBytes }: MemoryAccess): bigint {
    const inFirst = secondHost < 0 ? sizeBytes : PAGE_SIZE - (host & (PAGE_SIZE - 1));
    const { bytes } = this.#machine;
    let value = 0n;
    for (let index = sizeBytes - 1; index >= 0; index--) {
      const at = index < inFirst ? host + index : secondHost + index - inFirst;
      value = (value << 8n) | BigInt(bytes[at] ?? 0);
    }
    return value;
  }
}
