import { FLAG } from "@xenolith/x86-architecture";
import { FLAT_RING3_CS64, FLAT_RING3_SS64, VGCF_in_syscall } from "@xenolith/xen-abi/arch-x86";
import { CALLBACKF_mask_events } from "@xenolith/xen-abi/callback";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dword } from "./support/assemble.ts";
import { movImmediate64 } from "./support/assemble-64.ts";
import { page } from "./support/guest.ts";
import {
  ABSENT,
  PLAIN,
  runTwoSides,
  SET_UP,
  SHARED,
  setByte,
  TABLE,
  type TwoSides,
} from "./support/two-sides.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

const { evtchnUpcallMask, evtchnUpcallPending } = VCPU_INFO.layout.x86_64;

/** `mov address, %rdx` */
const load = (at: number): number[] => [0x48, 0x8b, 0x14, 0x25, ...dword(at)];
/** `mov disp(%rax, base), %rdx` where RAX is not canonical. */
const wild = (base: number): number[] => [
  ...movImmediate64("rax", 0x1234_0000_0000_0000),
  ...[0x48, 0x8b, 0x94, base, ...dword(8)],
];

/** What faults, in instructions of 8 bytes. */
const FAULTS: readonly (readonly number[])[] = [
  load(ABSENT + 8),
  setByte(ABSENT + 0xffe, 1),
  setByte(TABLE + 8 * 40 + 7, 1),
  setByte(TABLE + 8 * 40, 0x27),
  [...movImmediate64("rax", ABSENT), 0xff, 0xd0], // call *%rax
  wild(0x03),
  wild(0x04),
  [0x48, 0xf7, 0x34, 0x25, ...dword(page(14))], // divq zero
  load(ABSENT - 4),
  [0x0f, 0x0b, 1, 2, 3, 4, 5, 6], // ud2
  [0x0f, 0x0b, 0x78, 0x65, 0x6f, 0x0f, 0xa2, 0x90], // ud2; .ascii "xeo"; cpuid
];

const HARMLESS: readonly (readonly number[])[] = [
  [0x48, 0xff, 0xc5], // inc %rbp
  [0xf9],
  [0xfd],
  [0x0f, 0x31, 0x48, 0x01, 0xc3], // rdtsc; add %rax, %rbx
  [0x9c, 0x5a], // pushf; pop %rdx
  [0xcc],
  [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], // ud2; .ascii "xen"; cpuid
];

const EVENTS: readonly (readonly number[])[] = [
  setByte(SHARED + evtchnUpcallMask, 1),
  setByte(SHARED + evtchnUpcallMask, 0),
  setByte(SHARED + evtchnUpcallMask, 0xfe),
  setByte(SHARED + evtchnUpcallPending, 1),
];

const pieces = (...from: readonly (readonly number[])[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 6 }).map((parts) => parts.flat());

const scene: fc.Arbitrary<TwoSides> = fc.record({
  kernel: pieces(...FAULTS, ...HARMLESS, ...EVENTS),
  user: pieces(...FAULTS, ...HARMLESS),
  stackTop: fc.constantFrom(page(11) + 0x108, page(11), page(11) + 0x20, SHARED + 0x40, page(30)),
  callbackFlags: fc.constantFrom(0, CALLBACKF_mask_events),
  returnFlags: fc.constantFrom(VGCF_in_syscall, 0),
  first: fc.record({
    cs: fc.constant(FLAT_RING3_CS64),
    ss: fc.constantFrom(FLAT_RING3_SS64, 0x13),
    rflags: fc.constantFrom(0x202, 0x2, 0x202 | FLAG.df, 0x202 | FLAG.ac, 0x202 | FLAG.rf),
    flags: fc.constantFrom(VGCF_in_syscall, 0),
  }),
  withEvents: fc.boolean(),
  eventRounds: fc.constantFrom(1, 4),
  withPrivilege: fc.nat(7).map((draw) => draw === 0),
  withTableWrites: fc.boolean(),
  masksEvents: fc.boolean(),
  ioPrivilege: fc.constant(0),
});

describe.each(ENGINES)("exceptions of 64-bit code that is %s", (_name, tuning) => {
  test("enter the kernel as the hypervisor has them do, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        scene,
        fc.integer({ min: 500, max: 4000 }),
        fc.constantFrom(1, 4, 3),
        (given, first, instructionNs) => {
          const stops = [first, first + 7, first + 508, 9000].map((after) => SET_UP + after);
          const seen = runTwoSides(given, { directGates: true, tuning, instructionNs }, stops);
          expect(seen).toEqual(runTwoSides(given, { ...REFERENCE, instructionNs }, stops));
        },
      ),
      { numRuns: 16 },
    );
  });
});

test("the faults are worth comparing: they are counted", () => {
  for (const fault of FAULTS) {
    const given = { ...PLAIN, kernel: fault, user: fault };
    const way = { directGates: true, tuning: {} };
    const [seen] = runTwoSides(given, way, [SET_UP + 20_000]) as [{ registers: string }];
    expect(Number.parseInt(/rbx (\w+)/.exec(seen.registers)?.[1] ?? "", 16)).toBeGreaterThan(20);
  }
});
