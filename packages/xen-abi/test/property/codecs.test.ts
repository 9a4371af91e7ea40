import type { GuestWidth } from "@xenolith/xen-abi";
import { GNTTAB_COPY, GNTTAB_MAP_GRANT_REF } from "@xenolith/xen-abi/grant-table";
import { BLKIF_REQUEST } from "@xenolith/xen-abi/io/blkif";
import { readMmuUpdate, writeMmuUpdate } from "@xenolith/xen-abi/xen";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnyStruct, STRUCTURES, STRUCTURES_32, STRUCTURES_64 } from "../structures.ts";

const width = fc.constantFrom<GuestWidth>("x86_32", "x86_32p", "x86_64");
const known = (of: GuestWidth): [string, AnyStruct][] =>
  Object.entries({ ...STRUCTURES, ...(of === "x86_64" ? STRUCTURES_64 : STRUCTURES_32) });
const bytes = fc.uint8Array({ minLength: 64, maxLength: 64 });

/**
 * Bytes of a structure: the random pattern over and over, cut so that every 8-byte number is below 2^53 (and so exact)
 * wherever it begins, and every text ends.
 */
const filled = (pattern: Uint8Array, sizeBytes: number): DataView => {
  const buffer = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) {
    const byte = pattern[(at * 7) % pattern.length] ?? 0;
    buffer[at] = at % 4 === 3 ? 0 : at % 4 === 2 ? byte & 0x1f : byte;
  }
  return new DataView(buffer.buffer);
};

describe("codecs", () => {
  it("what is decoded from bytes is decoded again after encoding it, for every structure and width", () => {
    fc.assert(
      fc.property(width, bytes, (of, pattern) => {
        for (const [name, structure] of known(of)) {
          const { sizeBytes } = structure.layout[of];
          const first = structure.read(filled(pattern, sizeBytes), 0, of);
          const copy = new DataView(new ArrayBuffer(sizeBytes));
          structure.write(copy, 0, of, first);
          expect(structure.read(copy, 0, of), name).toEqual(first);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("encoding stays within the structure", () => {
    fc.assert(
      fc.property(width, bytes, fc.integer({ min: 1, max: 9 }), (of, pattern, at) => {
        for (const [name, structure] of known(of)) {
          const { sizeBytes } = structure.layout[of];
          const value = structure.read(filled(pattern, sizeBytes), 0, of);
          const around = new Uint8Array(sizeBytes + 2 * at).fill(0xa5);
          structure.write(new DataView(around.buffer), at, of, value);
          expect([...around.subarray(0, at), ...around.subarray(at + sizeBytes)], name).toEqual(
            new Array(2 * at).fill(0xa5),
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it("an update of OUT fields changes nothing else", () => {
    fc.assert(
      fc.property(
        width,
        bytes,
        fc.integer({ min: -13, max: 0 }),
        fc.nat(0xffff),
        (of, pattern, status, handle) => {
          const view = filled(pattern, GNTTAB_MAP_GRANT_REF.layout[of].sizeBytes);
          const before = GNTTAB_MAP_GRANT_REF.read(view, 0, of);
          GNTTAB_MAP_GRANT_REF.update(view, 0, of, { status, handle });
          expect(GNTTAB_MAP_GRANT_REF.read(view, 0, of)).toEqual({ ...before, status, handle });
        },
      ),
    );
  });

  it("a page-table update keeps all 64 bits of the entry and the command apart from the address", () => {
    const word = fc.nat(0xffff_ffff);
    fc.assert(
      fc.property(fc.nat(3), fc.nat(2 ** 40), word, word, (command, entry, low, high) => {
        const view = new DataView(new ArrayBuffer(16));
        const update = { command, address: entry * 4, value: { low, high } };
        writeMmuUpdate(view, 0, update);
        expect(readMmuUpdate(view, 0)).toEqual(update);
      }),
    );
  });

  it("a request id that is no exact number is echoed bit by bit", () => {
    fc.assert(
      fc.property(width, fc.bigInt(0n, 2n ** 64n - 1n), (of, id) => {
        const view = new DataView(new ArrayBuffer(112));
        view.setBigUint64(BLKIF_REQUEST.layout[of].id, id, true);
        const request = BLKIF_REQUEST.read(view, 0, of);
        expect((BigInt(request.id.high) << 32n) | BigInt(request.id.low)).toBe(id);
      }),
    );
  });

  it("the grant reference of a copy is the low word of the union, whatever lies above it", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (ref, above) => {
        const view = new DataView(new ArrayBuffer(40));
        view.setUint32(0, ref, true);
        view.setUint32(4, above, true);
        expect(GNTTAB_COPY.read(view, 0, "x86_64").source.ref).toBe(ref);
      }),
    );
  });
});
