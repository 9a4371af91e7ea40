import { toMfn } from "@xenolith/machine-interface";
import { entryFrame, PAGE_TABLE_SHAPE, PTE, tableIndex } from "@xenolith/x86-architecture";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildBootstrapTables } from "../../src/bootstrap-tables.ts";
import { type KernelImage, readKernelImage } from "../../src/index.ts";
import { planMemory } from "../../src/memory-plan.ts";
import { makeKernel, paeNotes } from "../make-kernel.ts";

const arbitraryDomain = fc.record({
  kernelBytes: fc.integer({ min: 4096, max: 3 << 20 }),
  ramdiskBytes: fc.nat(3 << 20),
  memoryPages: fc.integer({ min: 1024, max: 8192 }),
});

describe("bootstrap page tables", () => {
  it("map VIRT_BASE + n pages to the n-th frame, tables read-only, and nothing else", () => {
    fc.assert(
      fc.property(arbitraryDomain, fc.nat(), ({ kernelBytes, ramdiskBytes, memoryPages }, salt) => {
        const image = readKernelImage(makeKernel({ notes: paeNotes, memoryBytes: kernelBytes }));
        if (image.kind === "problem") throw new Error(image.message);
        const plan = planMemory(image, ramdiskBytes, memoryPages);
        if ("kind" in plan) return;
        const frames = Array.from({ length: memoryPages }, (_, page) =>
          toMfn(100 + ((page * 7919 + salt) % 65_521)),
        );
        const tables = buildBootstrapTables(image.width, plan, image.virtualBase, frames);
        const byFrame = new Map(
          tables.map((table) => [frames[table.page], new DataView(table.bytes.buffer)]),
        );

        const walk = (address: number): { frame: number; writable: boolean } | null => {
          let frame: number = frames[plan.tables.first] ?? -1;
          for (let level = 3; ; level--) {
            const view = byFrame.get(toMfn(frame));
            const at = tableIndex(PAGE_TABLE_SHAPE.pae, level, address) * 8;
            const low = view?.getUint32(at, true) ?? 0;
            if ((low & PTE.present) === 0) return null;
            frame = entryFrame(low, view?.getUint32(at + 4, true) ?? 0);
            if (level === 1) return { frame, writable: (low & PTE.writable) !== 0 };
          }
        };

        for (const page of [0, plan.startInfo, plan.stack, plan.tables.first, salt % plan.mappedPages]) {
          const isTable = page >= plan.tables.first && page < plan.tables.first + plan.tables.count;
          expect(walk(image.virtualBase + page * 4096)).toEqual({ frame: frames[page], writable: !isTable });
        }
        expect(walk(image.virtualBase + plan.mappedPages * 4096)).toBeNull();
        expect(walk(0xf580_0000)).toBeNull();
        expect(byFrame.size).toBe(plan.tables.count);
      }),
      { numRuns: 60 },
    );
  });
});

/** A 64-bit kernel in the last 2 GiB that wants its list of frames elsewhere and takes its ramdisk by page number. */
const wideImage = (kernelBytes: number): KernelImage => {
  const virtualBase = -0x8000_0000;
  return {
    kind: "kernel",
    width: "x86_64",
    guestOs: "test",
    virtualBase,
    entry: virtualBase,
    hypercallPage: null,
    modStartPfn: true,
    initP2m: 0x80_0000_0000,
    parts: [],
    end: virtualBase + kernelBytes,
  };
};

describe("a list of frames at an address of its own", () => {
  it("is mapped there by tables of its own, behind what is mapped with the kernel", () => {
    fc.assert(
      fc.property(arbitraryDomain, fc.nat(), ({ kernelBytes, ramdiskBytes, memoryPages }, salt) => {
        const image = wideImage(kernelBytes);
        const plan = planMemory(image, ramdiskBytes, memoryPages);
        if ("kind" in plan) return;
        const frames = Array.from({ length: memoryPages }, (_, page) => toMfn(100 + page));
        const tables = buildBootstrapTables(image.width, plan, image.virtualBase, frames);
        const byFrame = new Map(tables.map(({ page, bytes }) => [page + 100, new DataView(bytes.buffer)]));
        const walk = (address: number): number | null => {
          let frame: number = plan.tables.first + 100;
          for (let level = 4; level > 0; level--) {
            const at = tableIndex(PAGE_TABLE_SHAPE.long, level, address) * 8;
            const low = byFrame.get(frame)?.getUint32(at, true) ?? 0;
            if ((low & PTE.present) === 0) return null;
            frame = entryFrame(low, byFrame.get(frame)?.getUint32(at + 4, true) ?? 0);
          }
          return frame - 100;
        };

        const { frameList, frameListTables, frameListBase } = plan;
        const page = salt % frameList.count;
        expect(walk(frameListBase + page * 4096)).toBe(frameList.first + page);
        expect(walk(frameListBase + frameList.count * 4096)).toBeNull();
        expect(walk(image.virtualBase + plan.stack * 4096)).toBe(plan.stack);
        expect(walk(image.virtualBase + plan.mappedPages * 4096)).toBeNull();
        expect(plan.ramdisk.first).toBeGreaterThanOrEqual(plan.mappedPages);
        expect(frameList.first).toBe(plan.ramdisk.first + plan.ramdisk.count);
        expect(frameListTables.first).toBe(frameList.first + frameList.count);
        expect(frameListTables.first + frameListTables.count).toBeLessThanOrEqual(memoryPages);
        expect(tables.length).toBe(plan.tables.count + frameListTables.count);
      }),
      { numRuns: 60 },
    );
  });
});

describe("memory plan", () => {
  it("keeps all runs apart, in the order of the ABI, within the domain", () => {
    fc.assert(
      fc.property(arbitraryDomain, ({ kernelBytes, ramdiskBytes, memoryPages }) => {
        const image = readKernelImage(makeKernel({ notes: paeNotes, memoryBytes: kernelBytes }));
        if (image.kind === "problem") throw new Error(image.message);
        const plan = planMemory(image, ramdiskBytes, memoryPages);
        if ("kind" in plan) {
          expect(plan.message).toMatch(/need/);
          return;
        }
        const starts = [
          0,
          plan.ramdisk.first,
          plan.frameList.first,
          plan.startInfo,
          plan.store,
          plan.console,
          plan.tables.first,
          plan.stack,
        ];
        expect(starts).toEqual([...starts].sort((a, b) => a - b));
        expect(plan.ramdisk.first + plan.ramdisk.count).toBe(plan.frameList.first);
        expect(plan.frameList.first + plan.frameList.count).toBe(plan.startInfo);
        expect(plan.tables.first + plan.tables.count).toBe(plan.stack);
        expect(plan.stack).toBeLessThan(memoryPages);
      }),
    );
  });
});
