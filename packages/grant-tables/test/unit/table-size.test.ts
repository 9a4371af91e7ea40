import { HostError } from "@xenolith/machine-interface";
import { DOMID_SELF, EINVAL, ENOMEM, EPERM, ESRCH, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTMAP_device_map,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GNTTAB_RESERVED_XENSTORE,
  GTF_permit_access,
  GTF_readonly,
} from "@xenolith/xen-abi/grant-table";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, ownFrame } from "../fake-host.ts";

describe("GNTTABOP_setup_table and query_size", () => {
  it("a table starts with a frame and grows to what is asked for", () => {
    const { grants } = createSetting({ maximumFrames: 4 });
    expect(grants.querySize(DOM1, DOMID_SELF)).toEqual({ status: GNTST_okay, nrFrames: 1, maxNrFrames: 4 });
    const { status, frames } = grants.setupTable(DOM1, DOMID_SELF, 3);
    expect([status, frames.length]).toEqual([GNTST_okay, 3]);
    expect(grants.setupTable(DOM1, DOM1, 2).frames).toEqual(frames.slice(0, 2));
    expect(grants.querySize(DOM1, DOM1).nrFrames).toBe(3);
    expect(grants.setupTable(DOM1, DOM1, 5)).toEqual({ status: GNTST_general_error, frames: [] });
    expect(grants.setupTable(DOM1, DOM1, 0xffff_ffff).status).toBe(GNTST_general_error);
  });

  it("another domain's table is for privileged domains", () => {
    const { grants } = createSetting();
    expect(grants.setupTable(DOM1, DOM2, 1).status).toBe(GNTST_permission_denied);
    expect(grants.querySize(DOM1, DOM2).status).toBe(GNTST_permission_denied);
    expect(grants.getVersion(DOM1, DOM2)).toBe(-EPERM);
    expect(grants.setupTable(DOM0, DOM2, 1).status).toBe(GNTST_okay);
    expect(grants.setupTable(DOM0, toDomId(9), 1).status).toBe(GNTST_bad_domain);
    expect(grants.querySize(DOM0, toDomId(9)).status).toBe(GNTST_bad_domain);
    expect(grants.getVersion(DOM0, toDomId(9))).toBe(-ESRCH);
  });

  it("memory that is used up is a status for a guest and an errno for the host", () => {
    const setting = createSetting({ maximumFrames: 1000 });
    expect(setting.grants.setupTable(DOM1, DOM1, 100).status).toBe(GNTST_general_error);
    expect(setting.grants.querySize(DOM1, DOM1).nrFrames, "a table that cannot grow stays").toBe(1);
    expect(setting.grants.setupTable(DOM1, DOM1, 22).status).toBe(GNTST_okay);
    expect(setting.grants.addDomain(toDomId(5), { privileged: false })).toBe(-ENOMEM);
  });
});

describe("GNTTABOP_swap_grant_ref", () => {
  it("exchanges whole entries that nobody uses", () => {
    const setting = createSetting();
    const { grants } = setting;
    setting.entry(DOM1, 3, GTF_permit_access, DOM0, ownFrame(DOM1, 0));
    setting.entry(DOM1, 4, GTF_permit_access | GTF_readonly, DOM2, ownFrame(DOM1, 1));
    expect(grants.swapGrantRef(DOM1, 3, 4)).toBe(GNTST_okay);
    expect(setting.flags(DOM1, 3)).toBe(GTF_permit_access | GTF_readonly);
    const request = { hostAddr: 0, flags: GNTMAP_device_map, ref: toGrantRef(4), dom: DOM1 };
    expect(grants.mapGrantRef(DOM0, request).status).toBe(GNTST_okay);
    expect(grants.swapGrantRef(DOM1, 3, 4)).toBe(GNTST_eagain);
    expect(grants.swapGrantRef(DOM1, 4, 4)).toBe(GNTST_okay);
    expect(grants.swapGrantRef(DOM1, 3, 512)).toBe(GNTST_bad_gntref);
  });
});

describe("the host's side", () => {
  it("seeds the entries that a guest finds at its start", () => {
    const setting = createSetting();
    const reference = toGrantRef(GNTTAB_RESERVED_XENSTORE);
    expect(setting.grants.seed(DOM1, reference, DOM0, ownFrame(DOM1, 5))).toBe(0);
    expect(typeof setting.grants.mapPages(DOM0, DOM1, [reference], true)).toBe("object");
    expect(setting.grants.seed(DOM1, toGrantRef(512), DOM0, ownFrame(DOM1, 5))).toBe(-EINVAL);
  });

  it("adding a domain twice, or using one that was never added, is its mistake", () => {
    const { grants } = createSetting();
    expect(() => grants.addDomain(DOM1, { privileged: false })).toThrow(HostError);
    expect(() => grants.querySize(toDomId(9), DOM1)).toThrow(HostError);
  });

  it("gives all frames of a table back", () => {
    const { grants, machine } = createSetting();
    const free = machine.owners.filter((owner) => owner === -1).length;
    grants.setupTable(DOM1, DOM1, 5);
    grants.removeDomain(DOM1);
    expect(machine.owners.filter((owner) => owner === -1).length).toBe(free + 1);
  });
});
