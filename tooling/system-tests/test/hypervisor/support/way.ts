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

/** A machine for runs that are compared with one another. */
export const createMachineFor = ({ directGates, tuning, instructionNs = 1 }: Way): TestMachine =>
  createTestMachine({
    directGates,
    traces: false,
    instructionNs,
    tuning: { recordBytes: 1 << 20, ...tuning },
  });
