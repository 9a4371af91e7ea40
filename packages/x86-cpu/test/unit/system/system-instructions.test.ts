import { CR0, CR4, FLAG, REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import { describe, expect, it } from "vitest";
import { OUTCOME } from "../../../src/engine/system-operations.ts";
import { STATE } from "../../../src/state/layout.ts";
import { GP, NP, UD } from "../../support/faults.ts";
import {
  atPrivilege,
  createSystemBench,
  KIND,
  PLACE,
  SELECTOR,
  type SystemBench,
} from "../../support/system-bench.ts";

const inRing = (ring: 0 | 1 | 2 | 3, monitored = false): SystemBench => {
  const bench = createSystemBench({ monitored });
  bench.enter(ring);
  return bench;
};

/** Instructions that only ring 0 may use, with registers as a bench has them. */
const PRIVILEGED = [
  ["HLT", "f4"],
  ["CLTS", "0f06"],
  ["INVD", "0f08"],
  ["WBINVD", "0f09"],
  ["INVLPG", "0f0138"],
  ["LGDT", "0f0110"],
  ["LIDT", "0f0118"],
  ["LLDT", "0f00d0"],
  ["LTR", "0f00d8"],
  ["LMSW", "0f01f0"],
  ["MOV from CR0", "0f20c0"],
  ["MOV to CR3", "0f22d8"],
  ["MOV from DR0", "0f21c0"],
  ["MOV to DR7", "0f23f8"],
  ["RDMSR", "0f32"],
  ["WRMSR", "0f30"],
  ["RDPMC", "0f33"],
  ["SYSEXIT", "0f35"],
] as const;

describe("privileged instructions outside ring 0", () => {
  it.each(PRIVILEGED)("%s raises #GP(0)", (_name, bytes) => {
    const bench = inRing(3);
    const before = bench.snapshot();
    expect(bench.run(bytes)).toBe(GP(0));
    expect(bench.snapshot()).toEqual(before);
  });

  it.each([
    ...PRIVILEGED,
    ["CLI", "fa"],
    ["STI", "fb"],
    ["IN", "e480"],
    ["OUT", "e680"],
    ["INS", "6c"],
    ["OUTS", "6e"],
  ] as const)("%s is left to a monitor", (_name, bytes) => {
    const bench = inRing(1, true);
    const before = bench.snapshot();
    expect(bench.run(bytes)).toBe(OUTCOME.privileged);
    expect(bench.snapshot()).toEqual(before);
  });
});

describe("flags", () => {
  it("CLI and STI need IOPL; STI holds interrupts back once", () => {
    const bench = inRing(1);
    expect([bench.run("fa"), bench.run("fb")]).toEqual([GP(0), GP(0)]);
    bench.state.flags = 0x1000;
    expect([bench.run("fb"), bench.run("fb"), bench.run("fa")]).toEqual([
      OUTCOME.shadow,
      OUTCOME.next,
      OUTCOME.next,
    ]);
    expect(bench.state.flags).toBe(0x1000 | FLAG.fixed);
  });

  it("PUSHF hides VM and RF, POPF changes what the privilege may", () => {
    const bench = inRing(3);
    bench.state.flags = FLAG.rf | FLAG.if | FLAG.cf;
    bench.run("9c");
    expect(bench.stack(1)).toEqual([FLAG.if | FLAG.cf | FLAG.fixed]);
    bench.view.setUint32(bench.state.register(4), FLAG.iopl | FLAG.zf | FLAG.id | FLAG.vif | FLAG.vm, true);
    expect(bench.run("9d")).toBe(OUTCOME.next);
    expect(bench.state.flags).toBe(FLAG.if | FLAG.zf | FLAG.id | FLAG.fixed);
    expect(bench.state.register(4)).toBe(PLACE.stack);
  });
});

describe("ports", () => {
  it("are open to IOPL and to the bits of the permission map", () => {
    const bench = inRing(3);
    bench.state.setSegment(SEGMENT.tr, {
      selector: SELECTOR.tss,
      base: PLACE.tss,
      limit: 0x68 + 16,
      attributes: 0x8b,
    });
    bench.view.setUint16(PLACE.tss + 102, 0x68, true);
    bench.view.setUint8(PLACE.tss + 0x68, 0b1110_0111);
    bench.state.setRegister(REGISTER.rdx, 3);
    expect(bench.run("ee")).toBe(OUTCOME.next);
    bench.state.setRegister(REGISTER.rdx, 4);
    expect([bench.run("66ef"), bench.run("ee")]).toEqual([GP(0), OUTCOME.next]);
    bench.state.setRegister(REGISTER.rdx, 16 * 8);
    expect(bench.run("ee")).toBe(GP(0));
    bench.state.flags = FLAG.iopl;
    expect(bench.run("ee")).toBe(OUTCOME.next);
    expect(bench.portWrites.map(([port]) => port)).toEqual([3, 4, 128]);
  });

  it("IN merges by size", () => {
    const bench = inRing(0);
    bench.state.setRegister(0, 0xffff_ffff);
    bench.run("e412");
    expect(bench.state.register(0)).toBe(0xffff_ff12);
    bench.run("66e512");
    expect(bench.state.register(0)).toBe(0xffff_1212);
    bench.run("e512");
    expect(bench.state.register(0)).toBe(0x1212_1212);
  });

  it("REP OUTSB and REP INSW go one element at a time", () => {
    const bench = inRing(0);
    for (const [register, value] of [
      [REGISTER.rcx, 2],
      [REGISTER.rdx, 0x80],
      [REGISTER.rsi, PLACE.data],
    ] as const) {
      bench.state.setRegister(register, value);
    }
    bench.view.setUint16(PLACE.data, 0x4241, true);
    expect([bench.run("f36e"), bench.run("f36e"), bench.run("f36e")]).toEqual([
      OUTCOME.again,
      OUTCOME.next,
      OUTCOME.next,
    ]);
    expect(bench.portWrites).toEqual([
      [0x80, 1, 0x41],
      [0x80, 1, 0x42],
    ]);
    expect([bench.state.register(REGISTER.rcx), bench.state.register(REGISTER.rsi)]).toEqual([
      0,
      PLACE.data + 2,
    ]);
    bench.state.setRegister(REGISTER.rcx, 1);
    bench.state.setRegister(REGISTER.rdi, PLACE.data + 8);
    bench.state.flags = FLAG.df;
    expect(bench.run("f3666d")).toBe(OUTCOME.next);
    expect(bench.view.getUint16(PLACE.data + 8, true)).toBe(0x8080);
    expect(bench.state.register(REGISTER.rdi)).toBe(PLACE.data + 6);
  });

  it("INS to memory that cannot be written reads no port and counts nothing", () => {
    const bench = inRing(0);
    bench.state.setRegister(REGISTER.rcx, 5);
    bench.state.setRegister(REGISTER.rdi, 0x2_0000);
    bench.missing.add(0x20);
    const before = bench.state.register(REGISTER.rcx);
    expect(bench.run("f36c") >>> 16).toBe(0x400e);
    expect(bench.state.register(REGISTER.rcx)).toBe(before);
  });
});

describe("control registers", () => {
  it.each([
    ["paging without protection", 0, CR0.pg, GP(0)],
    ["not-write-through with the cache on", 0, CR0.pe | CR0.nw, GP(0)],
    ["a reserved bit of CR4", 4, 0x8000, GP(0)],
    ["CR1", 1, 0, UD],
    ["CR5", 5, 0, UD],
  ] as const)("refuse %s", (_name, number, value, outcome) => {
    const bench = inRing(0);
    bench.state.setRegister(0, value >>> 0);
    expect(bench.run(`0f22${(0xc0 + number * 8).toString(16)}`)).toBe(outcome);
  });

  it("CR0 keeps ET, drops bits that do not exist, and LMSW cannot leave protected mode", () => {
    const bench = inRing(0);
    bench.state.setRegister(0, 0x1000_0001 | CR0.wp);
    bench.run("0f22c0");
    expect(bench.state.control(0)).toBe(CR0.pe | CR0.et | CR0.wp);
    bench.state.setRegister(0, CR0.ts);
    bench.run("0f01f0");
    expect(bench.state.control(0)).toBe(CR0.pe | CR0.et | CR0.wp | CR0.ts);
    bench.run("0f06");
    expect(bench.state.control(0) & CR0.ts).toBe(0);
    bench.run("0f01e0");
    expect(bench.state.register(0)).toBe(bench.state.control(0));
  });

  it("a PAE root with reserved bits is refused when it comes into force", () => {
    const bench = inRing(0);
    bench.state.setControl(4, CR4.pae);
    bench.state.setControl(0, (CR0.pe | CR0.pg) >>> 0);
    bench.state.setRegister(0, PLACE.data);
    bench.view.setUint32(PLACE.data + 8, 0x3001, true);
    expect(bench.run("0f22d8")).toBe(OUTCOME.next);
    bench.view.setUint32(PLACE.data + 8, 0x3003, true);
    expect(bench.run("0f22d8")).toBe(GP(0));
  });

  it("a PAE root is read again when a bit of CR0 or CR4 changes that matters to it", () => {
    const bench = inRing(0);
    const { state, view } = bench;
    state.setControl(4, CR4.pae);
    state.setControl(0, (CR0.pe | CR0.pg) >>> 0);
    const change = (entry: number, code: string, value: number): bigint => {
      view.setUint32(PLACE.data + 8, entry, true);
      state.setRegister(0, value);
      expect(bench.run(code)).toBe(OUTCOME.next);
      return state.wide(STATE.rootEntries + 8);
    };
    state.setControl(3, PLACE.data);
    expect(change(0x3001, "0f22c0", (CR0.pe | CR0.pg | CR0.wp) >>> 0)).toBe(0n);
    expect(change(0x4001, "0f22c0", (CR0.pe | CR0.pg | CR0.cd) >>> 0)).toBe(0x4001n);
    expect(change(0x5001, "0f22e0", CR4.pae | CR4.de)).toBe(0x4001n);
    expect(change(0x5001, "0f22e0", CR4.pae | CR4.pge)).toBe(0x5001n);
  });
});

describe("tables and system segments", () => {
  it("LGDT and SGDT carry limit and base; 16-bit operands have 24 bits of base", () => {
    const bench = inRing(0);
    bench.view.setUint16(PLACE.data, 0x7ff, true);
    bench.view.setUint32(PLACE.data + 2, 0x1200_4000, true);
    bench.state.setRegister(0, PLACE.data);
    bench.run("0f0110");
    expect(bench.state.gdtr).toEqual({ base: 0x1200_4000, limit: 0x7ff });
    bench.run("660f0118");
    expect(bench.state.idtr).toEqual({ base: 0x4000, limit: 0x7ff });
    bench.state.setRegister(0, PLACE.data + 16);
    bench.run("0f0100");
    expect([
      bench.view.getUint16(PLACE.data + 16, true),
      bench.view.getUint32(PLACE.data + 18, true),
    ]).toEqual([0x7ff, 0x1200_4000]);
  });

  it("LTR marks the TSS busy and does not take a busy one; LLDT takes a local table or none", () => {
    const bench = inRing(0);
    bench.state.setRegister(0, SELECTOR.tss);
    expect(bench.run("0f00d8")).toBe(OUTCOME.next);
    expect(bench.state.segment(SEGMENT.tr)).toMatchObject({ base: PLACE.tss, attributes: 0x8b });
    expect(bench.run("0f00d8")).toBe(GP(SELECTOR.tss));
    expect(bench.run("0f00d0")).toBe(GP(SELECTOR.tss));
    bench.state.setRegister(0, SELECTOR.ldt);
    expect(bench.run("0f00d0")).toBe(OUTCOME.next);
    bench.describe(0x4, 0, 0xf_ffff, KIND.data);
    bench.state.setRegister(0, 4);
    expect(bench.run("8ed8")).toBe(OUTCOME.next);
    bench.state.setRegister(0, 0);
    expect([bench.run("0f00d0"), bench.run("0f00d8")]).toEqual([OUTCOME.next, GP(0)]);
    bench.describe(SELECTOR.free, 0, 0xff, KIND.ldt & ~0x80);
    bench.state.setRegister(0, SELECTOR.free);
    expect(bench.run("0f00d0")).toBe(NP(SELECTOR.free));
  });
});

describe("descriptor inspection", () => {
  const ask = (bench: SystemBench, bytes: string, selector: number): [boolean, number] => {
    bench.state.setRegister(REGISTER.rax, 0xdead_beef);
    bench.state.setRegister(REGISTER.rcx, selector);
    expect(bench.run(bytes)).toBe(OUTCOME.next);
    return [(bench.state.flags & FLAG.zf) !== 0, bench.state.register(REGISTER.rax)];
  };

  it("LAR and LSL tell what the privilege may see, and otherwise clear ZF alone", () => {
    const bench = inRing(3);
    expect(ask(bench, "0f02c1", SELECTOR.data[3])).toEqual([true, 0x00cf_f300]);
    expect(ask(bench, "0f03c1", SELECTOR.data[3])).toEqual([true, 0xffff_ffff]);
    expect(ask(bench, "660f03c1", SELECTOR.data[3])).toEqual([true, 0xdead_ffff]);
    for (const selector of [SELECTOR.data[0], 0, 0x1000, SELECTOR.tss]) {
      expect(ask(bench, "0f02c1", selector)).toEqual([false, 0xdead_beef]);
    }
    const kernel = inRing(0);
    expect(ask(kernel, "0f03c1", SELECTOR.tss)).toEqual([true, 0x67]);
    kernel.gate({ selector: SELECTOR.free }, 12, 0, [8, 0]);
    expect(ask(kernel, "0f02c1", SELECTOR.free)[0]).toBe(true);
    expect(ask(kernel, "0f03c1", SELECTOR.free)[0]).toBe(false);
  });

  it("VERR and VERW answer whether a segment could be read or written", () => {
    const bench = inRing(3);
    const verdicts = (attributes: number): boolean[] => {
      bench.describe(SELECTOR.free, 0, 0xf_ffff, attributes);
      return ["0f00e1", "0f00e9"].map((bytes) => ask(bench, bytes, SELECTOR.free | 3)[0]);
    };
    expect(verdicts(atPrivilege(KIND.data, 3))).toEqual([true, true]);
    expect(verdicts(atPrivilege(KIND.readOnly, 3))).toEqual([true, false]);
    expect(verdicts(atPrivilege(KIND.code, 3))).toEqual([true, false]);
    expect(verdicts(KIND.conforming)).toEqual([true, false]);
    expect(verdicts(atPrivilege(KIND.executeOnly, 3))).toEqual([false, false]);
    expect(verdicts(KIND.data)).toEqual([false, false]);
    expect(verdicts(KIND.ldt)).toEqual([false, false]);
  });

  it("ARPL raises the RPL and says so", () => {
    const bench = inRing(3);
    bench.state.setRegister(REGISTER.rcx, 3);
    bench.state.setRegister(REGISTER.rax, 0x1234_0011);
    bench.run("63c8");
    expect([bench.state.register(0), bench.state.flags & FLAG.zf]).toEqual([0x1234_0013, FLAG.zf]);
    bench.run("63c8");
    expect(bench.state.flags & FLAG.zf).toBe(0);
  });
});

describe("model-specific registers, time and identification", () => {
  const wrmsr = (bench: SystemBench, index: number, low: number, high = 0): number => {
    bench.state.setRegister(REGISTER.rcx, index);
    bench.state.setRegister(REGISTER.rax, low);
    bench.state.setRegister(REGISTER.rdx, high);
    return bench.run("0f30");
  };
  const result = (bench: SystemBench): [number, number] => [
    bench.state.register(REGISTER.rdx),
    bench.state.register(REGISTER.rax),
  ];

  it("keep what is written, refuse reserved bits and unknown registers", () => {
    const bench = inRing(0);
    expect(wrmsr(bench, 0x174, 8)).toBe(OUTCOME.next);
    bench.run("0f32");
    expect(result(bench)).toEqual([0, 8]);
    expect(wrmsr(bench, 0x277, 0x0800_0000)).toBe(GP(0));
    expect(wrmsr(bench, 0x1234, 0)).toBe(GP(0));
    expect(bench.run("0f32")).toBe(GP(0));
  });

  it("RDTSC gives the machine's counter, moved by WRMSR; TSD keeps it from outer rings", () => {
    const bench = inRing(0);
    bench.run("0f31");
    expect(result(bench)).toEqual([1, 0x2345_6789]);
    wrmsr(bench, 0x10, 5, 7);
    bench.run("0f31");
    expect(result(bench)).toEqual([7, 5]);
    const user = inRing(3);
    expect(user.run("0f31")).toBe(OUTCOME.next);
    user.state.setControl(4, CR4.tsd);
    expect(user.run("0f31")).toBe(GP(0));
  });

  it("RDTSC and CPUID are left to a monitor that asks for them", () => {
    const bench = createSystemBench({
      monitored: true,
      environment: { trapTimestamp: true, trapCpuid: true },
    });
    expect([bench.run("0f31"), bench.run("0fa2")]).toEqual([OUTCOME.privileged, OUTCOME.privileged]);
  });

  it("CPUID names the vendor and zeros leaves that do not exist", () => {
    const bench = inRing(3);
    bench.state.setRegister(REGISTER.rax, 0);
    bench.run("0fa2");
    const [ebx, ecx, edx] = [REGISTER.rbx, REGISTER.rcx, REGISTER.rdx].map((index) =>
      bench.state.register(index),
    );
    const name = new Uint8Array(new Uint32Array([ebx ?? 0, edx ?? 0, ecx ?? 0]).buffer);
    expect(new TextDecoder().decode(name)).toBe("GenuineIntel");
    bench.state.setRegister(REGISTER.rax, 0x4000_0000);
    bench.run("0fa2");
    expect(bench.state.register(REGISTER.rax)).toBe(0);
  });
});

describe("SYSENTER and SYSEXIT", () => {
  it("go to ring 0 and back with flat segments", () => {
    const bench = inRing(3);
    for (const [slot, value] of [
      [1, 8n],
      [2, 0x9000n],
      [3, 0x3000n],
    ] as const)
      bench.state.setMsr(slot, value);
    bench.state.flags = FLAG.if;
    expect(bench.run("0f34")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.instructionPointer, bench.state.register(4)]).toEqual([
      0, 0x3000, 0x9000,
    ]);
    expect(bench.state.flags & FLAG.if).toBe(0);
    bench.state.setRegister(REGISTER.rcx, 0x8000);
    bench.state.setRegister(REGISTER.rdx, 0x2000);
    expect(bench.run("0f35")).toBe(OUTCOME.jumped);
    expect([bench.state.privilege, bench.state.instructionPointer, bench.state.register(4)]).toEqual([
      3, 0x2000, 0x8000,
    ]);
    expect([bench.state.selector(SEGMENT.cs), bench.state.selector(SEGMENT.ss)]).toEqual([0x1b, 0x23]);
  });

  it("fault without a selector", () => {
    expect(inRing(3).run("0f34")).toBe(GP(0));
    expect(inRing(0).run("0f35")).toBe(GP(0));
  });
});

describe("INVLPG", () => {
  it("forgets the page of the linear address", () => {
    const bench = inRing(0);
    bench.state.setRegister(0, 0xffff_fff0);
    bench.state.setSegment(SEGMENT.ds, { selector: 8, base: 0x20, limit: 0xfff, attributes: KIND.data });
    expect(bench.run("0f0138")).toBe(OUTCOME.next);
    expect(bench.invalidated).toEqual([0x10]);
  });
});
