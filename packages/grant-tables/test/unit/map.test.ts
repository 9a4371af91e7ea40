import { PAGE_SIZE } from "@xenolith/machine-interface";
import { DOMID_SELF, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTMAP_contains_pte,
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_dev_addr,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_handle,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_no_space,
  GNTST_okay,
  GTF_accept_transfer,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_writing,
} from "@xenolith/xen-abi/grant-table";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames, ownFrame } from "../fake-host.ts";

const PAGE = ownFrame(DOM1, 0);
const ADDRESS = 0xc040_0000;

const request = (ref: number, flags: number, dom = DOM1, hostAddr = ADDRESS) => ({
  hostAddr,
  flags,
  ref: toGrantRef(ref),
  dom,
});

describe("GNTTABOP_map_grant_ref", () => {
  it("maps a page for writing, shows it to the granter, and gives all back on unmapping", () => {
    const setting = createSetting();
    const { grants, machine } = setting;
    setting.entry(DOM1, 9, GTF_permit_access, DOM0, PAGE);
    const mapped = grants.mapGrantRef(DOM0, request(9, GNTMAP_host_map));
    expect(mapped).toMatchObject({ status: GNTST_okay, devBusAddr: PAGE * PAGE_SIZE });
    expect(machine.entries.get(`0 linear ${ADDRESS}`)).toEqual({ frame: PAGE, writable: true });
    expect(setting.flags(DOM1, 9)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
    expect(machine.writes[PAGE]).toBe(1);

    machine.notes.length = 0;
    expect(grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS, devBusAddr: 0, handle: mapped.handle })).toBe(
      GNTST_okay,
    );
    expect(machine.notes[0]).toBe(`flush ${PAGE}`);
    expect(setting.flags(DOM1, 9)).toBe(GTF_permit_access);
    expect(heldFrames(setting)).toEqual([]);
    expect(grants.uses()).toEqual([]);
  });

  it("keeps GTF_reading and GTF_writing until the last use of their kind has ended", () => {
    const setting = createSetting();
    const { grants } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const read = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map | GNTMAP_readonly));
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access | GTF_reading);
    const write = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map, DOM1, ADDRESS + PAGE_SIZE));
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access | GTF_reading | GTF_writing);
    grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS + PAGE_SIZE, devBusAddr: 0, handle: write.handle });
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access | GTF_reading);
    grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS, devBusAddr: 0, handle: read.handle });
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access);
  });

  it("puts the entry where GNTMAP_contains_pte says", () => {
    const setting = createSetting();
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const mapped = setting.grants.mapGrantRef(
      DOM0,
      request(0, GNTMAP_host_map | GNTMAP_contains_pte, DOM1, 0x3008),
    );
    expect(setting.machine.entries.get(`0 entry ${0x3008}`)).toBeDefined();
    expect(
      setting.grants.unmapGrantRef(DOM0, { hostAddr: 0x3008, devBusAddr: 0, handle: mapped.handle }),
    ).toBe(0);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("holds the page once for each part, and parts can be given back one by one", () => {
    const setting = createSetting();
    const { grants, machine } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const both = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map | GNTMAP_device_map));
    expect(machine.writes[PAGE]).toBe(2);
    expect(grants.unmapGrantRef(DOM0, { hostAddr: 0, devBusAddr: 0, handle: both.handle })).toBe(GNTST_okay);
    const wrong = { hostAddr: 0, devBusAddr: 0x5000, handle: both.handle };
    expect(grants.unmapGrantRef(DOM0, wrong)).toBe(GNTST_bad_dev_addr);
    expect(
      grants.unmapGrantRef(DOM0, { hostAddr: 0, devBusAddr: both.devBusAddr, handle: both.handle }),
    ).toBe(0);
    expect(machine.writes[PAGE]).toBe(1);
    expect(setting.flags(DOM1, 0) & GTF_writing).toBe(GTF_writing);
    expect(
      grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS, devBusAddr: both.devBusAddr, handle: both.handle }),
    ).toBe(0);
    expect(heldFrames(setting)).toEqual([]);
    expect(grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS, devBusAddr: 0, handle: both.handle })).toBe(
      GNTST_bad_handle,
    );
  });

  it("goes on with the page that was granted when the use began, whatever the entry says later", () => {
    const setting = createSetting();
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    setting.grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map));
    setting.entry(DOM1, 0, GTF_permit_access | GTF_reading | GTF_writing, DOM2, ownFrame(DOM1, 1));
    const second = setting.grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map, DOM1, ADDRESS + PAGE_SIZE));
    expect(second.devBusAddr).toBe(PAGE * PAGE_SIZE);
    expect(setting.grants.mapGrantRef(DOM2, request(0, GNTMAP_host_map)).status).toBe(GNTST_general_error);
  });
});

