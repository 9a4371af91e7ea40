import { ACCESS, FRAME_WATCH, HostError, toAsid, toLinearAddress, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { describe, expect, it } from "vitest";
import { createAddressTranslator } from "../../src/index.ts";
import { type Bench, baseContext, createBench } from "../support/setup.ts";

const ROOT = 16;
const TABLE = 17;
const { read, write, execute, user, narrow } = ACCESS;

/** Two-level tables that map 0x1000 * n to frame 100 + n with the given low bits, n from 0 to 7. */
const mapEight = (bench: Bench, flags: number): void => {
  bench.memory.words[(ROOT * 4096) / 4] = TABLE * 4096 + 7;
  for (let n = 0; n < 8; n++) bench.memory.words[(TABLE * 4096) / 4 + n] = (100 + n) * 4096 + flags;
  bench.setContext({ format: "two-level", rootAddress: ROOT * 4096 });
};

const pte = (bench: Bench, n: number): number => bench.memory.words[(TABLE * 4096) / 4 + n] ?? 0;

describe("TLB entries", () => {
  it("carry page, space, narrow and user in the tag, and lead to the frame", () => {
    const bench = createBench();
    mapEight(bench, 7);
    expect(bench.active(0x3456, read | user | narrow)).toEqual({
      result: "filled",
      hostAddress: 103 * 4096 + 0x456,
    });
    const entry = bench.entry(0x3456, read);
    expect(entry.tag).toBe(bench.tagOf(0x3456, 3));
    expect(entry.frame).toBe(103);
    expect((entry.addend + 0x3456) >>> 0).toBe(103 * 4096 + 0x456);
  });

  it("of a read or a fetch allow no write, even where the page is dirty", () => {
    const bench = createBench();
    mapEight(bench, 0x67);
    bench.active(0x1000, read);
    bench.active(0x1000, execute);
    expect(bench.entry(0x1000, write).tag).toBe(-1n);
  });

  it("of a write exist only once the page is dirty", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.active(0x1000, write);
    expect(pte(bench, 1) & 0x60).toBe(0x60);
    expect(bench.entry(0x1000, write).tag).toBe(bench.tagOf(0x1000, 0));
  });

  it("of high addresses in long format are sign-extended", () => {
    const bench = createBench();
    const at = -0x8000_0000;
    const tables = [16, 17, 18, 19];
    const indices = [511, 510, 0, 0];
    for (const [i, table] of tables.entries()) {
      bench.memory.words[(table * 4096 + (indices[i] ?? 0) * 8) / 4] = (tables[i + 1] ?? 100) * 4096 + 3;
    }
    bench.setContext({ format: "long", rootAddress: 16 * 4096 });
    expect(bench.active(at + 8, read)).toEqual({ result: "filled", hostAddress: 100 * 4096 + 8 });
    expect(bench.entry(at, read).tag).toBe(BigInt(at) | BigInt(bench.translator.activate(bench.space)));
  });
});

describe("frame watch", () => {
  it("makes writes direct, and only writes", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.memory.watch(toMfn(102), FRAME_WATCH.code);
    expect(bench.active(0x2010, write)).toEqual({ result: "direct", hostAddress: 102 * 4096 + 0x10 });
    expect(bench.entry(0x2010, write).tag).toBe(-1n);
    expect(bench.active(0x2010, read).result).toBe("filled");
    bench.memory.unwatch(toMfn(102), FRAME_WATCH.code);
    expect(bench.active(0x2010, write).result).toBe("filled");
  });

  it("withdraws the write entries of the frame and keeps the others", () => {
    const bench = createBench();
    mapEight(bench, 7);
    for (const kind of [read, write]) for (const at of [0x2000, 0x3000]) bench.active(at, kind);
    bench.memory.watch(toMfn(102), FRAME_WATCH.hook);
    expect(bench.entry(0x2000, write).tag).toBe(-1n);
    expect(bench.entry(0x2000, read).tag).toBe(bench.tagOf(0x2000, 0));
    expect(bench.entry(0x3000, write).tag).toBe(bench.tagOf(0x3000, 0));
  });

  it("sees the accessed and dirty bits that a walk sets in a watched table", () => {
    const bench = createBench();
    mapEight(bench, 7);
    const heard: number[] = [];
    bench.memory.onWrite(FRAME_WATCH.dirtyLog, (frame, offset) => heard.push(frame, offset));
    bench.memory.watch(toMfn(TABLE), FRAME_WATCH.dirtyLog);
    bench.active(0x3000, read);
    bench.active(0x3000, read);
    expect(heard).toEqual([TABLE, 12]);
  });
});

