/** Which temporaries of a block hold what a register holds, whole or its low 32 bits. Registers change, and have no names then. */
export class RegisterNames {
  /** Counts what happens. */
  #moment = 1;
  /** When the present block began; when each register changed last. */
  #begun = 0;
  readonly #changed: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  /** By the number of a local: the register that it was read from last, and when. */
  readonly #registers: number[] = [];
  readonly #named: number[] = [];

  /** Another block begins: nothing has a name. */
  forget(): void {
    this.#begun = this.#moment++;
  }

  /** A local holds what a register holds now; -1: what none does. */
  set(local: number, register: number): void {
    this.#registers[local] = register;
    this.#named[local] = this.#moment++;
  }

  /** A register changes. */
  change(register: number): void {
    this.#changed[register] = this.#moment++;
  }

  /** The register whose present value a local holds, or -1. */
  registerOf(local: number): number {
    const register = this.#registers[local] ?? -1;
    const named = this.#named[local] ?? 0;
    return named > this.#begun && named > (this.#changed[register] ?? 0) ? register : -1;
  }
}
