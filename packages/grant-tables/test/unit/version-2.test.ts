import { DOMID_SELF, EBUSY, EINVAL, ERANGE, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTCOPY_source_gref,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_copy_arg,
  GNTST_bad_gntref,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GTF_accept_transfer,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_transitive,
  GTF_writing,
} from "@xenolith/xen-abi/grant-table";
import { beforeEach, describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames, ownFrame, type Setting } from "../fake-host.ts";

let setting: Setting;
beforeEach(() => {
  setting = createSetting();
  expect(setting.grants.setVersion(DOM1, 2)).toEqual({ error: 0, version: 2 });
});

const map = (ref: number, flags = GNTMAP_host_map) =>
  setting.grants.mapGrantRef(DOM2, { hostAddr: 0x4000, flags, ref: toGrantRef(ref), dom: DOM1 });

/** Copies `len` bytes from a grant of domain 1's to the first page of domain 2. */
const copy = (ref: number, offset: number, len: number): number =>
  setting.grants.copy(DOM2, {
    source: { domid: DOM1, ref: toGrantRef(ref), gmfn: 0, offset },
    dest: { domid: DOMID_SELF, ref: toGrantRef(0), gmfn: ownFrame(DOM2, 0), offset: 0 },
    len,
    flags: GNTCOPY_source_gref,
  });

const fill = (frame: number, value: number): void => {
  setting.machine.bytes.fill(value, frame * 4096, (frame + 1) * 4096);
};

const copied = (): number => setting.machine.bytes[ownFrame(DOM2, 0) * 4096] ?? 0;