describe("invalidation", () => {
  it("of a page within a 4 MiB page forgets all of that page", () => {
    const bench = createBench();
    bench.memory.words[(ROOT * 4096) / 4] = 1024 * 4096 + 0x87;
    bench.setContext({ format: "two-level", rootAddress: ROOT * 4096 });
    bench.active(0x3000, read);
    bench.active(0x3f_f000, read);
    bench.translator.invalidate(bench.space, toLinearAddress(0x5000));
    for (const at of [0x3000, 0x3f_f000]) expect(bench.entry(at, read).tag).not.toBe(bench.tagOf(at, 0));
  });

  it("of a page outside the range of large pages forgets that page alone", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.memory.words[(ROOT * 4096) / 4 + 1] = 1024 * 4096 + 0x87;
    bench.setContext({ format: "two-level", rootAddress: ROOT * 4096 });
    bench.active(0x40_3000, read);
    bench.active(0x1000, read);
    bench.translator.invalidate(bench.space, toLinearAddress(0x1000));
    expect(bench.entry(0x1000, read).tag).toBe(-1n);
    expect(bench.entry(0x40_3000, read).tag).toBe(bench.tagOf(0x40_3000, 0));
  });

  it("of a page forgets its entries of every kind and privilege, and no other page", () => {
    const bench = createBench();
    mapEight(bench, 7);
    for (const at of [0x1000, 0x2000])
      for (const access of [read, write | user, execute | narrow]) bench.active(at, access);
    bench.translator.invalidate(bench.space, toLinearAddress(0x1abc));
    for (const kind of [read, write, execute]) {
      expect(bench.entry(0x1000, kind).tag).toBe(-1n);
      expect(bench.entry(0x2000, kind).tag).not.toBe(-1n);
    }
  });

  it("of the root forgets everything", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.active(0x1000, read);
    bench.translator.change(bench.space, bench.translator.contextOf(bench.space));
    expect(bench.entry(0x1000, read).tag).not.toBe(bench.tagOf(0x1000, 0));
  });

  it("leaves an executor that goes on without activating able to get on, uncached", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.translator.invalidate(bench.space);
    expect(bench.active(0x1000, read)).toEqual({ result: "direct", hostAddress: 101 * 4096 });
  });
});

describe("a page of 1 GiB", () => {
  const FIRST = 2 ** 39 + 2 ** 30;

  it.each([
    ["is one page where it is offered", true, 0, { result: "filled", hostAddress: 0x12_3456 }],
    ["is a reserved bit where it is not", false, 0, { result: "fault", errorCode: 9 }],
    ["must be aligned", true, 0x2000, { result: "fault", errorCode: 9 }],
  ])("%s", (_name, hugePages, extra, answer) => {
    for (const ask of ["active", "reference"] as const) {
      const bench = createBench();
      bench.memory.words[(ROOT * 4096) / 4 + 2] = TABLE * 4096 + 7;
      bench.memory.words[(TABLE * 4096) / 4 + 2] = 0x87 + extra;
      bench.setContext({ format: "long", rootAddress: ROOT * 4096, hugePages });
      expect(bench[ask](FIRST + 0x12_3456, read)).toMatchObject(answer);
      bench.translator.invalidate(bench.space, toLinearAddress(FIRST));
      expect(bench.entry(FIRST + 0x12_3456, read).tag).not.toBe(bench.tagOf(FIRST + 0x12_3456, 0));
    }
  });
});

