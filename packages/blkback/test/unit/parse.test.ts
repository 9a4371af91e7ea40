import { toGrantRef } from "@xenolith/xen-abi";
import {
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
  BLKIF_REQUEST_DISCARD,
  BLKIF_REQUEST_INDIRECT,
  BLKIF_REQUEST_SEGMENT,
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
  type BlkifRequest,
  writeBlkifRequest,
} from "@xenolith/xen-abi/io/blkif";
import { describe, expect, it } from "vitest";
import { type BlockCommand, type DiskLimits, parseRequest } from "../../src/parse.ts";

const disk: DiskLimits = { sectorCount: 100, readOnly: false, canDiscard: true };
const page = (firstSect = 0, lastSect = 7): BlkifRequest["seg"][number] => ({
  gref: toGrantRef(9),
  firstSect,
  lastSect,
});
/** No request of these tests has segments elsewhere, but for those that say so. */
const noSegments = (): null => null;
const parse = (request: Partial<BlkifRequest>, limits: DiskLimits = disk): BlockCommand => {
  const view = new DataView(new ArrayBuffer(112));
  const seg = request.seg ?? [];
  writeBlkifRequest(view, 0, "x86_64", {
    operation: BLKIF_OP_READ,
    handle: 0,
    id: { low: 0, high: 0 },
    sectorNumber: 0,
    nrSegments: seg.length,
    ...request,
    seg,
  });
  return parseRequest(view, "x86_64", limits, noSegments).command;
};
const error = expect.objectContaining({ kind: "refused", status: BLKIF_RSP_ERROR });
const notSupported = expect.objectContaining({ kind: "refused", status: BLKIF_RSP_EOPNOTSUPP });

describe("parseRequest", () => {
  it("gives runs in bytes of their pages", () => {
    expect(parse({ sectorNumber: 4, seg: [page(2, 2), page(0, 7)] })).toEqual({
      kind: "read",
      sector512: 4,
      lengthBytes: 9 * 512,
      runs: [
        { reference: 9, offset: 1024, lengthBytes: 512 },
        { reference: 9, offset: 0, lengthBytes: 4096 },
      ],
    });
  });

  it("reads the 32-bit layout, in which everything after the handle lies four bytes lower", () => {
    const view = new DataView(new ArrayBuffer(108));
    view.setUint8(1, 1);
    view.setUint32(4, 0x1234_5678, true);
    view.setUint32(8, 0x9abc_def0, true);
    view.setUint32(12, 33, true);
    view.setUint32(20, 77, true);
    view.setUint8(25, 7);
    expect(parseRequest(view, "x86_32p", disk, noSegments)).toEqual({
      id: { low: 0x1234_5678, high: 0x9abc_def0 },
      operation: BLKIF_OP_READ,
      command: {
        kind: "read",
        sector512: 33,
        lengthBytes: 4096,
        runs: [{ reference: 77, offset: 0, lengthBytes: 4096 }],
      },
    });
  });

  it.each([
    ["no segments in a read", { seg: [] }],
    ["no segments in a write", { operation: BLKIF_OP_WRITE, seg: [] }],
    ["twelve segments", { nrSegments: 12, seg: [page()] }],
    ["a last sector outside the page", { seg: [page(0, 8)] }],
    ["a first sector after the last", { seg: [page(3, 2)] }],
    ["a range one sector beyond the end", { sectorNumber: 93, seg: [page()] }],
    ["a sector number whose end wraps round", { sectorNumber: 2 ** 64 - 4, seg: [page()] }],
  ])("refuses %s", (_what, request) => {
    expect(parse(request)).toEqual(error);
  });

  it("allows a range that ends with the disk", () => {
    expect(parse({ sectorNumber: 92, seg: [page()] }).kind).toBe("read");
  });

  it("distinguishes plain writes, flushes and barriers; the latter two may be empty", () => {
    const orderOf = (operation: number, seg: BlkifRequest["seg"]): unknown => {
      const command = parse({ operation, seg });
      return command.kind === "write" ? command.order : command;
    };
    expect(orderOf(BLKIF_OP_WRITE, [page()])).toBe("none");
    expect(orderOf(BLKIF_OP_FLUSH_DISKCACHE, [])).toBe("flush");
    expect(orderOf(BLKIF_OP_WRITE_BARRIER, [])).toBe("barrier");
    expect(orderOf(BLKIF_OP_WRITE_BARRIER, [page()])).toBe("barrier");
  });

  it("takes no account of an empty flush's sector", () => {
    expect(parse({ operation: BLKIF_OP_FLUSH_DISKCACHE, sectorNumber: 1e9 }).kind).toBe("write");
  });

  it("answers operations that were not announced as not supported", () => {
    expect(parse({ operation: 4 })).toEqual(notSupported);
    expect(parse({ operation: BLKIF_OP_DISCARD }, { ...disk, canDiscard: false })).toEqual(notSupported);
  });

  it("refuses every change to a read-only disk, but not a flush", () => {
    const readOnly = { ...disk, readOnly: true };
    expect(parse({ operation: BLKIF_OP_WRITE, seg: [page()] }, readOnly)).toEqual(error);
    expect(parse({ operation: BLKIF_OP_WRITE_BARRIER, seg: [page()] }, readOnly)).toEqual(error);
    expect(parse({ operation: BLKIF_OP_DISCARD }, readOnly)).toEqual(error);
    expect(parse({ operation: BLKIF_OP_FLUSH_DISKCACHE }, readOnly).kind).toBe("write");
    expect(parse({ seg: [page()] }, readOnly).kind).toBe("read");
  });

  it("reads discards in their own layout", () => {
    const view = new DataView(new ArrayBuffer(112));
    const discard = { operation: BLKIF_OP_DISCARD, flag: 0, handle: 0, id: { low: 1, high: 2 } };
    BLKIF_REQUEST_DISCARD.write(view, 0, "x86_64", { ...discard, sectorNumber: 10, nrSectors: 90 });
    expect(parseRequest(view, "x86_64", disk, noSegments).command).toEqual({
      kind: "discard",
      sector512: 10,
      sectorCount: 90,
    });
    const secure = { ...discard, flag: 1, sectorNumber: 10, nrSectors: 90 };
    BLKIF_REQUEST_DISCARD.write(view, 0, "x86_64", secure);
    expect(parseRequest(view, "x86_64", disk, noSegments).command).toEqual(notSupported);
    BLKIF_REQUEST_DISCARD.write(view, 0, "x86_64", { ...discard, sectorNumber: 10, nrSectors: 91 });
    expect(parseRequest(view, "x86_64", disk, noSegments).command).toEqual(error);
  });
});

