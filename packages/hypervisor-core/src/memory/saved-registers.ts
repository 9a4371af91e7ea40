import { REGISTER, type VcpuContext } from "@xenolith/x86-architecture";

const GENERAL_REGISTERS = REGISTER.r15 + 1;

/** The registers that an instruction of a kernel may change, as they were last saved. One is used again and again. */
export class SavedRegisters {
  readonly #low = new Uint32Array(GENERAL_REGISTERS);
  readonly #high = new Uint32Array(GENERAL_REGISTERS);
  #instructionPointer = 0;
  #flags = 0;

  /** Notes them. */
  save(context: VcpuContext): void {
    for (let index = 0; index < GENERAL_REGISTERS; index++) {
      this.#low[index] = context.register(index);
      this.#high[index] = context.registerHigh(index);
    }
    this.#instructionPointer = context.instructionPointer;
    this.#flags = context.flags;
  }

  /** Sets them again. */
  restore(context: VcpuContext): void {
    for (let index = 0; index < GENERAL_REGISTERS; index++)
      context.setRegisterWords(index, this.#low[index] ?? 0, this.#high[index] ?? 0);
    context.instructionPointer = this.#instructionPointer;
    context.flags = this.#flags;
  }
}
