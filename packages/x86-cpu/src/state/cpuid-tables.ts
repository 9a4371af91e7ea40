import type { MachineMemory } from "@xenolith/machine-interface";
import { CPUID_TABLE, fillCpuidTable } from "./cpuid-table.ts";

interface SharedTable {
  readonly at: number;
  users: number;
}

/** Tables of CPUID's answers that VCPUs share: those with the same answers have one, and one that nobody uses is filled anew. */
export class CpuidTables {
  readonly #machine: MachineMemory;
  readonly #tables: SharedTable[] = [];
  readonly #wanted = new Uint8Array(CPUID_TABLE.sizeBytes);

  constructor(machine: MachineMemory) {
    this.#machine = machine;
  }

  /** Where a table with some answers is, for one user more. */
  take(answersOf: Parameters<typeof fillCpuidTable>[2]): number {
    this.#wanted.fill(0);
    fillCpuidTable(new DataView(this.#wanted.buffer), 0, answersOf);
    const known = this.#tables.find(({ at, users }) => users > 0 && this.#holdsWanted(at));
    if (known !== undefined) {
      known.users += 1;
      return known.at;
    }
    let table = this.#tables.find(({ users }) => users === 0);
    if (table === undefined) {
      table = { at: this.#machine.reserve(CPUID_TABLE.sizeBytes), users: 0 };
      this.#tables.push(table);
    }
    this.#machine.bytes.set(this.#wanted, table.at);
    table.users = 1;
    return table.at;
  }

  #holdsWanted(at: number): boolean {
    const { bytes } = this.#machine;
    return this.#wanted.every((byte, index) => byte === bytes[at + index]);
  }

  /** Takes one user away from a table; 0: from none. */
  release(table: number): void {
    const used = this.#tables.find(({ at }) => at === table);
    if (used !== undefined) used.users -= 1;
  }
}
