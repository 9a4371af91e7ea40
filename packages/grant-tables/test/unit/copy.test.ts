import { PAGE_SIZE } from "@xenolith/machine-interface";
import { DOMID_SELF, type DomId, toDomId, toGrantRef } from "@xenolith/xen-abi";
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTST_bad_copy_arg,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GTF_permit_access,
  GTF_readonly,
} from "@xenolith/xen-abi/grant-table";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames, ownFrame, type Setting } from "../fake-host.ts";

const end = (domid: DomId, ref: number, gmfn: number, offset = 0) => ({
  domid,
  ref: toGrantRef(ref),
  gmfn,
  offset,
});
const mine = (frame: number, offset = 0) => end(DOMID_SELF, 0, frame, offset);
const theirs = (ref: number, offset = 0, domid: DomId = DOM1) => end(domid, ref, 0, offset);

const PAGE = ownFrame(DOM1, 0);
const OWN = ownFrame(DOM0, 0);

const fill = ({ machine }: Setting, frame: number, text: string): void => {
  machine.bytes.set(new TextEncoder().encode(text), frame * PAGE_SIZE);
};
const read = ({ machine }: Setting, frame: number, length: number): string =>
  new TextDecoder().decode(machine.bytes.subarray(frame * PAGE_SIZE, frame * PAGE_SIZE + length));

describe("GNTTABOP_copy", () => {
  it("copies from a grant into an own frame, past the frame watch", () => {
    const setting = createSetting();
    setting.entry(DOM1, 4, GTF_permit_access | GTF_readonly, DOM0, PAGE);
    fill(setting, PAGE, "hello, page");
    const status = setting.grants.copy(DOM0, {
      source: theirs(4, 7),
      dest: mine(OWN, 0),
      len: 4,
      flags: GNTCOPY_source_gref,
    });
    expect(status).toBe(GNTST_okay);
    expect(read(setting, OWN, 4)).toBe("page");
    expect(setting.machine.notes).toContain(`written ${OWN} 0 4`);
    expect(setting.flags(DOM1, 4)).toBe(GTF_permit_access | GTF_readonly);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("copies from an own frame into a grant, between two grants, and between two own frames", () => {
    const setting = createSetting();
    setting.entry(DOM1, 4, GTF_permit_access, DOM0, PAGE);
    setting.entry(DOM2, 5, GTF_permit_access, DOM0, ownFrame(DOM2, 0));
    fill(setting, OWN, "abc");
    const copy = (source: ReturnType<typeof end>, dest: ReturnType<typeof end>, flags: number) =>
      setting.grants.copy(DOM0, { source, dest, len: 3, flags });
    expect(copy(mine(OWN), theirs(4), GNTCOPY_dest_gref)).toBe(0);
    expect(copy(theirs(4), theirs(5, 0, DOM2), GNTCOPY_source_gref | GNTCOPY_dest_gref)).toBe(0);
    expect(read(setting, ownFrame(DOM2, 0), 3)).toBe("abc");
    expect(copy(mine(OWN), mine(ownFrame(DOM0, 1)), 0)).toBe(0);
    expect(read(setting, ownFrame(DOM0, 1), 3)).toBe("abc");
  });

  const cases = [
    ["an own frame of another domain", end(DOM1, 0, PAGE), mine(OWN), 0, GNTST_permission_denied],
    [
      "a domain that is not there",
      theirs(4, 0, toDomId(9)),
      mine(OWN),
      GNTCOPY_source_gref,
      GNTST_bad_domain,
    ],
    ["a reference beyond the table", theirs(600), mine(OWN), GNTCOPY_source_gref, GNTST_bad_gntref],
    ["a grant to nobody", theirs(6), mine(OWN), GNTCOPY_source_gref, GNTST_general_error],
    ["writing to a read-only grant", mine(OWN), theirs(5), GNTCOPY_dest_gref, GNTST_general_error],
    ["a frame that is not one's own", mine(PAGE), mine(OWN), 0, GNTST_bad_page],
    ["a frame beyond memory", mine(2 ** 40), mine(OWN), 0, GNTST_bad_page],
    ["a page table as destination", mine(OWN), mine(ownFrame(DOM0, 9)), 0, GNTST_general_error],
    ["more than the source page", theirs(4, 4000), mine(OWN), GNTCOPY_source_gref, GNTST_bad_copy_arg],
    ["more than the destination page", theirs(4), mine(OWN, 4000), GNTCOPY_source_gref, GNTST_bad_copy_arg],
  ] as const;

  it.each(cases)("refuses %s and leaves nothing held", (_name, source, dest, flags, status) => {
    const setting = createSetting();
    setting.machine.pageTableFrames.add(ownFrame(DOM0, 9));
    setting.entry(DOM1, 4, GTF_permit_access, DOM0, PAGE);
    setting.entry(DOM1, 5, GTF_permit_access | GTF_readonly, DOM0, PAGE);
    const before = setting.machine.bytes.slice();
    expect(setting.grants.copy(DOM0, { source, dest, len: 100, flags })).toBe(status);
    expect(Buffer.compare(setting.machine.bytes, before)).toBe(0);
    expect(heldFrames(setting)).toEqual([]);
  });

  it("of nothing looks at nothing", () => {
    const { grants } = createSetting();
    expect(grants.copy(DOM0, { source: theirs(4, 0, toDomId(9)), dest: mine(PAGE), len: 0, flags: 0 })).toBe(
      0,
    );
  });
});

describe("copies of TypeScript kernels", () => {
  it("go both ways, by offset, and refuse what a hypercall would be refused", () => {
    const setting = createSetting();
    const { grants } = setting;
    const ref = setting.entry(DOM1, 4, GTF_permit_access, DOM0, PAGE);
    const readOnly = setting.entry(DOM1, 5, GTF_permit_access | GTF_readonly, DOM0, PAGE);
    expect(grants.copyToGrant(DOM0, DOM1, ref, 2, new TextEncoder().encode("xyz"))).toBe(GNTST_okay);
    const into = new Uint8Array(2);
    expect(grants.copyFromGrant(DOM0, DOM1, readOnly, 3, into)).toBe(GNTST_okay);
    expect(new TextDecoder().decode(into)).toBe("yz");
    expect(grants.copyToGrant(DOM0, DOM1, readOnly, 0, into)).toBe(GNTST_general_error);
    expect(grants.copyFromGrant(DOM0, DOM1, ref, 4095, into)).toBe(GNTST_bad_copy_arg);
    expect(grants.copyFromGrant(DOM0, DOM1, ref, -1, into)).toBe(GNTST_bad_copy_arg);
    expect(grants.copyFromGrant(DOM0, toDomId(9), ref, 0, into)).toBe(GNTST_bad_domain);
    expect(grants.copyFromGrant(DOM2, DOM1, ref, 0, into)).toBe(GNTST_general_error);
    expect(heldFrames(setting)).toEqual([]);
  });
});
