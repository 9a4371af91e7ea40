import { EINVAL, EOPNOTSUPP, EPERM, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTMAP_contains_pte,
  GNTMAP_host_map,
  GNTST_bad_domain,
  GNTST_bad_handle,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_okay,
  GTF_accept_transfer,
  GTF_permit_access,
  GTF_transfer_committed,
  GTF_transfer_completed,
} from "@xenolith/xen-abi/grant-table";
import { beforeEach, describe, expect, it } from "vitest";
import { createSetting, DOM1, DOM2, heldFrames, ownFrame, type Setting } from "../fake-host.ts";

let setting: Setting;
beforeEach(() => {
  setting = createSetting();
});

describe("GNTTABOP_transfer", () => {
  const page = ownFrame(DOM1, 4);
  const transfer = (domid = DOM2, ref = 8, mfn: number = page): number =>
    setting.grants.transfer(DOM1, { mfn, domid, ref: toGrantRef(ref) });
  const owner = (): number => setting.machine.owners[page] ?? 0;

  it("moves a page with its bytes, and tells the receiver which it is", () => {
    setting.entry(DOM2, 8, GTF_accept_transfer, DOM1, 0x1234);
    setting.machine.bytes.fill(5, page * 4096, page * 4096 + 4096);
    expect(transfer()).toBe(GNTST_okay);
    expect(owner()).toBe(DOM2);
    expect(setting.flags(DOM2, 8)).toBe(
      GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed,
    );
    const [table = 0] = setting.grants.tableFrames(DOM2);
    expect(setting.machine.memory.view.getUint32(table * 4096 + 8 * 8 + 4, true)).toBe(page);
    expect(setting.machine.notes).toContain(`physical ${page} ${0x1234}`);
    expect(setting.machine.bytes[page * 4096]).toBe(5);
  });

  it("does so in tables of version 2", () => {
    setting.grants.setVersion(DOM2, 2);
    setting.entry(DOM2, 8, GTF_accept_transfer, DOM1, 0x1234);
    expect(transfer()).toBe(GNTST_okay);
    const [table = 0] = setting.grants.tableFrames(DOM2);
    expect(setting.machine.memory.view.getBigUint64(table * 4096 + 8 * 16 + 8, true)).toBe(BigInt(page));
  });

  it("a page that is not the sender's to give stays where it is", () => {
    setting.entry(DOM2, 8, GTF_accept_transfer, DOM1, 0);
    expect(transfer(DOM2, 8, ownFrame(DOM2, 0))).toBe(GNTST_bad_page);
    expect(transfer(DOM2, 8, 0xffff_ffff)).toBe(GNTST_bad_page);
    setting.machine.frames.getPage(page, DOM1);
    expect(transfer()).toBe(GNTST_bad_page);
    expect(owner()).toBe(DOM1);
  });

  it.each([
    ["nobody has the number", () => transfer(toDomId(9)), GNTST_bad_domain],
    ["the entry accepts nothing", () => transfer(), GNTST_general_error],
    ["there is no such entry", () => transfer(DOM2, 512), GNTST_general_error],
    [
      "it is for somebody else",
      () => {
        setting.entry(DOM2, 8, GTF_accept_transfer, DOM2, 0);
        return transfer();
      },
      GNTST_general_error,
    ],
    [
      "the entry was used before",
      () => {
        setting.entry(DOM2, 8, GTF_accept_transfer | GTF_transfer_committed, DOM1, 0);
        return transfer();
      },
      GNTST_general_error,
    ],
    [
      "the receiver may not own more",
      () => {
        setting.entry(DOM2, 8, GTF_accept_transfer, DOM1, 0);
        setting.machine.full.add(DOM2);
        return transfer();
      },
      GNTST_general_error,
    ],
  ] as const)("a page is lost when %s", (_why, act, status) => {
    expect(act()).toBe(status);
    expect(owner()).toBe(-1);
  });
});

describe("GNTTABOP_unmap_and_replace", () => {
  const map = (flags = GNTMAP_host_map): number => {
    setting.entry(DOM1, 8, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    const request = { hostAddr: 0x4000, flags, ref: toGrantRef(8), dom: DOM1 };
    return setting.grants.mapGrantRef(DOM2, request).handle;
  };

  it("puts another mapping in the place of the grant's", () => {
    const handle = map();
    const kept = { frame: ownFrame(DOM2, 1), writable: true };
    setting.machine.entries.set("2 linear 20480", kept);
    expect(setting.grants.unmapAndReplace(DOM2, { hostAddr: 0x4000, newAddr: 0x5000, handle })).toBe(
      GNTST_okay,
    );
    expect([...setting.machine.entries]).toEqual([["2 linear 16384", kept]]);
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.grants.unmapAndReplace(DOM2, { hostAddr: 0x4000, newAddr: 0, handle })).toBe(
      GNTST_bad_handle,
    );
  });

  it("is for mappings by linear address", () => {
    const handle = map(GNTMAP_host_map | GNTMAP_contains_pte);
    expect(setting.grants.unmapAndReplace(DOM2, { hostAddr: 0x4000, newAddr: 0x5000, handle })).toBe(
      GNTST_general_error,
    );
    expect(setting.grants.unmapAndReplace(DOM2, { hostAddr: 0x4000, newAddr: 0, handle })).toBe(GNTST_okay);
  });

  it("leaves everything when there is nothing at the new address", () => {
    const handle = map();
    setting.machine.noPlaces.add(0x6000);
    expect(setting.grants.unmapAndReplace(DOM2, { hostAddr: 0x4000, newAddr: 0x6000, handle })).toBe(
      GNTST_general_error,
    );
    expect(setting.grants.uses().length).toBe(1);
  });
});

describe("GNTTABOP_cache_flush", () => {
  const flush = (frame: number, offset: number, length: number, op: number): number =>
    setting.grants.flushCache(DOM2, { devBusAddr: frame * 4096, offset, length, op });

  it("is for pages of one's own and pages one uses", () => {
    expect(flush(ownFrame(DOM2, 0), 0, 4096, 1)).toBe(0);
    expect(flush(ownFrame(DOM1, 0), 0, 64, 3)).toBe(-EINVAL);
    setting.entry(DOM1, 8, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    const request = { hostAddr: 0x4000, flags: GNTMAP_host_map, ref: toGrantRef(8), dom: DOM1 };
    setting.grants.mapGrantRef(DOM2, request);
    expect(flush(ownFrame(DOM1, 0), 0, 64, 3)).toBe(0);
    expect(flush(0, 0, 64, 1)).toBe(-EPERM);
    expect(flush(1000, 0, 64, 1)).toBe(-EINVAL);
  });

  it("refuses ranges beyond the page and operations that are not known", () => {
    const own = ownFrame(DOM2, 0);
    expect(flush(own, 4096, 0, 1)).toBe(-EINVAL);
    expect(flush(own, 1, 4096, 1)).toBe(-EINVAL);
    expect(flush(own, 0, 64, 4)).toBe(-EINVAL);
    expect(flush(own, 0, 64, 0x8000_0001)).toBe(-EINVAL);
    expect(flush(own, 0, 64, 2)).toBe(-EOPNOTSUPP);
    expect([flush(own, 0, 0, 2), flush(own, 0, 64, 0)]).toEqual([0, 0]);
  });
});
