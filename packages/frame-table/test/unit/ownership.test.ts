import { createEntropy } from "@xenolith/machine";
import { FRAME_WATCH, frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { DOMID_INVALID, DOMID_IO, DOMID_XEN, EINVAL, ENOMEM, EPERM } from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { FRAME_TYPE } from "../../src/index.ts";
import { createFixture, DOM1, DOM2, type Fixture, first, leadsTo, RO } from "../support/fixture.ts";

const isZero = ({ memory }: Fixture, frame: Mfn): boolean =>
  memory.bytes.subarray(frameAddress(frame), frameAddress(frame) + PAGE_SIZE).every((byte) => byte === 0);

describe("allocation", () => {
  let fixture: Fixture;
  beforeEach(() => {
    fixture = createFixture();
  });

  it("gives runs of at most 64 frames that never go on, the same for the same seed", () => {
    const { frames } = fixture;
    frames.setMaximumPages(DOM1, 400);
    const taken = fixture.take(DOM1, 400);
    const starts = taken.flatMap((frame, index) => (frame === (taken[index - 1] ?? -1) + 1 ? [] : [index]));
    const lengths = starts.map((start, run) => (starts[run + 1] ?? taken.length) - start);
    expect(Math.max(...lengths)).toBeLessThan(64);
    expect(new Set(lengths).size).toBeGreaterThan(5);
    expect(new Set(taken).size).toBe(400);
    expect(createFixture().take(DOM1, 150)).toEqual(taken.slice(0, 150));
    expect(createFixture({ entropy: createEntropy(8) }).take(DOM1, 150)).not.toEqual(taken.slice(0, 150));
  });

  it("gives the lowest that are free, also those that have been given back", () => {
    const { frames } = fixture;
    const taken = fixture.take(DOM1, 180);
    const returned = taken.slice(10, 20);
    for (const frame of returned) expect(frames.release(DOM1, frame)).toBe(0);
    expect(fixture.take(DOM2, 10).sort((a, b) => a - b)).toEqual(returned.sort((a, b) => a - b));
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("stops at the domain's maximum and at the machine's end, and then gives nothing", () => {
    const { frames } = fixture;
    expect(frames.allocate(DOM1, 201)).toBe(-ENOMEM);
    fixture.take(DOM1, 200);
    expect(frames.pagesOf(DOM1)).toBe(200);
    expect(frames.allocate(DOM1, 1)).toBe(-ENOMEM);
    frames.setMaximumPages(DOM2, 1000);
    const free = frames.freeFrames;
    expect(frames.allocate(DOM2, free + 1)).toBe(-ENOMEM);
    expect(frames.freeFrames).toBe(free);
  });

  it("gives extents that lie where their size says, whatever has been taken before", () => {
    const { frames } = fixture;
    const single = fixture.take(DOM1, 40);
    const taken = new Set<number>(single);
    for (const order of [0, 1, 3, 2, 3]) {
      const extent = frames.allocateExtent(DOM1, order) ?? toMfn(1);
      expect(extent % 2 ** order).toBe(0);
      for (let frame: number = extent; frame < extent + 2 ** order; frame++) {
        expect(taken.has(frame)).toBe(false);
        expect([frames.ownerOf(toMfn(frame)), isZero(fixture, toMfn(frame))]).toEqual([DOM1, true]);
        taken.add(frame);
      }
    }
    expect(frames.pagesOf(DOM1)).toBe(taken.size);
    for (const frame of taken) expect(frames.release(DOM1, toMfn(frame))).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("gives no extent beyond a limit, a maximum, or what lies together", () => {
    const { frames } = fixture;
    const low = frames.allocateExtent(DOM1, 1, 64) ?? toMfn(99);
    expect(low).toBeLessThan(63);
    expect(frames.allocateExtent(DOM1, 3, 8)).toBe(null);
    expect(frames.allocateExtent(DOM1, 8), "200 frames are all it may have").toBe(null);
    frames.setMaximumPages(DOM2, 1_000_000);
    while (frames.allocateExtent(DOM2, 2) !== null);
    const left = frames.freeFrames;
    expect(frames.allocateExtent(DOM2, 2)).toBe(null);
    expect(frames.freeFrames).toBe(left);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("scrubs a frame before anyone gets it again", () => {
    const frame = first(fixture.take(DOM1, 1));
    fixture.memory.bytes.fill(0xab, frameAddress(frame), frameAddress(frame) + PAGE_SIZE);
    expect(fixture.frames.release(DOM1, frame)).toBe(0);
    expect(isZero(fixture, frame)).toBe(true);
    expect(fixture.frames.ownerOf(frame)).toBe(DOMID_INVALID);
    expect(fixture.flushed).toContain(frame);
  });

  it("frees a frame only with its last reference", () => {
    const { frames } = fixture;
    const frame = first(fixture.take(DOM1, 1));
    expect(frames.getPage(frame, DOM1)).toBe(true);
    expect(frames.release(DOM1, frame)).toBe(0);
    expect(frames.ownerOf(frame)).toBe(DOM1);
    expect(frames.pagesOf(DOM1)).toBe(1);
    expect(frames.release(DOM1, frame)).toBe(0);
    expect(frames.ownerOf(frame)).toBe(DOM1);
    frames.putPage(frame);
    expect(frames.ownerOf(frame)).toBe(DOMID_INVALID);
    expect(frames.pagesOf(DOM1)).toBe(0);
  });

  it("refuses to release what is another's, the monitor's or nobody's", () => {
    const { frames } = fixture;
    const foreign = first(fixture.take(DOM2, 1));
    const shared = frames.allocateMonitor() ?? toMfn(0);
    frames.shareMonitor(shared, DOM1, true);
    for (const frame of [foreign, shared, first([...frames.machineToPhysical.frames]), toMfn(9_999_999)]) {
      expect(frames.release(DOM1, frame)).toBe(-EINVAL);
    }
    expect(frames.checkInvariants()).toEqual([]);
  });
});

describe("frames of the monitor", () => {
  it("can be mapped by the domain they are lent to as the loan says, and never become tables", () => {
    const { frames, buildSpace } = createFixture();
    const space = buildSpace(DOM1, 1);
    frames.pin(DOM1, space.root, 3);
    const [readable, writable] = [frames.allocateMonitor() ?? toMfn(0), frames.allocateMonitor() ?? toMfn(0)];
    frames.shareMonitor(readable, DOM1, false);
    frames.shareMonitor(writable, DOM1, true);
    const own = { domain: DOM1, mapped: DOM1 };
    expect(frames.updateEntry(space.level1, 10, leadsTo(readable), own)).toBeLessThan(0);
    expect(frames.updateEntry(space.level1, 10, leadsTo(readable, RO), own)).toBe(0);
    expect(frames.updateEntry(space.level1, 11, leadsTo(writable), own)).toBe(0);
    const monitors = frames.allocateMonitor() ?? toMfn(0);
    const asPrivileged = { domain: DOM1, mapped: DOMID_XEN };
    expect(frames.updateEntry(space.level1, 12, leadsTo(monitors), asPrivileged)).toBeLessThan(0);
    expect(frames.pin(DOM1, readable, 1)).toBe(-EINVAL);
    expect(frames.pin(DOM1, writable, 1)).toBe(-EINVAL);
    expect(frames.steal(DOM1, writable)).toBe(-EINVAL);
    expect(frames.pagesOf(DOM1)).toBe(7);
    expect(frames.checkInvariants()).toEqual([]);
    frames.releaseMonitor(writable);
    expect(frames.ownerOf(writable)).toBe(DOM1);
    frames.updateEntry(space.level1, 11, { low: 0, high: 0 }, own);
    expect(frames.ownerOf(writable)).toBe(DOMID_INVALID);
    expect(frames.checkInvariants()).toEqual([]);
  });
});

describe("steal", () => {
  it("takes only what nothing refers to, and the frame comes back whole or scrubbed", () => {
    const fixture = createFixture();
    const { frames } = fixture;
    const [mapped = toMfn(0), kept = toMfn(0), gone = toMfn(0)] = fixture.take(DOM1, 3);
    frames.getPage(mapped, DOM1);
    expect(frames.steal(DOM1, mapped)).toBe(-EINVAL);
    expect(frames.steal(DOM2, kept)).toBe(-EINVAL);
    fixture.memory.bytes.fill(7, frameAddress(kept), frameAddress(kept) + PAGE_SIZE);
    fixture.memory.bytes.fill(7, frameAddress(gone), frameAddress(gone) + PAGE_SIZE);
    expect(frames.steal(DOM1, kept)).toBe(0);
    expect(frames.steal(DOM1, gone)).toBe(0);
    expect(frames.pagesOf(DOM1)).toBe(1);
    expect(frames.getPage(kept, DOM1)).toBe(false);
    expect(frames.checkInvariants()).toEqual([]);
    expect(frames.assign(DOM2, kept)).toBe(0);
    expect(isZero(fixture, kept)).toBe(false);
    frames.discard(gone);
    expect(isZero(fixture, gone)).toBe(true);
    expect(frames.assign(DOM2, gone)).toBe(-EINVAL);
    expect(frames.checkInvariants()).toEqual([]);
  });
});

describe("frames that are no RAM", () => {
  it("belong to DOMID_IO and are mapped by permission, uncounted", () => {
    const permitted = toMfn(3);
    const fixture = createFixture({
      reservedFrames: 8,
      ioPermitted: (domain, frame) => domain === DOM1 && frame === permitted,
    });
    const { frames } = fixture;
    const space = fixture.buildSpace(DOM1, 1);
    frames.pin(DOM1, space.root, 3);
    const own = { domain: DOM1, mapped: DOM1 };
    expect(frames.ownerOf(permitted)).toBe(DOMID_IO);
    expect(frames.updateEntry(space.level1, 20, leadsTo(permitted), own)).toBe(0);
    expect(frames.updateEntry(space.level1, 21, leadsTo(4), own)).toBe(-EPERM);
    expect(frames.describe(permitted)?.count).toBe(1);
    expect(frames.checkInvariants()).toEqual([]);
    expect(frames.updateEntry(space.level1, 20, { low: 0, high: 0 }, own)).toBe(0);
    expect(frames.describe(permitted)?.count).toBe(1);
  });
});

describe("relinquish", () => {
  it("gives back a domain with pinned, linear and shared tables, piece by piece", () => {
    const fixture = createFixture();
    const { frames } = fixture;
    const free = frames.freeFrames;
    const space = fixture.buildSpace(DOM1, 8);
    frames.pin(DOM1, space.root, 3);
    frames.pin(DOM1, space.level1, 1);
    const own = { domain: DOM1, mapped: DOM1 };
    frames.updateEntry(first(space.level2), 9, leadsTo(space.level2[1] ?? 0, RO), own);
    frames.updateEntry(space.level1, 30, leadsTo(space.level1, RO), own);
    let rounds = 0;
    while (frames.relinquish(DOM1, 3) > 0) rounds++;
    expect(rounds).toBeGreaterThan(3);
    expect(frames.freeFrames).toBe(free);
    expect(frames.removeDomain(DOM1)).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
  });

  it("waits for frames that others hold", () => {
    const fixture = createFixture();
    const { frames } = fixture;
    const held = first(fixture.take(DOM1, 4));
    frames.getPageAndType(held, DOM1, FRAME_TYPE.writable);
    expect(frames.relinquish(DOM1)).toBe(1);
    expect(frames.removeDomain(DOM1)).toBeLessThan(0);
    frames.putPageAndType(held);
    expect(frames.relinquish(DOM1)).toBe(0);
    expect(frames.removeDomain(DOM1)).toBe(0);
    expect(frames.checkInvariants()).toEqual([]);
  });
});

describe("machine-to-physical table", () => {
  it("is the monitor's, readable by whoever may map DOMID_XEN, and forgets freed frames", () => {
    const { frames, memory, take } = createFixture();
    const { machineToPhysical } = frames;
    expect(machineToPhysical.frames.map((frame) => frames.ownerOf(frame))).toEqual([DOMID_XEN]);
    const frame = first(take(DOM1, 1));
    expect(machineToPhysical.read(frame)).toBe(null);
    machineToPhysical.write(frame, 1234);
    expect(machineToPhysical.read(frame)).toBe(1234);
    expect(memory.view.getUint32(frameAddress(first(machineToPhysical.frames)) + frame * 4, true)).toBe(1234);
    frames.release(DOM1, frame);
    expect(machineToPhysical.read(frame)).toBe(null);
    machineToPhysical.write(toMfn(4096), 1);
    expect(machineToPhysical.read(toMfn(4096))).toBe(null);
  });

  it("has entries of 8 bytes for 64-bit guests when asked for", () => {
    const { frames, memory, take } = createFixture({ wideMachineToPhysical: true });
    const table = first(frames.machineToPhysical.wideFrames);
    const frame = first(take(DOM1, 1));
    expect(memory.view.getBigUint64(frameAddress(table) + frame * 8, true)).toBe(2n ** 64n - 1n);
    frames.machineToPhysical.write(frame, 77);
    expect(memory.view.getBigUint64(frameAddress(table) + frame * 8, true)).toBe(77n);
  });

  it("numbers a list of frames as single entries would, and announces it", () => {
    const { frames, memory, take } = createFixture({ wideMachineToPhysical: true });
    const { machineToPhysical } = frames;
    const list = [...take(DOM1, 5), toMfn(9_999_999)];
    const announced: number[] = [];
    memory.onWrite(FRAME_WATCH.hook, (frame) => announced.push(frame));
    for (const table of [...machineToPhysical.frames, ...machineToPhysical.wideFrames])
      memory.watch(table, FRAME_WATCH.hook);
    machineToPhysical.number(list, 100);
    expect(list.map((frame) => machineToPhysical.read(frame))).toEqual([100, 101, 102, 103, 104, null]);
    const wide = first(machineToPhysical.wideFrames);
    expect(
      list.slice(0, 5).map((frame) => memory.view.getBigUint64(frameAddress(wide) + frame * 8, true)),
    ).toEqual([100n, 101n, 102n, 103n, 104n]);
    expect(announced).toContain(first(machineToPhysical.frames));
    expect(announced).toContain(wide);
  });
});
