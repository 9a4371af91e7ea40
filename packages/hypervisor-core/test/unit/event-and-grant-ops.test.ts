import { EBUSY, EFAULT, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "@xenolith/xen-abi";
import {
  EVTCHN_OP_COMPAT_ARGUMENT_OFFSET,
  EVTCHNOP_alloc_unbound,
  EVTCHNOP_bind_interdomain,
  EVTCHNOP_bind_ipi,
  EVTCHNOP_bind_pirq,
  EVTCHNOP_bind_vcpu,
  EVTCHNOP_close,
  EVTCHNOP_expand_array,
  EVTCHNOP_init_control,
  EVTCHNOP_reset,
  EVTCHNOP_reset_cont,
  EVTCHNOP_send,
  EVTCHNOP_set_priority,
  EVTCHNOP_status,
  EVTCHNOP_unmask,
  EVTCHNSTAT_ipi,
  EVTCHNSTAT_unbound,
} from "@xenolith/xen-abi/event-channel";
import {
  GNTST_bad_page,
  GNTST_bad_virt_addr,
  GNTST_general_error,
  GNTST_okay,
  GNTTAB_COPY,
  GNTTAB_SETUP_TABLE,
  GNTTABOP_cache_flush,
  GNTTABOP_copy,
  GNTTABOP_dump_table,
  GNTTABOP_get_status_frames,
  GNTTABOP_get_version,
  GNTTABOP_query_size,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
  GNTTABOP_transfer,
  GTF_accept_transfer,
} from "@xenolith/xen-abi/grant-table";
import {
  __HYPERVISOR_event_channel_op,
  __HYPERVISOR_event_channel_op_compat,
  __HYPERVISOR_grant_table_op,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
  type HypervisorFixture,
  OTHER,
} from "../support/hypervisor-fixture.ts";

const DOMID_SELF = 0x7ff0;
const WIDTH = "x86_32p";

let fixture: HypervisorFixture;
let guest: FixtureGuest;
beforeEach(() => {
  fixture = createHypervisorFixture();
  guest = fixture.addGuest({ id: 1 });
});

describe("event_channel_op", () => {
  const evtchn = (command: number, ...words: readonly number[]): number => {
    guest.write(ARGUMENT, ...words);
    return guest.call(__HYPERVISOR_event_channel_op, command, ARGUMENT);
  };

  it("writes the port it gives behind the domains", () => {
    expect(evtchn(EVTCHNOP_alloc_unbound, DOMID_SELF | (2 << 16), 0)).toBe(0);
    expect(guest.read(ARGUMENT + 4)).toBe(1);
    expect(guest.read(ARGUMENT)).toBe(DOMID_SELF | (2 << 16));
  });

  it("tells the state of a port", () => {
    evtchn(EVTCHNOP_alloc_unbound, DOMID_SELF | (2 << 16), 0);
    evtchn(EVTCHNOP_bind_ipi, 0, 0);
    expect(evtchn(EVTCHNOP_status, DOMID_SELF, 1, 9, 9, 9, 9)).toBe(0);
    expect([8, 12, 16].map((at) => guest.read(ARGUMENT + at))).toEqual([EVTCHNSTAT_unbound, 0, 2]);
    evtchn(EVTCHNOP_status, DOMID_SELF, 2, 9, 9, 9, 9);
    expect([8, 12, 16, 20].map((at) => guest.read(ARGUMENT + at))).toEqual([EVTCHNSTAT_ipi, 0, 9, 9]);
    evtchn(EVTCHNOP_status, DOMID_SELF, 1, 9, 9, 0x55_0000, 9);
    expect(guest.read(ARGUMENT + 16), "a domain is half a word").toBe(0x55_0002);
    expect(evtchn(EVTCHNOP_status, 55, 1, 0, 0, 0, 0)).toBe(-ESRCH);
  });

  it("leaves the argument alone on an error", () => {
    expect(evtchn(EVTCHNOP_bind_interdomain, 44, 1, 0x77)).toBe(-ESRCH);
    expect(guest.read(ARGUMENT + 8)).toBe(0x77);
  });

  it.each([
    ["close of a port that is not there", EVTCHNOP_close, [99], -EINVAL],
    ["send to one", EVTCHNOP_send, [99], -EINVAL],
    ["unmask of one", EVTCHNOP_unmask, [4000], -EINVAL],
    ["a physical interrupt", EVTCHNOP_bind_pirq, [3, 0, 0], -EPERM],
    ["a VCPU that is not there", EVTCHNOP_bind_vcpu, [1, 9], -2],
    [
      "the control block of FIFO events in nobody's frame",
      EVTCHNOP_init_control,
      [0, 1, 0, 0, 0, 0],
      -EINVAL,
    ],
    ["going on with no reset", EVTCHNOP_reset_cont, [DOMID_SELF], -EBUSY],
    ["their array", EVTCHNOP_expand_array, [0, 0], -EOPNOTSUPP],
    ["their priority", EVTCHNOP_set_priority, [4000, 0], -EINVAL],
    ["reset of one's own", EVTCHNOP_reset, [DOMID_SELF], 0],
    ["a command that is not known", 77, [], -ENOSYS],
  ] as const)("%s", (_what, command, words, result) => {
    expect(evtchn(command, ...words)).toBe(result);
  });

  it("FIFO events link a port from the control block of the VCPU", () => {
    const control = guest.frames[28] ?? 0;
    expect(evtchn(EVTCHNOP_init_control, control, 0, 64, 0, 0x5555_5555, 0)).toBe(0);
    expect(guest.read(ARGUMENT + 16) & 0xff).toBe(17);
    expect(evtchn(EVTCHNOP_expand_array, guest.frames[29] ?? 0, 0)).toBe(0);
    evtchn(EVTCHNOP_bind_ipi, 0, 0);
    expect(evtchn(EVTCHNOP_set_priority, 1, 2)).toBe(0);
    expect(evtchn(EVTCHNOP_send, 1)).toBe(0);
    expect(guest.read(28 * 4096 + 64)).toBe(1 << 2);
    expect(guest.read(28 * 4096 + 64 + 8 + 4 * 2)).toBe(1);
    expect(guest.read(29 * 4096 + 4) >>> 28).toBe(0xa);
    expect(evtchn(EVTCHNOP_reset, DOMID_SELF)).toBe(0);
    expect(evtchn(EVTCHNOP_expand_array, guest.frames[29] ?? 0, 0)).toBe(-EOPNOTSUPP);
  });

  it("a reset of many ports is one call that is made piece by piece", () => {
    for (let port = 1; port < 1000; port++) evtchn(EVTCHNOP_bind_ipi, 0, 0);
    expect(evtchn(EVTCHNOP_reset, DOMID_SELF)).toBe(0);
    for (const port of [1, 64, 65, 999]) expect(evtchn(EVTCHNOP_close, port)).toBe(-EINVAL);
  });

  it("an argument that cannot be read is -EFAULT", () => {
    expect(guest.call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, ABSENT)).toBe(-EFAULT);
  });

  it("the older form has the command in front, and knows nothing newer", () => {
    guest.write(ARGUMENT, EVTCHNOP_bind_ipi, 0, 0);
    expect(guest.call(__HYPERVISOR_event_channel_op_compat, ARGUMENT)).toBe(0);
    expect(guest.read(ARGUMENT + EVTCHN_OP_COMPAT_ARGUMENT_OFFSET + 4)).toBe(1);
    guest.write(ARGUMENT, EVTCHNOP_reset, DOMID_SELF);
    expect(guest.call(__HYPERVISOR_event_channel_op_compat, ARGUMENT)).toBe(-ENOSYS);
    expect(guest.call(__HYPERVISOR_event_channel_op_compat, ABSENT)).toBe(-EFAULT);
  });
});

