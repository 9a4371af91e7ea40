import { FRAME_TYPE } from "@xenolith/frame-table";
import { frameAddress, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { EACCES, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmuext_op,
  MMUEXT_CLEAR_PAGE,
  MMUEXT_COPY_PAGE,
  MMUEXT_FLUSH_CACHE,
  MMUEXT_INVLPG_ALL,
  MMUEXT_INVLPG_LOCAL,
  MMUEXT_INVLPG_MULTI,
  MMUEXT_MARK_SUPER,
  MMUEXT_NEW_BASEPTR,
  MMUEXT_NEW_USER_BASEPTR,
  MMUEXT_PIN_L1_TABLE,
  MMUEXT_PIN_L3_TABLE,
  MMUEXT_PIN_L4_TABLE,
  MMUEXT_SET_LDT,
  MMUEXT_TLB_FLUSH_ALL,
  MMUEXT_TLB_FLUSH_LOCAL,
  MMUEXT_TLB_FLUSH_MULTI,
  MMUEXT_UNPIN_TABLE,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createMemoryFixture,
  entryOf,
  type Guest,
  leadsTo,
  type MemoryFixture,
  SCRATCH,
} from "../support/memory-fixture.ts";

describe("mmuext_op", () => {
  let fixture: MemoryFixture;
  let guest: Guest;
  beforeEach(() => {
    fixture = createMemoryFixture();
    guest = fixture.addGuest(1, { vcpus: 3 });
  });
  const page = (index: number): Mfn => guest.pages[index] ?? toMfn(0);
  /** Maps another frame behind linear page 5 without any flush; the TLB still has the old one if it was read before. */
  const swapPageFive = (): void => {
    guest.read(5 * PAGE_SIZE);
    guest.mmuUpdate([
      [entryOf(guest.level1, 5), leadsTo(page(6))],
      [entryOf(page(6), 0), 66],
    ]);
  };
  /** A second root with the same tables but the one of slot 3. */
  const secondRoot = (): Mfn => {
    const [root = toMfn(0), last = toMfn(0)] = guest.spare(2);
    guest.mmuUpdate([
      [entryOf(root, 0), leadsTo(guest.level2[0] ?? toMfn(0), PTE.present)],
      [entryOf(root, 3), leadsTo(last, PTE.present)],
    ]);
    return root;
  };

  it("pins and unpins tables, of one's own only", () => {
    const [table = toMfn(0)] = guest.spare(1);
    expect(guest.mmuExtOp([[MMUEXT_PIN_L1_TABLE, table]])).toBe(0);
    expect(fixture.system.frames.describe(table)).toMatchObject({ type: FRAME_TYPE.level1, pinned: true });
    expect(guest.mmuExtOp([[MMUEXT_PIN_L1_TABLE, table]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, table]])).toBe(0);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, table]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_PIN_L4_TABLE, table]])).toBe(0);
    const other = fixture.addGuest(2);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, other.root]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, other.root]], 2)).toBe(-EPERM);
    expect(guest.mmuExtOp([[MMUEXT_UNPIN_TABLE, other.root]], 7)).toBe(-ESRCH);
  });

  it("counts what was done of a batch", () => {
    const [table = toMfn(0)] = guest.spare(1);
    expect(
      guest.mmuExtOp([
        [MMUEXT_PIN_L1_TABLE, table],
        [MMUEXT_UNPIN_TABLE, table],
        [99, 0],
        [MMUEXT_PIN_L1_TABLE, table],
      ]),
    ).toBe(-ENOSYS);
    expect(guest.done()).toBe(2);
    expect(guest.call(__HYPERVISOR_mmuext_op, 0x4000_0000, 1, 0, 0x7ff0)).toBe(-EFAULT);
  });

  it("loads another base and keeps both as tables while they are in use", () => {
    const root = secondRoot();
    expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, root]])).toBe(0);
    expect(guest.vcpu.pageTableBase).toBe(root);
    expect(fixture.system.frames.levelOf(root)).toBe(3);
    expect(guest.read(0)).toBe(0);
    expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, guest.root]])).toBe(0);
    expect(fixture.system.frames.levelOf(root)).toBe(0);
    expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, page(3)]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, root]], 1)).toBe(-ESRCH);
    expect(guest.mmuExtOp([[MMUEXT_NEW_USER_BASEPTR, root]])).toBe(-EINVAL);
    expect(fixture.system.frames.checkInvariants()).toEqual([]);
  });

  it("sees changes made to a space while another was in use, without a flush", () => {
    const root = secondRoot();
    guest.read(5 * PAGE_SIZE);
    guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, root]]);
    swapPageFive();
    guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, guest.root]]);
    expect(guest.read(5 * PAGE_SIZE)).toBe(66);
  });

  it("shows a guest what it has changed before it flushes", () => {
    swapPageFive();
    expect(guest.read(5 * PAGE_SIZE)).toBe(66);
  });

  it.each([
    ["TLB_FLUSH_LOCAL", [MMUEXT_TLB_FLUSH_LOCAL, 0]],
    ["TLB_FLUSH_ALL", [MMUEXT_TLB_FLUSH_ALL, 0]],
    ["TLB_FLUSH_MULTI", [MMUEXT_TLB_FLUSH_MULTI, 0, SCRATCH + 256]],
    ["INVLPG_LOCAL", [MMUEXT_INVLPG_LOCAL, 5 * PAGE_SIZE]],
    ["INVLPG_ALL", [MMUEXT_INVLPG_ALL, 5 * PAGE_SIZE]],
    ["INVLPG_MULTI", [MMUEXT_INVLPG_MULTI, 5 * PAGE_SIZE, SCRATCH + 256]],
  ] as const)("%s succeeds", (_name, request) => {
    guest.write(SCRATCH + 256, 0b101);
    expect(guest.mmuExtOp([request])).toBe(0);
  });

  it("needs to read the mask of a flush", () => {
    expect(guest.mmuExtOp([[MMUEXT_TLB_FLUSH_MULTI, 0, 0x3000_0000]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_INVLPG_MULTI, 5 * PAGE_SIZE, 0x3000_0000]])).toBe(-EINVAL);
  });

  it("clears and copies pages that can be written", () => {
    guest.write(3 * PAGE_SIZE + 8, 123);
    expect(guest.mmuExtOp([[MMUEXT_COPY_PAGE, page(4), page(3)]])).toBe(0);
    expect(guest.read(4 * PAGE_SIZE + 8)).toBe(123);
    expect(guest.mmuExtOp([[MMUEXT_CLEAR_PAGE, page(3)]])).toBe(0);
    expect(guest.read(3 * PAGE_SIZE + 8)).toBe(0);
    expect(guest.mmuExtOp([[MMUEXT_COPY_PAGE, page(4), guest.level1]])).toBe(0);
    expect(guest.mmuExtOp([[MMUEXT_CLEAR_PAGE, guest.level1]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_COPY_PAGE, guest.level1, page(3)]])).toBe(-EINVAL);
    const other = fixture.addGuest(2);
    expect(guest.mmuExtOp([[MMUEXT_COPY_PAGE, page(4), other.level1]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_CLEAR_PAGE, 123_456]])).toBe(-EINVAL);
    expect(fixture.system.frames.checkInvariants()).toEqual([]);
  });

  it("announces the bytes it changes", () => {
    const heard: number[] = [];
    fixture.memory.onWrite(4, (frame, _offset, length) => heard.push(frame, length));
    fixture.memory.watch(page(3), 4);
    guest.mmuExtOp([[MMUEXT_CLEAR_PAGE, page(3)]]);
    expect(heard).toEqual([page(3), PAGE_SIZE]);
  });

  it("refuses cache flushes, superpages and LDTs that cannot be", () => {
    expect(guest.mmuExtOp([[MMUEXT_FLUSH_CACHE, 0]])).toBe(-EACCES);
    expect(guest.mmuExtOp([[MMUEXT_MARK_SUPER, 0]])).toBe(-EOPNOTSUPP);
    expect(guest.mmuExtOp([[MMUEXT_SET_LDT, 0x1000, 8193]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_SET_LDT, 0x1001, 1]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_SET_LDT, 0x1001, 0]])).toBe(0);
  });

  it("lets a privileged domain pin tables of others, but flush only its own", () => {
    const control = fixture.addGuest(3, { privileged: true });
    const [table = toMfn(0)] = guest.spare(1);
    expect(control.mmuExtOp([[MMUEXT_PIN_L1_TABLE, table]], 1)).toBe(0);
    expect(control.mmuExtOp([[MMUEXT_TLB_FLUSH_LOCAL, 0]], 1)).toBe(-EPERM);
    expect(control.mmuExtOp([[MMUEXT_NEW_BASEPTR, guest.root]], 1)).toBe(-EPERM);
    expect(fixture.memory.view.getUint32(frameAddress(table), true)).toBe(0);
  });

  it("stays on when a base cannot be validated", () => {
    const root = secondRoot();
    guest.mmuUpdate([[entryOf(root, 3), 0]]);
    expect(guest.mmuExtOp([[MMUEXT_NEW_BASEPTR, root]])).toBe(-EINVAL);
    expect(guest.mmuExtOp([[MMUEXT_PIN_L3_TABLE, root]])).toBe(-EINVAL);
    expect(guest.vcpu.pageTableBase).toBe(guest.root);
    expect(guest.read(0)).toBe(0);
    expect(fixture.system.frames.checkInvariants()).toEqual([]);
  });
});
