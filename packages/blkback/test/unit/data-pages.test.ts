import { createFakeHost } from "@xenolith/domain-interface/testing";
import { type GrantRef, toGrantRef } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { type DataPages, openDataPages } from "../../src/data-pages.ts";

const setUp = (persistentGrants: number, pageCount = 6, writable = true, budget = { left: 100 }) => {
  const host = createFakeHost();
  const [back, front] = [host.domain(0), host.domain(5)];
  const memory = front.grants.allocatePages(pageCount);
  if (memory === null) throw new Error("no pages");
  const references = Array.from({ length: pageCount }, (_unused, index) =>
    toGrantRef(front.grants.offer(memory, index, back.id, writable)),
  );
  const pages = openDataPages({ grants: back.grants, frontendDomain: front.id, persistentGrants, budget });
  return { host, front, memory, references, pages };
};
const run = (reference: GrantRef | undefined, offset = 0, lengthBytes = 512) => ({
  reference: reference ?? toGrantRef(9999),
  offset,
  lengthBytes,
});
const readByte = (pages: DataPages, reference: GrantRef | undefined): number | null => {
  const buffer = new Uint8Array(512);
  return pages.copy([run(reference)], buffer, "from-grant") ? (buffer[0] ?? null) : null;
};

describe.each([0, 3])("data pages, %i of them kept mapped", (kept) => {
  it("are copied run by run, either way", () => {
    const { memory, references, pages } = setUp(kept);
    memory.copyIn(512, Uint8Array.of(1));
    memory.copyIn(4096, Uint8Array.of(2));
    const buffer = new Uint8Array(1024);
    expect(pages.copy([run(references[0], 512), run(references[1])], buffer, "from-grant")).toBe(true);
    expect([buffer[0], buffer[512]]).toEqual([1, 2]);
    expect(pages.copy([run(references[2], 1024)], buffer.subarray(512), "to-grant")).toBe(true);
    const found = new Uint8Array(1);
    memory.copyOut(2 * 4096 + 1024, found);
    expect(found[0]).toBe(2);
  });

  it("are not copied when a reference is no good, or allows no writing", () => {
    const { references, pages } = setUp(kept, 2, false);
    expect(readByte(pages, references[0])).toBe(0);
    expect(pages.copy([run(references[0])], new Uint8Array(512), "to-grant")).toBe(false);
    expect(readByte(pages, toGrantRef(777))).toBeNull();
  });

  it("leave nothing mapped once they are closed, and are not touched any more", () => {
    const { host, memory, references, pages } = setUp(kept);
    for (const reference of references) readByte(pages, reference);
    pages.close();
    expect(host.mappedGrants).toBe(0);
    expect(pages.copy([run(references[0])], new Uint8Array(512).fill(9), "to-grant")).toBe(false);
    expect(memory.readUint32(0)).toBe(0);
  });

  it("give the segments of an indirect request, or nothing", () => {
    const { memory, references, pages } = setUp(kept);
    memory.copyIn(0, Uint8Array.of(4, 3, 2, 1));
    expect(pages.readSegments(references.slice(0, 1), 4)).toEqual(Uint8Array.of(4, 3, 2, 1));
    expect(pages.readSegments([toGrantRef(777)], 8)).toBeNull();
  });
});

describe("persistent grants", () => {
  it("stay mapped, those used last, and see what the front end writes later", () => {
    const { host, front, memory, references, pages } = setUp(3);
    for (const index of [0, 1, 2, 0, 3]) readByte(pages, references[index]);
    expect(host.mappedGrants).toBe(3);
    // The second was used longest ago.
    expect(references.map((reference) => front.grants.withdraw(reference))).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
    ]);
    memory.copyIn(0, Uint8Array.of(77));
    expect(readByte(pages, references[0])).toBe(77);
  });

  it("are no more than all devices may have together, and make room when they go", () => {
    const budget = { left: 2 };
    const one = setUp(3, 6, true, budget);
    const other = setUp(3, 6, true, budget);
    for (const reference of one.references) expect(readByte(one.pages, reference)).toBe(0);
    expect([one.host.mappedGrants, budget.left]).toEqual([2, 0]);
    expect(readByte(other.pages, other.references[0])).toBe(0);
    expect(other.host.mappedGrants).toBe(0);
    one.pages.close();
    readByte(other.pages, other.references[0]);
    expect([other.host.mappedGrants, budget.left]).toEqual([1, 1]);
  });

  it("are copied where they cannot be mapped for writing", () => {
    const { host, memory, references, pages } = setUp(3, 1, false);
    memory.copyIn(0, Uint8Array.of(5));
    expect(readByte(pages, references[0])).toBe(5);
    expect(host.mappedGrants).toBe(0);
  });
});
