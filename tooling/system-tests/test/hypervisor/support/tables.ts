import { frameAddress, type Mfn, toMfn } from "@xenolith/machine-interface";
import { entryHigh, entryLow, PTE } from "@xenolith/x86-architecture";
import { toVcpuIndex } from "@xenolith/xen-abi";
import { __HYPERVISOR_update_va_mapping } from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { expect, vi } from "vitest";
import { dword } from "./assemble.ts";
import { hypercall64 } from "./assemble-64.ts";
import { createTestGuest, page, type TestGuest } from "./guest.ts";
import type { TestMachine } from "./machine.ts";
import { createMachineFor, type Way } from "./way.ts";

const CODE = page(1);
const STACK_TOP = page(9);
/** Where the guest puts what it finds, 8 bytes each. */
export const RESULTS = page(6);
/** Pages where nothing is at first. */
export const ABSENT = [40, 41, 42, 43] as const;
/** A page that its kernel may only read. */
export const READ_ONLY = 44;
/** A page that may be made a table. */
export const FILLED = 31;
/** The level-1 table, to be read. */
export const TABLE_PAGE = 21;
/** By then all is done. */
const END_NS = 60_000;

/** A frame that an entry may be meant for. */
export type Target =
  | "page"
  | "another"
  | "unused"
  | "another unused"
  | "filled"
  | "table"
  | "level 2"
  | "level 3"
  | "root"
  | "spare root"
  | "none"
  | "reserved"
  | "beyond";

/** The frame. */
export const frameOf = (guest: TestGuest, target: Target): Mfn => {
  switch (target) {
    case "page":
      return guest.frames[30] ?? toMfn(0);
    case "another":
      return guest.frames[READ_ONLY] ?? toMfn(0);
    case "unused":
      return guest.frames[ABSENT[0]] ?? toMfn(0);
    case "another unused":
      return guest.frames[ABSENT[1]] ?? toMfn(0);
    case "filled":
      return guest.frames[FILLED] ?? toMfn(0);
    case "table":
      return guest.level1;
    case "level 2":
      return guest.between[0] ?? toMfn(0);
    case "level 3":
      return guest.between[1] ?? toMfn(0);
    case "root":
      return guest.root;
    case "spare root":
      return guest.userRoot ?? toMfn(0);
    case "none":
      return toMfn(2 ** 40 - 1);
    case "reserved":
      return toMfn(1);
    case "beyond":
      return toMfn(0x10_0000);
  }
};

/** A value, and now and then another. */
export const usually = <Value>(value: Value, ...others: readonly Value[]): fc.Arbitrary<Value> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

/** None, one or two of some bits. */
export const bits = (...from: readonly number[]): fc.Arbitrary<number> =>
  fc.subarray([...from], { maxLength: 2 }).map((some) => some.reduce((all, bit) => (all | bit) >>> 0, 0));

/** An entry for a target. */
export const entryFor = (guest: TestGuest, target: Target, low: number, high: number): bigint => {
  const frame = frameOf(guest, target);
  return (BigInt((entryHigh(frame) | high) >>> 0) << 32n) | BigInt(entryLow(frame, low) >>> 0);
};

/** Runs a kernel that changes its tables. @returns all there is to see then, and how often the hypervisor was asked to do it */
export const runTableGuest = (
  way: Way,
  codeOf: (guest: TestGuest, machine: TestMachine) => readonly number[],
) => {
  const { instructionNs = 1 } = way;
  const machine = createMachineFor(way);
  const guest = createTestGuest(machine, {
    width: "x86_64",
    entry: CODE,
    stackTop: STACK_TOP,
    absentPages: ABSENT,
    tablePage: TABLE_PAGE,
  });
  guest.write(page(30), [1]);
  guest.write(page(READ_ONLY), [2]);
  const readOnly = entryLow(guest.frames[READ_ONLY] ?? 0, PTE.present);
  guest.write(CODE, [
    ...hypercall64(__HYPERVISOR_update_va_mapping, page(READ_ONLY), readOnly, 0),
    ...codeOf(guest, machine),
    ...[0xe9, ...dword(-5)],
  ]);
  guest.start();
  const { control, frames } = machine.hypervisor;
  const entriesOf = (frame: Mfn): readonly bigint[] =>
    Array.from({ length: 512 }, (_, index) =>
      machine.memory.view.getBigUint64(frameAddress(frame) + 8 * index, true),
    );
  const store = vi.spyOn(frames, "storeEntry");
  const update = vi.spyOn(frames, "updateEntry");
  const seen = [1000, 1333, END_NS].map((stop) => {
    machine.runUntil(stop * instructionNs);
    return {
      now: machine.clock.now(),
      registers: control.dumpRegisters(guest.id, toVcpuIndex(0)),
      domain: control.describe(guest.id),
      entries: entriesOf(guest.level1),
      others: (
        ["level 2", "level 3", "root", "spare root", "unused", "another unused", "filled"] as const
      ).map((target) => entriesOf(frameOf(guest, target))),
      results: Array.from({ length: 512 }, (_, index) => guest.readUint32(RESULTS + 8 * index)),
      info: [...guest.frames, guest.level1, ...guest.between, guest.root].map((frame) =>
        frames.describe(frame),
      ),
      violations: frames.checkInvariants(),
    };
  });
  expect(seen.at(-1)?.violations).toEqual([]);
  return { seen, stores: store.mock.calls.length, updates: update.mock.calls.length };
};
