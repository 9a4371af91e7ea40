import type { MappedPages } from "@xenolith/domain-interface";
import { PAGE_SIZE } from "@xenolith/machine-interface";
import { ENOSPC, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_handle,
  GNTST_general_error,
  GNTST_no_space,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
} from "@xenolith/xen-abi/grant-table";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames, ownFrame, type Setting } from "../fake-host.ts";

const mapTwo = (setting: Setting, writable = true): MappedPages => {
  const refs = [0, 1].map((index) =>
    setting.entry(DOM1, index, GTF_permit_access, DOM0, ownFrame(DOM1, 2 - index)),
  );
  const pages = setting.grants.mapPages(DOM0, DOM1, refs, writable);
  if (typeof pages === "number") throw new Error(`status ${pages}`);
  return pages;
};

describe("pages mapped for a TypeScript kernel", () => {
  it("lie one behind the other in the order of the references", () => {
    const setting = createSetting();
    const pages = mapTwo(setting);
    expect(pages.lengthBytes).toBe(2 * PAGE_SIZE);
    pages.copyIn(PAGE_SIZE - 2, Uint8Array.of(1, 2, 3, 4));
    const { bytes } = setting.machine;
    expect([
      ...bytes.subarray((ownFrame(DOM1, 2) + 1) * PAGE_SIZE - 2, (ownFrame(DOM1, 2) + 1) * PAGE_SIZE),
    ]).toEqual([1, 2]);
    expect([...bytes.subarray(ownFrame(DOM1, 1) * PAGE_SIZE, ownFrame(DOM1, 1) * PAGE_SIZE + 2)]).toEqual([
      3, 4,
    ]);
    expect(setting.machine.notes).toContain(`written ${ownFrame(DOM1, 1)} 0 2`);
    const into = new Uint8Array(6).fill(9);
    pages.copyOut(2 * PAGE_SIZE - 2, into);
    expect([...into]).toEqual([0, 0, 0, 0, 0, 0]);
    pages.writeUint32(PAGE_SIZE + 8, 0xdead_beef);
    expect(pages.readUint32(PAGE_SIZE + 8)).toBe(0xdead_beef);
  });

  it("are held until released, once", () => {
    const setting = createSetting();
    const pages = mapTwo(setting);
    expect(heldFrames(setting)).toEqual([ownFrame(DOM1, 1), ownFrame(DOM1, 2)]);
    pages.release();
    pages.release();
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access);
    expect(setting.grants.uses()).toEqual([]);
  });

  it("answer with zeroes and drop writes once released", () => {
    const setting = createSetting();
    const pages = mapTwo(setting);
    pages.writeUint32(0, 7);
    pages.release();
    const before = setting.machine.bytes.slice();
    pages.writeUint32(0, 8);
    pages.copyIn(0, Uint8Array.of(1));
    const into = Uint8Array.of(5);
    pages.copyOut(0, into);
    expect([pages.readUint32(0), into[0], pages.lengthBytes]).toEqual([0, 0, 0]);
    expect(Buffer.compare(setting.machine.bytes, before)).toBe(0);
  });

  it("drop writes when mapped for reading, and words that are not aligned or lie outside", () => {
    const setting = createSetting();
    const pages = mapTwo(setting, false);
    const before = setting.machine.bytes.slice();
    pages.copyIn(0, Uint8Array.of(1));
    pages.writeUint32(0, 1);
    expect(pages.writable).toBe(false);
    expect(Buffer.compare(setting.machine.bytes, before)).toBe(0);
    expect([pages.readUint32(2), pages.readUint32(2 * PAGE_SIZE), pages.readUint32(-4)]).toEqual([0, 0, 0]);
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access | GTF_reading);
  });

  it("are mapped all or none", () => {
    const setting = createSetting({ maximumMappings: 2 });
    const good = setting.entry(DOM1, 0, GTF_permit_access, DOM0, ownFrame(DOM1, 0));
    const bad = setting.entry(DOM1, 1, GTF_permit_access | GTF_readonly, DOM0, ownFrame(DOM1, 1));
    const { grants } = setting;
    expect(grants.mapPages(DOM0, DOM1, [good, bad], true)).toBe(GNTST_general_error);
    expect(grants.mapPages(DOM0, DOM1, [good, toGrantRef(512)], false)).toBe(GNTST_bad_gntref);
    expect(grants.mapPages(DOM0, DOM1, [good, good, good], false)).toBe(GNTST_no_space);
    expect(grants.mapPages(DOM0, toDomId(9), [good], false)).toBe(GNTST_bad_domain);
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.flags(DOM1, 0)).toBe(GTF_permit_access);
    expect(typeof grants.mapPages(DOM0, DOM1, [good, bad], false)).toBe("object");
  });

  it("go stale when their kernel's domain dies", () => {
    const setting = createSetting();
    const ref = setting.entry(DOM1, 0, GTF_permit_access, DOM2, ownFrame(DOM1, 0));
    const pages = setting.grants.mapPages(DOM2, DOM1, [ref], true);
    setting.grants.releaseMappings(DOM2);
    expect(heldFrames(setting)).toEqual([]);
    expect(setting.grants.uses()).toEqual([]);
    expect(typeof pages === "object" && pages.lengthBytes).toBe(0);
    if (typeof pages === "object") pages.release();
    expect(heldFrames(setting)).toEqual([]);
  });

  it("cannot be given back by hypercall", () => {
    const setting = createSetting();
    mapTwo(setting);
    for (const handle of [0, 1]) {
      expect(setting.grants.unmapGrantRef(DOM0, { hostAddr: 4096, devBusAddr: 0, handle })).toBe(
        GNTST_bad_handle,
      );
    }
  });
});

describe("offers of a TypeScript kernel", () => {
  it("leave the reserved entries alone and are used again once withdrawn", () => {
    const setting = createSetting();
    const { grants } = setting;
    const ref = grants.offer(DOM1, ownFrame(DOM1, 0), DOM0, false);
    expect(ref).toBe(8);
    expect(setting.flags(DOM1, 8)).toBe(GTF_permit_access | GTF_readonly);
    expect(typeof grants.mapPages(DOM0, DOM1, [toGrantRef(ref)], false)).toBe("object");
    expect(grants.withdraw(DOM1, toGrantRef(ref))).toBe(false);
    grants.releaseMappings(DOM0);
    expect(grants.withdraw(DOM1, toGrantRef(ref))).toBe(true);
    expect(setting.flags(DOM1, 8)).toBe(0);
    expect(grants.offer(DOM1, ownFrame(DOM1, 1), DOM0, true)).toBe(8);
  });

  it("let the table grow up to its maximum", () => {
    const { grants } = createSetting({ maximumFrames: 2 });
    const refs = Array.from({ length: 1017 }, () => grants.offer(DOM1, ownFrame(DOM1, 0), DOM0, true));
    expect(refs[1015]).toBe(1023);
    expect(refs[1016]).toBe(-ENOSPC);
    expect(grants.tableFrames(DOM1).length).toBe(2);
  });
});
