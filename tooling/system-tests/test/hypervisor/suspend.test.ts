import { EINVAL, ESRCH, toDomId, toPfn, toPort } from "@xenolith/xen-abi";
import { SCHEDOP_shutdown, SHUTDOWN_suspend } from "@xenolith/xen-abi/sched";
import { START_INFO, startInfoMagic } from "@xenolith/xen-abi/start-info";
import { __HYPERVISOR_sched_op } from "@xenolith/xen-abi/xen";
import { describe, expect, test } from "vitest";
import { hypercall, spin, store } from "./support/assemble.ts";
import { createTestGuest, page } from "./support/guest.ts";
import { createTestMachine } from "./support/machine.ts";

const WIDTH = "x86_32p";
const CODE = page(1);
const RESULT = page(3);
const REASON = page(4);
const START = page(5);
const STORE_PAGE = 7;
const CONSOLE_PAGE = 8;
const MS = 1_000_000;

/** A guest that has suspended itself, its start_info as such a guest leaves it: pages of store and console by their numbers. */
const suspended = () => {
  const machine = createTestMachine();
  const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9), vcpus: 2 });
  const bytes = new Uint8Array(START_INFO.size(WIDTH));
  START_INFO.write(new DataView(bytes.buffer), 0, WIDTH, {
    magic: startInfoMagic(WIDTH),
    nrPages: 0,
    sharedInfo: 0,
    flags: 1,
    storeMfn: STORE_PAGE,
    storeEvtchn: toPort(1),
    console: { mfn: CONSOLE_PAGE, evtchn: toPort(2) },
    ptBase: 0,
    nrPtFrames: 0,
    mfnList: 0,
    modStart: 0,
    modLen: 0,
    cmdLine: "kept",
    firstP2mPfn: toPfn(0),
    nrP2mFrames: 0,
  });
  guest.write(START, bytes);
  guest.writeUint32(REASON, SHUTDOWN_suspend);
  guest.writeUint32(RESULT, 0xdead);
  const frame = guest.frames[START / 4096] ?? 0;
  guest.write(CODE, [
    ...hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, REASON, frame),
    ...store("eax", RESULT),
    ...spin,
  ]);
  guest.start();
  machine.runUntil(5 * MS);
  const { control } = machine.hypervisor;
  expect(control.describe(guest.id)?.shutdownReason).toBe("suspend");
  expect(guest.readUint32(RESULT)).toBe(0xdead);
  const startInfo = () => START_INFO.read(guest.read(START, START_INFO.size(WIDTH)), 0, WIDTH);
  return { machine, guest, control, startInfo };
};

describe("a domain that has suspended itself", () => {
  test("goes on with start_info filled in anew", () => {
    const { machine, guest, control, startInfo } = suspended();
    expect(control.resume(guest.id, { cancelled: false })).toBe(0);
    machine.runUntil(10 * MS);
    expect(control.describe(guest.id)?.state).toBe("running");
    expect(guest.readUint32(RESULT)).toBe(0);
    expect(startInfo()).toMatchObject({
      magic: startInfoMagic(WIDTH),
      nrPages: control.framesOf(guest.id).length,
      sharedInfo: control.sharedInfoFrame(guest.id) * 4096,
      flags: 0,
      storeMfn: guest.frames[STORE_PAGE],
      storeEvtchn: 1,
      console: { mfn: guest.frames[CONSOLE_PAGE], evtchn: 2 },
      cmdLine: "kept",
    });
  });

  test("goes on as if nothing had been when the suspension is cancelled", () => {
    const { machine, guest, control, startInfo } = suspended();
    const before = startInfo();
    expect(control.resume(guest.id, { cancelled: true })).toBe(0);
    machine.runUntil(10 * MS);
    expect(guest.readUint32(RESULT)).toBe(1);
    expect(startInfo()).toEqual(before);
  });

  test("does not run before, nor goes on twice; nor does one that has not", () => {
    const { machine, guest, control } = suspended();
    const ran = control.describe(guest.id)?.cpuNs;
    machine.runUntil(20 * MS);
    expect(control.describe(guest.id)?.cpuNs).toBe(ran);
    expect(control.resume(guest.id, { cancelled: true })).toBe(0);
    expect(control.resume(guest.id, { cancelled: true })).toBe(-EINVAL);
    expect(control.resume(toDomId(77), { cancelled: true })).toBe(-ESRCH);
  });

  test("stays where it is when its call named no frame of its own", () => {
    const machine = createTestMachine();
    const guest = createTestGuest(machine, { entry: CODE, stackTop: page(9) });
    guest.writeUint32(REASON, SHUTDOWN_suspend);
    guest.write(CODE, [...hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, REASON, 0x7fff_ffff), ...spin]);
    guest.start();
    machine.runUntil(5 * MS);
    const { control } = machine.hypervisor;
    expect(control.resume(guest.id, { cancelled: false })).toBe(-EINVAL);
    expect(control.describe(guest.id)?.shutdownReason).toBe("suspend");
  });
});
