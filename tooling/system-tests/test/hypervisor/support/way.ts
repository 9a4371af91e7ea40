import type { EngineTuning } from "@xenolith/x86-cpu";
import { createTestMachine, type TestMachine } from "./machine.ts";

/** How a run is made: with gates or by the hypervisor alone, and in which engine. */
export interface Way {
  readonly directGates: boolean;
  readonly tuning: EngineTuning;
  /** Default 1. */
  readonly instructionNs?: number;
}

/** By the hypervisor alone. */
export const REFERENCE: Way = { directGates: false, tuning: { engine: "interpreter" } };

/** The engines that runs with gates are made in, by what becomes of code. */
export const ENGINES: readonly (readonly [string, EngineTuning])[] = [
  ["interpreted", { engine: "interpreter" }],
  ["translated", { translateAfter: 0 }],
];

/** A machine for runs that are compared with one another. */
export const createMachineFor = ({ directGates, tuning, instructionNs = 1 }: Way): TestMachine =>
  createTestMachine({
    directGates,
    traces: false,
    instructionNs,
    tuning: { recordBytes: 1 << 20, ...tuning },
  });
