import { RESET_UNFINISHED } from "@xenolith/event-channels";
import {
  DOMID_SELF,
  EACCES,
  EAGAIN,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOSYS,
  EOPNOTSUPP,
  toDomId,
} from "@xenolith/xen-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { connect, createThreeDomains, DOM1, DOM2, VCPU0, VCPU1 } from "../fake-host.ts";

const PENDING = 0x8000_0000;
const MASKED = 0x4000_0000;
const LINKED = 0x2000_0000;
const LINK_MASK = 0x1_ffff;

const CONTROL = [100, 101] as const;
const ARRAY = 200;

let setting: ReturnType<typeof createThreeDomains>;

const view = (frame: number): DataView =>
  new DataView((setting.host.frames.get(frame) ?? new Uint8Array(0)).buffer);
const word = (port: number): number => view(ARRAY + (port >>> 10)).getUint32((port % 1024) * 4, true);
const setWord = (port: number, value: number): void =>
  view(ARRAY + (port >>> 10)).setUint32((port % 1024) * 4, value >>> 0, true);
const ready = (vcpu = 0): number => view(CONTROL[vcpu === 0 ? 0 : 1]).getUint32(0, true);
const head = (priority: number, vcpu = 0): number =>
  view(CONTROL[vcpu === 0 ? 0 : 1]).getUint32(8 + 4 * priority, true);

/** Ports linked from a head on. */
const queue = (priority: number, vcpu = 0): number[] => {
  const ports: number[] = [];
  for (let port = head(priority, vcpu); port !== 0; port = word(port) & LINK_MASK) ports.push(port);
  return ports;
};

const init = (vcpu: number, offset = 0, frame: number = CONTROL[vcpu === 0 ? 0 : 1]): number =>
  setting.events.initControl(DOM2, { vcpu, controlGfn: frame, offset });

beforeEach(() => {
  setting = createThreeDomains();
  for (const frame of [...CONTROL, ARRAY, ARRAY + 1]) setting.host.frames.set(frame, new Uint8Array(4096));
});

describe("EVTCHNOP_init_control", () => {
  it("refuses VCPUs, places and frames that there are not, and a second block", () => {
    expect(init(2)).toBe(-ENOENT);
    expect(init(0, 4096 - 71)).toBe(-EINVAL);
    expect(init(0, 4)).toBe(-EINVAL);
    expect(init(0, 0, 999)).toBe(-EINVAL);
    expect(setting.events.expandArray(DOM2, ARRAY), "nothing has changed").toBe(-EOPNOTSUPP);
    expect(init(0, 4096 - 72)).toBe(0);
    expect(init(0)).toBe(-EINVAL);
    expect(init(1)).toBe(0);
  });

  it("what was pending before is delivered once there is a word for it", () => {
    const [first, port] = connect(setting.events, DOM1, DOM2);
    setting.events.send(DOM1, first);
    init(0);
    setting.host.notes.length = 0;
    setting.guest(DOM2).clearUpcall();
    expect(setting.events.expandArray(DOM2, ARRAY)).toBe(0);
    expect(word(port)).toBe((PENDING | LINKED) >>> 0);
    expect(queue(7)).toEqual([port]);
    expect(setting.host.notes).toEqual(["upcall 2.0"]);
  });
});

describe("EVTCHNOP_expand_array", () => {
  it("takes up to 128 pages", () => {
    init(0);
    expect(setting.events.expandArray(DOM2, 999)).toBe(-EINVAL);
    for (let page = 0; page < 128; page++) expect(setting.events.expandArray(DOM2, ARRAY)).toBe(0);
    expect(setting.events.expandArray(DOM2, ARRAY)).toBe(-ENOSPC);
  });
});