describe("an indirect request", () => {
  const request = {
    operation: BLKIF_OP_INDIRECT,
    indirectOp: BLKIF_OP_WRITE,
    nrSegments: 20,
    id: { low: 7, high: 8 },
    sectorNumber: 0,
    handle: 0,
    indirectGrefs: Array.from({ length: 8 }, (_unused, index) => toGrantRef(100 + index)),
  };
  const segments = (lastSect: number) => {
    const view = new DataView(new ArrayBuffer(4096));
    for (let index = 0; index < 512; index++)
      BLKIF_REQUEST_SEGMENT.write(view, index * 8, "x86_64", {
        gref: toGrantRef(index),
        firstSect: 0,
        lastSect: index === 19 ? lastSect : 0,
      });
    return new Uint8Array(view.buffer);
  };
  const read =
    (bytes: Uint8Array | null, asked: unknown[] = []) =>
    (references: readonly unknown[], lengthBytes: number): Uint8Array | null => {
      asked.push([references, lengthBytes]);
      return bytes?.slice(0, lengthBytes) ?? null;
    };
  const parseIndirect = (
    change: Partial<typeof request>,
    bytes: Uint8Array | null = segments(0),
    width: "x86_32p" | "x86_64" = "x86_64",
    asked: unknown[] = [],
  ) => {
    const view = new DataView(new ArrayBuffer(112));
    BLKIF_REQUEST_INDIRECT.write(view, 0, width, { ...request, ...change });
    return parseRequest(view, width, { ...disk, sectorCount: 300 }, read(bytes, asked));
  };

  it.each(["x86_32p", "x86_64"] as const)(
    "is what it stands for, with the segments of its page, read once (%s)",
    (width) => {
      const asked: unknown[] = [];
      const { id, operation, command } = parseIndirect({}, segments(7), width, asked);
      expect({ id, operation }).toEqual({ id: { low: 7, high: 8 }, operation: BLKIF_OP_WRITE });
      expect(command).toMatchObject({ kind: "write", order: "none", lengthBytes: 19 * 512 + 4096 });
      expect(asked).toEqual([[[100], 160]]);
    },
  );

  it.each([
    ["no segments", { nrSegments: 0 }],
    ["more segments than were offered", { nrSegments: 257 }],
    ["more segments than any page has", { nrSegments: 0xffff }],
    ["a range beyond the end", { sectorNumber: 290 }],
  ])("is refused with %s", (_what, change) => {
    expect(parseIndirect(change).command).toEqual(error);
  });

  it("is refused when its segments cannot be read, or do not lie within their pages", () => {
    expect(parseIndirect({}, null).command).toEqual(error);
    expect(parseIndirect({}, segments(8)).command).toEqual(error);
  });

  it.each([2, 3, 5, 6, 255])("does not stand for operation %i", (indirectOp) => {
    expect(parseIndirect({ indirectOp })).toMatchObject({ operation: indirectOp, command: notSupported });
  });
});