describe("GNTTABOP_set_version", () => {
  it("knows versions 1 and 2, and says which one holds", () => {
    expect(setting.grants.getVersion(DOM1, DOMID_SELF)).toBe(2);
    for (const version of [0, 3, 0xffff_ffff])
      expect(setting.grants.setVersion(DOM1, version)).toEqual({ error: -EINVAL, version: 2 });
    expect(setting.grants.setVersion(DOM1, 2)).toEqual({ error: 0, version: 2 });
    expect(setting.grants.setVersion(DOM1, 1)).toEqual({ error: 0, version: 1 });
  });

  it("is refused while an entry is in use, but for the toolstack's", () => {
    setting.entry(DOM1, 8, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    const { handle } = map(8);
    expect(setting.grants.setVersion(DOM1, 1)).toEqual({ error: -EBUSY, version: 2 });
    setting.grants.unmapGrantRef(DOM2, { hostAddr: 0x4000, devBusAddr: 0, handle });
    setting.entry(DOM1, 7, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    const kept = map(7).handle;
    expect(setting.grants.setVersion(DOM1, 1).error).toBe(0);
    expect(setting.flags(DOM1, 7)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
    setting.grants.setVersion(DOM1, 2);
    expect([setting.flags(DOM1, 7), setting.status(DOM1, 7)]).toEqual([
      GTF_permit_access,
      GTF_reading | GTF_writing,
    ]);
    setting.grants.unmapGrantRef(DOM2, { hostAddr: 0x4000, devBusAddr: 0, handle: kept });
    expect(setting.status(DOM1, 7)).toBe(0);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("keeps the toolstack's entries and clears all others", () => {
    setting.entry(DOM1, 1, GTF_permit_access, DOM0, ownFrame(DOM1, 3));
    setting.entry(DOM1, 2, GTF_accept_transfer, DOM0, 5);
    setting.entry(DOM1, 9, GTF_permit_access, DOM0, ownFrame(DOM1, 3));
    setting.grants.setVersion(DOM1, 1);
    expect([1, 2, 9].map((ref) => setting.flags(DOM1, ref))).toEqual([GTF_permit_access, 0, 0]);
    expect(typeof setting.grants.mapPages(DOM0, DOM1, [toGrantRef(1)], false)).toBe("object");
  });

  it("does not go back to what version 1 cannot say", () => {
    setting.transitive(DOM1, 3, DOM2, DOM0, 8);
    expect(setting.grants.setVersion(DOM1, 1)).toEqual({ error: -ERANGE, version: 2 });
    setting.entry(DOM1, 3, GTF_permit_access, DOM2, 2 ** 32);
    expect(setting.grants.setVersion(DOM1, 1).error).toBe(-ERANGE);
    setting.entry(DOM1, 3, 0, DOM2, 2 ** 32);
    expect(setting.grants.setVersion(DOM1, 1).error).toBe(0);
  });

  it("does not take status frames back while the domain has them mapped", () => {
    const { frames } = setting.grants.getStatusFrames(DOM1, DOMID_SELF, 1);
    setting.machine.mappedShared.add(frames[0] ?? 0);
    expect(setting.grants.setVersion(DOM1, 1)).toEqual({ error: -EBUSY, version: 2 });
    expect(setting.grants.getStatusFrames(DOM1, DOMID_SELF, 1).frames).toEqual(frames);
    setting.machine.mappedShared.clear();
    const before = setting.machine.owners.filter((owner) => owner === -1).length;
    expect(setting.grants.setVersion(DOM1, 1).error).toBe(0);
    expect(setting.machine.owners.filter((owner) => owner === -1).length).toBe(before + 1);
  });
});

describe("GNTTABOP_get_status_frames", () => {
  it("there is one for each eight frames of the table, and none in version 1", () => {
    const { grants } = setting;
    expect(grants.getStatusFrames(DOM1, DOMID_SELF, 1).frames.length).toBe(1);
    expect(grants.getStatusFrames(DOM1, DOMID_SELF, 2).status).toBe(GNTST_general_error);
    grants.setupTable(DOM1, DOMID_SELF, 9);
    expect(grants.getStatusFrames(DOM1, DOMID_SELF, 2).frames.length).toBe(2);
    expect(grants.getStatusFrames(DOM2, DOMID_SELF, 0).status).toBe(GNTST_okay);
    expect(grants.getStatusFrames(DOM2, DOMID_SELF, 1).status).toBe(GNTST_general_error);
    expect(grants.getStatusFrames(DOM2, DOM1, 0).status).toBe(GNTST_permission_denied);
  });
});

describe("entries of version 2", () => {
  it("there are 256 in a frame", () => {
    expect(map(255).status).toBe(GNTST_general_error);
    expect(map(256).status).toBe(GNTST_bad_gntref);
  });

  it("show their uses in the status frame, not among the flags", () => {
    setting.entry(DOM1, 8, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    expect(map(8, GNTMAP_host_map | GNTMAP_readonly).status).toBe(GNTST_okay);
    expect([setting.flags(DOM1, 8), setting.status(DOM1, 8)]).toEqual([GTF_permit_access, GTF_reading]);
  });

  it("a part of a page can be copied, within its bounds, and not be mapped", () => {
    const part = { pageOffset: 100, length: 50 };
    const flags = GTF_permit_access | GTF_sub_page | GTF_readonly;
    setting.entry(DOM1, 8, flags, DOM2, ownFrame(DOM1, 0), part);
    fill(ownFrame(DOM1, 0), 7);
    expect(copy(8, 100, 50)).toBe(GNTST_okay);
    expect(copied()).toBe(7);
    expect(copy(8, 99, 10)).toBe(GNTST_general_error);
    expect(copy(8, 149, 2)).toBe(GNTST_general_error);
    expect(copy(8, 100, 4000)).toBe(GNTST_bad_copy_arg);
    expect(map(8, GNTMAP_host_map | GNTMAP_readonly).status).toBe(GNTST_general_error);
    expect(setting.grants.mapPages(DOM2, DOM1, [toGrantRef(8)], false)).toBe(GNTST_general_error);
    expect(setting.grants.copyFromGrant(DOM2, DOM1, toGrantRef(8), 0, new Uint8Array(4))).toBe(
      GNTST_general_error,
    );
    expect(heldFrames(setting)).toEqual([]);
  });

  it("are exchanged with their status", () => {
    setting.entry(DOM1, 8, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    expect(setting.grants.swapGrantRef(DOM1, 8, 9)).toBe(GNTST_okay);
    expect([8, 9].map((ref) => setting.flags(DOM1, ref))).toEqual([0, GTF_permit_access]);
    map(9);
    expect(setting.grants.swapGrantRef(DOM1, 8, 9)).toBe(GNTST_eagain);
  });
});

describe("a grant that is passed on", () => {
  beforeEach(() => {
    setting.entry(DOM0, 20, GTF_permit_access | GTF_readonly, DOM1, ownFrame(DOM0, 4));
    setting.transitive(DOM1, 8, DOM2, DOM0, 20);
    fill(ownFrame(DOM0, 4), 9);
  });

  it("is copied from its owner's page, and both show it while it lasts", () => {
    expect(copy(8, 0, 16)).toBe(GNTST_okay);
    expect(copied()).toBe(9);
    expect([setting.flags(DOM0, 20), setting.status(DOM1, 8)]).toEqual([GTF_permit_access | GTF_readonly, 0]);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("gives no right that the owner has not given", () => {
    setting.entry(DOM0, 20, GTF_permit_access, DOM2, ownFrame(DOM0, 4));
    expect(copy(8, 0, 16)).toBe(GNTST_general_error);
    setting.entry(DOM0, 20, GTF_permit_access, DOM1, ownFrame(DOM1, 4));
    expect(copy(8, 0, 16)).not.toBe(GNTST_okay);
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.status(DOM1, 8)).toBe(0);
  });

  it("cannot be mapped, name itself, or be passed on again", () => {
    expect(map(8, GNTMAP_host_map | GNTMAP_readonly).status).toBe(GNTST_general_error);
    setting.transitive(DOM1, 9, DOM2, DOM1, 8);
    expect(copy(9, 0, 16)).toBe(GNTST_general_error);
    setting.grants.setVersion(DOM0, 2);
    setting.transitive(DOM0, 20, DOM1, DOM2, 8);
    expect(copy(8, 0, 16)).toBe(GNTST_general_error);
    setting.transitive(DOM1, 8, DOM2, 99 as typeof DOM0, 8);
    expect(copy(8, 0, 16)).toBe(GNTST_general_error);
  });

  it("of version 1 there is no such thing", () => {
    setting.grants.setVersion(DOM1, 1);
    setting.entry(DOM1, 8, GTF_transitive, DOM2, 20);
    expect(copy(8, 0, 16)).toBe(GNTST_general_error);
  });
});
