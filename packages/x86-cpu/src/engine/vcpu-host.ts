import { REGISTER } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { SupportHost } from "../support/support-host.ts";
import { setWideResult, timestampCounter } from "../system/model-specific-registers.ts";
import type { ProcessorCore } from "./system-operations.ts";

/** A core that knows of an interrupt line. */
interface InterruptibleCore extends ProcessorCore {
  readonly isInterruptRequested: boolean;
}

const portBytes = (sizeBytes: number): 1 | 2 | 4 => (sizeBytes === 1 ? 1 : sizeBytes === 2 ? 2 : 4);

/** What support functions ask on behalf of a core. */
export const createSupportHost = (core: InterruptibleCore, wantsAttention: () => boolean): SupportHost => {
  const { state, environment } = core;
  const look = (): void => {
    if (wantsAttention()) state.setU32(STATE.wantsAttention, 1);
  };
  return {
    interruptRequested: () => (core.isInterruptRequested ? 1 : 0),
    portOut(port, sizeBytes) {
      const value = state.register(REGISTER.rax);
      const size = portBytes(sizeBytes);
      environment.portOut(port, size, size === 4 ? value : value & (2 ** (8 * size) - 1));
      look();
    },
    portIn(port, sizeBytes) {
      const value = environment.portIn(port, portBytes(sizeBytes));
      look();
      return value;
    },
    readTimestamp: () => setWideResult(core, timestampCounter(core)),
  };
};
