import type { LinearAddress } from "@xenolith/machine-interface";

/** Where an exception or a callback enters the guest. */
export interface EntryPoint {
  /** Code selector; its RPL has been raised to the guest kernel's. 64-bit callbacks use the flat one. */
  readonly codeSelector: number;
  readonly address: LinearAddress;
  /** Sets the upcall mask on entry (TI_IF, CALLBACKF_mask_events). */
  readonly masksEvents: boolean;
}

/** One entry of the trap table. [XEN arch-x86/xen.h] */
export interface TrapGate extends EntryPoint {
  /** Least privileged ring that may enter by a software interrupt, 0 to 3. */
  readonly privilegeLevel: number;
}

/** Vectors that the processor has for its own exceptions. [SDM3A-6.2] */
const EXCEPTIONS = 32;

/**
 * The trap table of a VCPU, by vector. Guests have handlers for most exceptions and hardly any others: those are kept apart,
 * so that a system call through vector 128 does not make the table four times as long.
 */
export class TrapTable {
  readonly #exceptions = new Array<TrapGate | null>(EXCEPTIONS).fill(null);
  /** No map while there are none. */
  #others: Map<number, TrapGate> | null = null;
  /** Whether gates of exceptions have changed since {@link takeChanges} was last asked. */
  #hasChanged = true;

  /** The gate of a vector, or null. */
  get(vector: number): TrapGate | null {
    return (vector < EXCEPTIONS ? this.#exceptions[vector] : this.#others?.get(vector)) ?? null;
  }

  /** Enters a gate; null takes it out. */
  set(vector: number, gate: TrapGate | null): void {
    if (vector < EXCEPTIONS) {
      this.#exceptions[vector] = gate;
      this.#hasChanged = true;
    } else if (gate === null) {
      this.#others?.delete(vector);
    } else {
      this.#others ??= new Map();
      this.#others.set(vector, gate);
    }
  }

  /** Takes out all gates. */
  clear(): void {
    this.#exceptions.fill(null);
    this.#hasChanged = true;
    this.#others = null;
  }

  /** Whether gates of the processor's own exceptions have changed since this was last asked. True at first. */
  takeChanges(): boolean {
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    return hasChanged;
  }
}
