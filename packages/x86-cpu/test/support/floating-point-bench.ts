import { createFakeMemory, createIdentityTranslator } from "@xenolith/machine-interface/testing";
import { FloatingPointState } from "../../src/state/floating-point-state.ts";
import { STATE_BYTES } from "../../src/state/layout.ts";
import type { SupportFunction } from "../../src/support/support-function.ts";
import { SUPPORT_GROUPS } from "../../src/support/support-functions.ts";
import { createSupport } from "../../src/support/support-module.ts";
import type { Extended } from "./extended-oracle.ts";

/** The support functions over a state block of their own. */
export interface FloatingPointBench {
  readonly state: FloatingPointState;
  /** Calls a function; i64 parameters are bigints. */
  call(support: SupportFunction, ...values: readonly (number | bigint)[]): unknown;
  /** Calls one whose result is an extended value. */
  extended(support: SupportFunction, ...values: readonly (number | bigint)[]): Extended;
}

export const createFloatingPointBench = (): FloatingPointBench => {
  const memory = createFakeMemory({ reserveBytes: 1 << 20 });
  const base = memory.reserve(STATE_BYTES);
  const nothing = (): number => 0;
  const exports = createSupport(
    {
      machine: memory,
      translator: createIdentityTranslator(memory),
      state: base,
      host: {
        interruptRequested: nothing,
        portOut: nothing,
        portIn: nothing,
        readTimestamp: nothing,
        fetchDescriptor: nothing,
        enterSide: nothing,
      },
      announceStore: nothing,
    },
    Object.values(SUPPORT_GROUPS),
  );
  const call = (support: SupportFunction, ...values: readonly (number | bigint)[]): unknown =>
    (exports[support.name] as (...all: readonly (number | bigint)[]) => unknown)(...values);
  return {
    state: new FloatingPointState({
      u32: (offset) => memory.view.getUint32(base + offset, true),
      setU32: (offset, value) => memory.view.setUint32(base + offset, value, true),
    }),
    call,
    extended(support, ...values) {
      const [mantissa, head] = call(support, ...values) as [bigint, number];
      return { mantissa: BigInt.asUintN(64, mantissa), head };
    },
  };
};