describe("refusals of a mapping leave nothing behind", () => {
  const refused = [
    ["neither host nor device map", 0, GTF_permit_access, DOM0, PAGE, GNTST_bad_gntref],
    ["no grant", GNTMAP_host_map, 0, DOM0, PAGE, GNTST_general_error],
    ["a grant of another kind", GNTMAP_host_map, GTF_accept_transfer, DOM0, PAGE, GNTST_general_error],
    ["a grant to somebody else", GNTMAP_host_map, GTF_permit_access, DOM2, PAGE, GNTST_general_error],
    [
      "writing where reading is granted",
      GNTMAP_host_map,
      GTF_permit_access | GTF_readonly,
      DOM0,
      PAGE,
      GNTST_general_error,
    ],
    [
      "a frame of somebody else's",
      GNTMAP_host_map,
      GTF_permit_access,
      DOM0,
      ownFrame(DOM2, 0),
      GNTST_bad_page,
    ],
    [
      "a frame of the mapper's own",
      GNTMAP_host_map,
      GTF_permit_access,
      DOM0,
      ownFrame(DOM0, 0),
      GNTST_bad_page,
    ],
    ["a frame that does not exist", GNTMAP_host_map, GTF_permit_access, DOM0, 0xffff_ffff, GNTST_bad_page],
  ] as const;

  it.each(refused)("%s", (_name, flags, entryFlags, to, frame, status) => {
    const setting = createSetting();
    setting.entry(DOM1, 3, entryFlags, to, frame);
    expect(setting.grants.mapGrantRef(DOM0, request(3, flags)).status).toBe(status);
    expect(setting.flags(DOM1, 3)).toBe(entryFlags);
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.grants.uses()).toEqual([]);
  });

  it("a page table, for writing", () => {
    const setting = createSetting();
    setting.machine.pageTableFrames.add(PAGE);
    setting.entry(DOM1, 3, GTF_permit_access, DOM0, PAGE);
    expect(setting.grants.mapGrantRef(DOM0, request(3, GNTMAP_host_map)).status).toBe(GNTST_general_error);
    expect(setting.flags(DOM1, 3)).toBe(GTF_permit_access);
    const reading = setting.grants.mapGrantRef(DOM0, request(3, GNTMAP_host_map | GNTMAP_readonly));
    expect(reading.status).toBe(GNTST_okay);
  });

  it("a place that is none", () => {
    const setting = createSetting();
    setting.machine.noPlaces.add(ADDRESS);
    setting.entry(DOM1, 3, GTF_permit_access, DOM0, PAGE);
    const both = GNTMAP_host_map | GNTMAP_device_map;
    expect(setting.grants.mapGrantRef(DOM0, request(3, both)).status).toBe(GNTST_general_error);
    expect(setting.flags(DOM1, 3)).toBe(GTF_permit_access);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("a domain that is not there, is dying, or is named by a special number", () => {
    const setting = createSetting();
    const status = (dom: typeof DOM0) =>
      setting.grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map, dom)).status;
    expect(status(toDomId(7))).toBe(GNTST_bad_domain);
    expect(status(DOMID_SELF)).toBe(GNTST_bad_domain);
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    setting.grants.releaseMappings(DOM1);
    expect(status(DOM1)).toBe(GNTST_bad_domain);
  });

  it("a reference beyond the table", () => {
    const setting = createSetting();
    for (const ref of [512, 0xffff_ffff]) {
      expect(setting.grants.mapGrantRef(DOM0, request(ref, GNTMAP_host_map)).status).toBe(GNTST_bad_gntref);
    }
  });

  it("more mappings than the mapper may have", () => {
    const setting = createSetting({ maximumMappings: 2 });
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const flags = GNTMAP_device_map | GNTMAP_readonly;
    const [first] = [0, 1].map(() => setting.grants.mapGrantRef(DOM0, request(0, flags)));
    expect(setting.grants.mapGrantRef(DOM0, request(0, flags)).status).toBe(GNTST_no_space);
    setting.grants.unmapGrantRef(DOM0, {
      hostAddr: 0,
      devBusAddr: first?.devBusAddr ?? 0,
      handle: first?.handle ?? 0,
    });
    expect(setting.grants.mapGrantRef(DOM0, request(0, flags)).status).toBe(GNTST_okay);
  });

  it("more uses of one grant than can be counted", () => {
    const setting = createSetting();
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const statuses = Array.from(
      { length: 130 },
      () => setting.grants.mapGrantRef(DOM0, request(0, GNTMAP_device_map)).status,
    );
    expect(statuses.filter((status) => status === GNTST_okay).length).toBe(128);
    expect(statuses[129]).toBe(GNTST_general_error);
  });
});