describe("grant_table_op", () => {
  const grant = (command: number, count: number, ...words: readonly number[]): number => {
    guest.write(ARGUMENT, ...words);
    return guest.call(__HYPERVISOR_grant_table_op, command, ARGUMENT, count);
  };

  it("setup_table grows the table and lists its frames", () => {
    expect(grant(GNTTABOP_setup_table, 1, DOMID_SELF, 3, 0x55, OTHER)).toBe(0);
    const { status } = GNTTAB_SETUP_TABLE.layout[WIDTH];
    expect(guest.read(ARGUMENT + status) & 0xffff).toBe(GNTST_okay);
    const frames = [0, 1, 2].map((index) => guest.read(OTHER + 4 * index));
    expect(new Set(frames).size).toBe(3);
    for (const frame of frames) expect(fixture.hypervisor.frames.ownerOf(frame as never)).toBe(guest.id);
  });

  it("setup_table whose list cannot be written says so in its status", () => {
    expect(grant(GNTTABOP_setup_table, 1, DOMID_SELF, 1, 0, ABSENT)).toBe(0);
    expect((guest.read(ARGUMENT + 8) << 16) >> 16).toBe(GNTST_bad_virt_addr);
    expect(grant(GNTTABOP_setup_table, 1, DOMID_SELF, 1, 0, 0xf580_0000)).toBe(-EFAULT);
  });

  it("query_size and the version", () => {
    expect(grant(GNTTABOP_query_size, 1, DOMID_SELF, 0, 0, 0)).toBe(0);
    expect(guest.read(ARGUMENT + 8)).toBe(64);
    expect(grant(GNTTABOP_get_version, 1, DOMID_SELF, 0)).toBe(0);
    expect(guest.read(ARGUMENT + 4)).toBe(1);
    expect(grant(GNTTABOP_set_version, 1, 1)).toBe(0);
    expect(grant(GNTTABOP_set_version, 0, 2), "the count is not looked at").toBe(0);
    expect(grant(GNTTABOP_set_version, 1, 7)).toBe(-EINVAL);
    expect(guest.read(ARGUMENT), "an error tells the version as well").toBe(2);
    expect(grant(GNTTABOP_get_version, 9, DOMID_SELF, 0)).toBe(0);
    expect(guest.read(ARGUMENT + 4)).toBe(2);
  });

  it("status frames are listed in 64 bits each", () => {
    expect(grant(GNTTABOP_get_status_frames, 1, 1, DOMID_SELF, OTHER)).toBe(0);
    expect(guest.read(ARGUMENT + 4) >> 16).toBe(GNTST_general_error);
    grant(GNTTABOP_set_version, 1, 2);
    guest.write(OTHER, 7, 7);
    expect(grant(GNTTABOP_get_status_frames, 1, 1, DOMID_SELF, OTHER)).toBe(0);
    expect(guest.read(ARGUMENT + 4) >> 16).toBe(GNTST_okay);
    expect(fixture.hypervisor.frames.ownerOf(guest.read(OTHER) as never)).toBe(guest.id);
    expect(guest.read(OTHER + 4)).toBe(0);
  });

  it("a page changes its owner by transfer", () => {
    const receiver = fixture.addGuest({ id: 2 });
    receiver.write(ARGUMENT, DOMID_SELF, 1, 0, OTHER);
    receiver.call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, ARGUMENT, 1);
    const table = receiver.read(OTHER) * 4096;
    const { view } = fixture.memory;
    view.setUint32(table + 9 * 8, GTF_accept_transfer | (1 << 16), true);
    view.setUint32(table + 9 * 8 + 4, 77, true);
    const { frames } = fixture.hypervisor;
    const taken = frames.allocate(guest.id, 1);
    const frame = typeof taken === "number" ? 0 : (taken[0] ?? 0);
    expect(grant(GNTTABOP_transfer, 1, frame, 2, 9, 0x5555)).toBe(0);
    expect(guest.read(ARGUMENT + 12) & 0xffff).toBe(GNTST_okay);
    expect(frames.ownerOf(frame as never)).toBe(2);
    expect(frames.machineToPhysical.read(frame as never)).toBe(77);
    expect(view.getUint32(table + 9 * 8 + 4, true)).toBe(frame);
    expect(grant(GNTTABOP_transfer, 1, frame, 2, 9, 0x5555)).toBe(0);
    expect((guest.read(ARGUMENT + 12) << 16) >> 16).toBe(GNTST_bad_page);
  });

  it("flushing caches is answered by the call, not by a status", () => {
    const own = guest.frames[3] ?? 0;
    expect(grant(GNTTABOP_cache_flush, 1, own << 12, 0, 64 << 16, 1)).toBe(0);
    expect(grant(GNTTABOP_cache_flush, 1, own << 12, 0, 64 << 16, 2)).toBe(-EOPNOTSUPP);
    expect(grant(GNTTABOP_cache_flush, 1, 0x8000_0000, 0, 64 << 16, 1)).toBe(-EINVAL);
    expect(grant(GNTTABOP_cache_flush + 0x1000, 1, own << 12, 0, 64 << 16, 1)).toBe(0);
    expect(grant(GNTTABOP_copy + 0x1000, 1)).toBe(-EINVAL);
  });

  it("a long batch of copies restarts on the way and does each of them", () => {
    const count = 1000;
    const size = GNTTAB_COPY.size(WIDTH);
    const list = new Uint8Array(count * size);
    const view = new DataView(list.buffer);
    const end = (page: number, offset: number) => ({
      ref: 0 as never,
      gmfn: guest.frames[page] ?? 0,
      domid: DOMID_SELF as never,
      offset,
    });
    for (let index = 0; index < count; index++)
      GNTTAB_COPY.write(view, index * size, WIDTH, {
        source: end(28, 2 * index),
        dest: end(29, 2 * index),
        len: 2,
        flags: 0,
        status: 1,
      });
    guest.writeBytes(ARGUMENT, list);
    guest.writeBytes(
      28 * 4096,
      Uint8Array.from({ length: 2 * count }, (_, index) => index),
    );
    expect(guest.call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, ARGUMENT, count)).toBe(0);
    expect(guest.readBytes(29 * 4096, 2 * count)).toEqual(guest.readBytes(28 * 4096, 2 * count));
    expect(fixture.clock.now()).toBeGreaterThan(count * 200);
  });

  it("refuses counts and arguments as Xen does", () => {
    expect(grant(GNTTABOP_query_size, 2, DOMID_SELF)).toBe(-EINVAL);
    expect(grant(GNTTABOP_copy, 0xffff_ffff)).toBe(-EINVAL);
    expect(grant(GNTTABOP_dump_table, 1, DOMID_SELF)).toBe(-ENOSYS);
    expect(guest.call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, ABSENT, 1)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, 0xf57f_fff0, 2)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, ABSENT, 0)).toBe(0);
  });
});