describe("events in queues", () => {
  let pairs: (readonly [number, number])[];
  const send = (index: number): void => {
    setting.events.send(DOM1, pairs[index]?.[0] ?? 0);
  };
  const local = (index: number): number => pairs[index]?.[1] ?? 0;

  beforeEach(() => {
    init(0);
    init(1);
    setting.events.expandArray(DOM2, ARRAY);
    pairs = Array.from({ length: 4 }, () => connect(setting.events, DOM1, DOM2));
    setting.host.notes.length = 0;
    setting.guest(DOM2).clearUpcall();
  });

  it("keep the order in which they came, and one upcall says so", () => {
    for (const index of [2, 0, 3]) send(index);
    expect(queue(7)).toEqual([local(2), local(0), local(3)]);
    expect(ready()).toBe(1 << 7);
    expect(setting.host.notes).toEqual(["upcall 2.0"]);
    send(2);
    expect(queue(7).length, "nothing is linked twice").toBe(3);
    expect(setting.events.takePending(DOM2, VCPU0)).toEqual([local(2), local(0), local(3)]);
    expect(word(local(0))).toBe(0);
  });

  it("go by priority", () => {
    expect(setting.events.setPriority(DOM2, local(1), 0)).toBe(0);
    expect(setting.events.setPriority(DOM2, local(1), 16)).toBe(-EINVAL);
    expect(setting.events.setPriority(DOM2, 4000, 3)).toBe(-EINVAL);
    expect(setting.events.setPriority(DOM2, 100, 3), "a free port").toBe(-EACCES);
    for (const index of [0, 1]) send(index);
    expect([queue(0), queue(7), ready()]).toEqual([[local(1)], [local(0)], 1 | (1 << 7)]);
    expect(setting.events.takePending(DOM2, VCPU0)).toEqual([local(1), local(0)]);
  });

  it("a queue that the guest has emptied begins anew", () => {
    send(0);
    setting.events.takePending(DOM2, VCPU0);
    send(1);
    expect(queue(7)).toEqual([local(1)]);
  });

  it("a masked event is pending and in no queue until it is unmasked", () => {
    setWord(local(0), MASKED);
    send(0);
    expect(word(local(0))).toBe((PENDING | MASKED) >>> 0);
    expect(setting.host.notes).toEqual([]);
    setting.events.unmask(DOM2, local(0));
    expect(queue(7)).toEqual([local(0)]);
    expect(setting.host.notes).toEqual(["upcall 2.0"]);
  });

  it("an event goes to another VCPU's queue once it is off the old one", () => {
    send(0);
    setting.events.bindVcpu(DOM2, local(0), 1);
    send(0);
    expect([queue(7, 0), queue(7, 1)]).toEqual([[local(0)], []]);
    setting.events.takePending(DOM2, VCPU0);
    send(0);
    expect(head(7, 1)).toBe(local(0));
    expect(setting.events.takePending(DOM2, VCPU1)).toEqual([local(0)]);
  });

  it("events for a VCPU without a control block stay pending", () => {
    setting = createThreeDomains();
    for (const frame of [CONTROL[0], ARRAY]) setting.host.frames.set(frame, new Uint8Array(4096));
    init(0);
    setting.events.expandArray(DOM2, ARRAY);
    const [from, to] = connect(setting.events, DOM1, DOM2);
    setting.events.bindVcpu(DOM2, to, 1);
    setting.events.send(DOM1, from);
    expect(word(to)).toBe(PENDING);
  });

  it("a closed port is not given out again while the guest has it in a queue", () => {
    send(0);
    const port = local(0);
    setting.events.close(DOM2, port);
    expect(word(port)).toBe(LINKED);
    expect(setting.events.bindIpi(DOM2, 0)).not.toBe(port);
    setting.events.takePending(DOM2, VCPU0);
    expect(setting.events.bindIpi(DOM2, 0)).toBe(port);
  });

  it("links that the guest makes up lead nowhere else", () => {
    for (const value of [0xffff_ffff, 0x3fff_ffff, LINKED | 0x1_ffff, LINKED | 1]) {
      setWord(local(0), value);
      view(CONTROL[0]).setUint32(8 + 4 * 7, 0xffff_ffff, true);
      send(0);
      send(1);
      setting.events.takePending(DOM2, VCPU0);
      setting.events.unmask(DOM2, local(0));
    }
    expect(setting.events.bindIpi(DOM2, 0)).toBeGreaterThan(0);
  });

  it("are polled for as well", () => {
    expect(setting.events.beginPoll(DOM2, VCPU0, [local(0)])).toBe(1);
    send(0);
    expect(setting.host.notes).toContain("wake 2.0");
    expect(setting.events.beginPoll(DOM2, VCPU0, [local(0)])).toBe(0);
  });

  it("there are more ports than two-level events have", () => {
    for (let port = 0; port < 1100; port++) setting.events.allocUnbound(DOM2, DOM2, DOM1);
    expect(setting.events.allocUnbound(DOM2, DOM2, DOM1)).toBeGreaterThan(1024);
  });

  it("a reset gives the pages back and two-level events again", () => {
    expect(setting.host.held.length).toBe(3);
    expect(setting.events.reset(DOM2, DOMID_SELF, false, () => false)).toBe(0);
    expect(setting.host.held).toEqual([]);
    expect(setting.events.setPriority(DOM2, 1, 3)).toBe(-ENOSYS);
    const [from, to] = connect(setting.events, DOM1, DOM2);
    setting.events.send(DOM1, from);
    expect(setting.guest(DOM2).pending(to)).toBe(true);
  });

  it("so does the end of the domain", () => {
    setting.events.removeDomain(DOM2);
    expect(setting.host.held).toEqual([]);
  });
});

describe("a reset that is interrupted", () => {
  const reset = (resumes: boolean, stop = true): number =>
    setting.events.reset(DOM2, DOMID_SELF, resumes, () => stop);

  it("goes on where it stopped, and no second one begins meanwhile", () => {
    for (let port = 1; port <= 200; port++) setting.events.bindIpi(DOM2, 0);
    expect(reset(true), "there is nothing to resume").toBe(-EBUSY);
    expect(reset(false)).toBe(RESET_UNFINISHED);
    expect(setting.events.send(DOM2, 64)).toBe(-EINVAL);
    expect(setting.events.send(DOM2, 65)).toBe(0);
    expect(reset(false)).toBe(-EBUSY);
    expect([reset(true), reset(true), reset(true, false)]).toEqual([RESET_UNFINISHED, RESET_UNFINISHED, 0]);
    expect(setting.events.send(DOM2, 200)).toBe(-EINVAL);
    expect(reset(false, false)).toBe(0);
  });

  it("says so when ports were bound behind its back", () => {
    for (let port = 1; port <= 100; port++) setting.events.bindIpi(DOM2, 0);
    expect(reset(false)).toBe(RESET_UNFINISHED);
    expect(setting.events.allocUnbound(DOM2, DOM2, toDomId(1))).toBe(1);
    expect(reset(true, false)).toBe(-EAGAIN);
  });
});