describe("GNTTABOP_unmap_grant_ref", () => {
  it("knows only the caller's own handles, and no handle twice", () => {
    const setting = createSetting();
    const { grants } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const { handle } = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map));
    const unmap = { hostAddr: ADDRESS, devBusAddr: 0, handle };
    expect(grants.unmapGrantRef(DOM2, unmap)).toBe(GNTST_bad_handle);
    expect(grants.unmapGrantRef(DOM0, { ...unmap, handle: 0xffff_ffff })).toBe(GNTST_bad_handle);
    expect(grants.unmapGrantRef(DOM0, unmap)).toBe(GNTST_okay);
    expect(grants.unmapGrantRef(DOM0, unmap)).toBe(GNTST_bad_handle);
    const again = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map));
    expect(again.handle).not.toBe(handle);
    expect(grants.unmapGrantRef(DOM0, unmap)).toBe(GNTST_bad_handle);
  });

  it("of an entry that is not there, or is another's, changes nothing", () => {
    const setting = createSetting();
    const { grants, machine } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const { handle } = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map));
    const wrong = { hostAddr: ADDRESS + PAGE_SIZE, devBusAddr: 0, handle };
    expect(grants.unmapGrantRef(DOM0, wrong)).toBe(GNTST_general_error);
    expect(machine.writes[PAGE]).toBe(1);
    expect(grants.unmapGrantRef(DOM0, { ...wrong, hostAddr: ADDRESS })).toBe(GNTST_okay);
  });
});

describe("the end of a domain", () => {
  it("the mapper's: device mappings are let go, entries go with its page tables, the granter sees its grants unused", () => {
    const setting = createSetting();
    const { grants, machine } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM2, PAGE);
    grants.mapGrantRef(DOM2, request(0, GNTMAP_host_map | GNTMAP_device_map));
    expect(machine.writes[PAGE]).toBe(2);
    grants.releaseMappings(DOM2);
    expect(machine.writes[PAGE]).toBe(1);
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access);
    expect(grants.uses()).toEqual([]);
  });

  it("the granter's: a mapping outlives it, and unmapping afterwards writes to no table", () => {
    const setting = createSetting();
    const { grants, machine } = setting;
    setting.entry(DOM1, 0, GTF_permit_access, DOM0, PAGE);
    const { handle } = grants.mapGrantRef(DOM0, request(0, GNTMAP_host_map));
    const [table] = grants.tableFrames(DOM1);
    grants.removeDomain(DOM1);
    machine.bytes.fill(0xee, (table ?? 0) * PAGE_SIZE, ((table ?? 0) + 1) * PAGE_SIZE);
    expect(grants.unmapGrantRef(DOM0, { hostAddr: ADDRESS, devBusAddr: 0, handle })).toBe(GNTST_okay);
    expect(machine.bytes[(table ?? 0) * PAGE_SIZE]).toBe(0xee);
    expect(heldFrames(setting)).toEqual([]);
  });
});
