import { REGISTER } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { SupportHost } from "../support/support-host.ts";
import { lookUpDescriptor } from "../system/descriptor-tables.ts";
import { readTimestampCounter } from "../system/model-specific-registers.ts";
import type { ProcessorCore } from "./system-operations.ts";

/** A core that knows of an interrupt line. */
interface InterruptibleCore extends ProcessorCore {
  readonly isInterruptRequested: boolean;
  enterSide(isKernel: boolean): number;
}

const portBytes = (sizeBytes: number): 1 | 2 | 4 => (sizeBytes === 1 ? 1 : sizeBytes === 2 ? 2 : 4);

/** What support functions ask on behalf of a core. A class, not closures: there is one for every VCPU. */
export class CoreSupportHost implements SupportHost {
  readonly #core: InterruptibleCore;
  readonly #wantsAttention: () => boolean;

  constructor(core: InterruptibleCore, wantsAttention: () => boolean) {
    this.#core = core;
    this.#wantsAttention = wantsAttention;
  }

  interruptRequested(): number {
    return this.#core.isInterruptRequested ? 1 : 0;
  }

  portOut(port: number, sizeBytes: number): void {
    const { state, environment } = this.#core;
    const value = state.register(REGISTER.rax);
    const size = portBytes(sizeBytes);
    environment.portOut(port, size, size === 4 ? value : value & (2 ** (8 * size) - 1));
    this.#look();
  }

  portIn(port: number, sizeBytes: number): number {
    const value = this.#core.environment.portIn(port, portBytes(sizeBytes));
    this.#look();
    return value;
  }

  readTimestamp(): number {
    if (this.#core.environment.trapTimestamp) return 1;
    readTimestampCounter(this.#core);
    return 0;
  }

  fetchDescriptor(selector: number): void {
    lookUpDescriptor(this.#core, selector);
  }

  enterSide(side: number): number {
    return this.#core.enterSide(side !== 0);
  }

  #look(): void {
    if (this.#wantsAttention()) this.#core.state.setU32(STATE.wantsAttention, 1);
  }
}
