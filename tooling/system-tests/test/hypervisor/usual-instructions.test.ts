import { FLAG } from "@xenolith/x86-architecture";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dword } from "./support/assemble.ts";
import { PLAIN, runTwoSides, SET_UP, SHARED, setByte, type TwoSides } from "./support/two-sides.ts";
import { ENGINES, REFERENCE } from "./support/way.ts";

const { evtchnUpcallMask, evtchnUpcallPending } = VCPU_INFO.layout.x86_64;

/** An instruction and NOPs up to 8 bytes: where it faults, the handler goes on behind them. */
const padded = (...bytes: readonly number[]): number[] => [...bytes, ...Array(8 - bytes.length).fill(0x90)];
/** `push $image; popf` */
const popFlags = (image: number): number[] => [0x68, ...dword(image), 0x9d];

const PORTS: readonly (readonly number[])[] = [
  padded(0xe4, 0x61), // in $0x61, %al
  padded(0xed), // in %dx, %eax
  padded(0x66, 0xed), // in %dx, %ax
  padded(0xe6, 0x80), // out %al, $0x80
  padded(0xef), // out %eax, %dx
];

/** IRET to the instruction behind it, with a flag changed. */
const returnToSelf = (flag: number): number[] => [
  ...[0x8c, 0xd0, 0x50, 0x54, 0x48, 0x83, 0x04, 0x24, 0x08], // mov %ss, %eax; push %rax; push %rsp; addq $8, (%rsp)
  ...[0x9c, 0x48, 0x81, 0x34, 0x24, ...dword(flag)], // pushf; xorq $flag, (%rsp)
  ...[0x8c, 0xc8, 0x50, 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50], // mov %cs, %eax; push %rax; lea 3(%rip), %rax; push %rax
  ...[0x48, 0xcf], // iretq
];

const OTHERS: readonly (readonly number[])[] = [
  [0x0f, 0x31, 0x48, 0x01, 0xc3], // rdtsc; add %rax, %rbx
  [0x0f, 0x01, 0xf9, 0x48, 0x01, 0xc3], // rdtscp; add %rax, %rbx
  [0x9c, 0x5a], // pushf; pop %rdx
  popFlags(FLAG.fixed),
  popFlags(FLAG.cf | FLAG.of | FLAG.df | FLAG.id | FLAG.iopl),
  popFlags(FLAG.if | FLAG.ac),
  popFlags(FLAG.nt),
  ...[0, FLAG.cf, FLAG.df, FLAG.if, FLAG.ac, FLAG.iopl].map(returnToSelf),
  padded(0xfa), // cli
];

const EVENTS: readonly (readonly number[])[] = [
  setByte(SHARED + evtchnUpcallMask, 1),
  setByte(SHARED + evtchnUpcallMask, 0),
  setByte(SHARED + evtchnUpcallPending, 1),
];

const pieces = (...from: readonly (readonly number[])[]) =>
  fc.array(fc.constantFrom(...from), { maxLength: 6 }).map((parts) => parts.flat());

const scene: fc.Arbitrary<TwoSides> = fc
  .record({
    kernel: pieces(...PORTS, ...OTHERS, ...EVENTS),
    user: pieces(...PORTS, ...OTHERS),
    withEvents: fc.boolean(),
    withPrivilege: fc.nat(7).map((draw) => draw === 0),
    ioPrivilege: fc.constantFrom(0, 1, 1, 3),
  })
  .map((drawn) => ({ ...PLAIN, ...drawn }));

describe.each(ENGINES)("instructions of a 64-bit guest that are usual, %s", (_name, tuning) => {
  test("do what the hypervisor and the system operations do, to the nanosecond", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        scene,
        fc.integer({ min: 500, max: 4000 }),
        fc.constantFrom(1, 4, 3),
        (given, first, instructionNs) => {
          const stops = [first, first + 7, first + 1008, 9000].map((after) => SET_UP + after);
          const seen = runTwoSides(given, { directGates: true, tuning, instructionNs }, stops);
          expect(seen).toEqual(runTwoSides(given, { ...REFERENCE, instructionNs }, stops));
        },
      ),
      { numRuns: 16 },
    );
  });
});

test("ports that are absent are worth comparing: a kernel that may use them goes on behind them", () => {
  for (const port of PORTS) {
    const given = { ...PLAIN, kernel: [...port, ...PLAIN.kernel], ioPrivilege: 1 };
    const [seen] = runTwoSides(given, { directGates: true, tuning: {} }, [SET_UP + 20_000]) as [
      { registers: string },
    ];
    expect(Number.parseInt(/rbx (\w+)/.exec(seen.registers)?.[1] ?? "", 16)).toBeGreaterThan(10);
  }
});