describe("memory that is not there", () => {
  it("reads as ones, loses writes and is never cached", () => {
    const bench = createBench();
    mapEight(bench, 7);
    bench.memory.words[(TABLE * 4096) / 4] = 0xf000_0007;
    for (const access of [write, read]) {
      const answer = bench.active(0x20, access);
      if (answer.result !== "direct") return expect.fail(JSON.stringify(answer));
      expect(answer.hostAddress).toBeGreaterThanOrEqual(bench.memory.ramBytes);
      expect(bench.memory.bytes[answer.hostAddress]).toBe(0xff);
      bench.memory.bytes[answer.hostAddress] = 1;
    }
    expect(bench.active(0, execute)).toMatchObject({ result: "fault", errorCode: 9 });
    expect(bench.translator.probe(bench.space, toLinearAddress(0), read)).toEqual({
      mapped: false,
      errorCode: 9,
    });
  });

  it("holds tables of ones, into which nothing is written", () => {
    const bench = createBench();
    const before = bench.memory.bytes.slice(bench.memory.ramBytes);
    bench.setContext({ format: "pae", rootAddress: 0xf000_0000, noExecute: false });
    expect(bench.reference(0x1000, write)).toMatchObject({ result: "fault", errorCode: 11 });
    bench.setContext({ format: "two-level", rootAddress: 0xf000_0000, largePages: false });
    expect(bench.reference(0x1000, write).result).toBe("direct");
    // Only mailbox and scratch page may have changed above RAM: the watch table has not.
    const watchTable = bench.memory.bytes.subarray(
      bench.memory.ramBytes,
      bench.memory.ramBytes + bench.memory.frameCount,
    );
    expect(watchTable).toEqual(before.subarray(0, bench.memory.frameCount));
  });
});

describe("contexts", () => {
  it("without paging map linear to machine addresses", () => {
    const bench = createBench();
    expect(bench.active(0x12_3456, write)).toEqual({ result: "filled", hostAddress: 0x12_3456 });
  });

  it("enforce the linear limit before anything else", () => {
    const bench = createBench();
    bench.setContext({ linearLimit: 0x10_0fff });
    expect(bench.active(0x10_0fff, read).result).toBe("filled");
    expect(bench.active(0x10_1000, read)).toMatchObject({
      result: "fault",
      reason: "linearLimit",
      address: 0x10_1000,
    });
    expect(bench.translator.probe(bench.space, toLinearAddress(0x10_1000), read)).toMatchObject({
      mapped: false,
    });
  });

  it("refuse addresses that are not canonical", () => {
    const bench = createBench();
    bench.setContext({ format: "long", rootAddress: ROOT * 4096 });
    for (const at of [2 ** 47, -(2 ** 47) - 1]) {
      expect(bench.active(at, read)).toMatchObject({ result: "fault", reason: "notCanonical", address: at });
    }
    expect(bench.active(2 ** 47 - 1, read)).toMatchObject({
      result: "fault",
      reason: "pageFault",
      errorCode: 0,
    });
  });

  it("map overlays in front of the tables, as data with their own rights", () => {
    const bench = createBench();
    mapEight(bench, 7);
    const { rootAddress } = bench.translator.contextOf(bench.space);
    const overlay = {
      start: toLinearAddress(0x2000),
      frames: [toMfn(200), toMfn(201)],
      writable: false,
      user: true,
    };
    bench.setContext({ format: "two-level", rootAddress, overlays: [overlay] });
    expect(bench.active(0x3004, read | user)).toEqual({ result: "filled", hostAddress: 201 * 4096 + 4 });
    expect(bench.active(0x3004, write | user)).toMatchObject({ result: "fault", errorCode: 7 });
    expect(bench.active(0x3004, execute)).toMatchObject({ result: "fault", errorCode: 1 });
    expect(bench.active(0x4004, write)).toEqual({ result: "filled", hostAddress: 104 * 4096 + 4 });
    expect(bench.translator.probe(bench.space, overlay.start, read)).toEqual({
      mapped: true,
      frame: 200,
      writable: false,
      user: true,
    });
  });
});

describe("misuse by the host throws", () => {
  it.each([31, 53, 36.5])("a physical width of %d", (physicalAddressBits) => {
    expect(() => createAddressTranslator({ memory: createFakeMemory(), physicalAddressBits })).toThrow(
      HostError,
    );
  });

  it("unknown spaces, limits within a page, overlays that start within one, refills without a space", () => {
    const { translator } = createBench();
    expect(() => translator.activate(toAsid(99))).toThrow(HostError);
    expect(() => translator.open({ ...baseContext, linearLimit: 0x1234 })).toThrow(HostError);
    const overlays = [{ start: toLinearAddress(5), frames: [], writable: true, user: true }];
    expect(() => translator.open({ ...baseContext, overlays })).toThrow(HostError);
    expect(() => createAddressTranslator({ memory: createFakeMemory() }).refillActive(0, 0)).toThrow(
      HostError,
    );
  });
});
