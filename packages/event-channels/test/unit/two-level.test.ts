import { EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, ESRCH, toDomId, toVcpuIndex } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { connect, createThreeDomains, DOM0, DOM1, DOM2, VCPU0, VCPU1 } from "../fake-host.ts";

describe("sending", () => {
  it.each(["x86_32", "x86_32p", "x86_64"] as const)(
    "sets pending bit, selector bit and upcall flag (%s)",
    (width) => {
      const { events, guest, host } = createThreeDomains(width);
      let pair: readonly [number, number] = [0, 0];
      for (let count = 0; count < 70; count++) pair = connect(events, DOM1, DOM2);
      const [from, to] = pair;
      host.notes.length = 0;
      expect(events.send(DOM1, from)).toBe(0);
      expect(guest(DOM2).pending(to)).toBe(true);
      expect(guest(DOM2).selector()).toBe(1n << BigInt(Math.floor(to / (width === "x86_64" ? 64 : 32))));
      expect(guest(DOM2).upcall()).toBe(true);
      expect(host.notes).toEqual(["upcall 2.0"]);
    },
  );

  it("a second event before the first was taken says nothing new", () => {
    const { events, host } = createThreeDomains();
    const [from] = connect(events, DOM1, DOM2);
    host.notes.length = 0;
    events.send(DOM1, from);
    events.send(DOM1, from);
    expect(host.notes).toEqual(["upcall 2.0"]);
  });

  it("tells a VCPU once, however many ports become pending before it looks", () => {
    const { events, host } = createThreeDomains();
    const ports = [connect(events, DOM1, DOM2), connect(events, DOM1, DOM2)];
    host.notes.length = 0;
    for (const [from] of ports) events.send(DOM1, from);
    expect(host.notes).toEqual(["upcall 2.0"]);
  });

  it("a masked port becomes pending in silence; unmasking it tells", () => {
    const { events, guest, host } = createThreeDomains();
    const [from, to] = connect(events, DOM1, DOM2);
    host.notes.length = 0;
    guest(DOM2).setMask(to, true);
    events.send(DOM1, from);
    expect(guest(DOM2).pending(to)).toBe(true);
    expect(guest(DOM2).upcall()).toBe(false);
    expect(events.unmask(DOM2, to)).toBe(0);
    expect(guest(DOM2).upcall()).toBe(true);
    expect(host.notes).toEqual(["upcall 2.0"]);
  });

  it("unmasking a port that was not masked tells nothing, pending or not", () => {
    const { events, guest, host } = createThreeDomains();
    const [from, to] = connect(events, DOM1, DOM2);
    events.send(DOM1, from);
    guest(DOM2).clearUpcall();
    host.notes.length = 0;
    expect(events.unmask(DOM2, to)).toBe(0);
    expect(host.notes).toEqual([]);
  });

  it("goes to the VCPU that bind_vcpu chose", () => {
    const { events, guest, host } = createThreeDomains();
    const [from, to] = connect(events, DOM1, DOM2);
    host.notes.length = 0;
    expect(events.bindVcpu(DOM2, to, 1)).toBe(0);
    expect(events.bindVcpu(DOM2, to, 2)).toBe(-ENOENT);
    expect(events.bindVcpu(DOM2, 0, 1)).toBe(-EINVAL);
    events.send(DOM1, from);
    expect(host.notes).toEqual(["upcall 2.1"]);
    expect(guest(DOM2).upcall(0)).toBe(false);
  });

  it("on a port of one's own kind only: never on free ports, VIRQs or numbers that are no ports", () => {
    const { events } = createThreeDomains();
    const virq = events.bindVirq(DOM1, 0, 0);
    for (const port of [0, virq, 50, 128, 0xffff_ffff]) expect(events.send(DOM1, port)).toBe(-EINVAL);
  });

  it("a VCPU without vcpu_info keeps the pending bit and is not told", () => {
    const { events, guest, host } = createThreeDomains();
    const port = events.bindIpi(DOM1, 1);
    host.vcpuInfo = () => null;
    events.send(DOM1, port);
    expect(guest(DOM1).pending(port)).toBe(true);
    expect(host.notes).toEqual([]);
    expect(events.takePending(DOM1, VCPU1)).toEqual([]);
  });
});

describe("taking pending ports", () => {
  it("gives unmasked ports in ascending order and leaves masked ones pending", () => {
    const { events, guest } = createThreeDomains("x86_64");
    const ports = Array.from({ length: 200 }, () => events.bindIpi(DOM1, 0));
    guest(DOM1).setMask(70, true);
    for (const port of [199, 3, 70, 64, 128, 65]) events.send(DOM1, port);
    expect(ports).toContain(199);
    expect(events.takePending(DOM1, VCPU0)).toEqual([3, 64, 65, 128, 199]);
    expect(events.takePending(DOM1, VCPU0)).toEqual([]);
    expect(guest(DOM1).pending(70)).toBe(true);
    expect(guest(DOM1).upcall()).toBe(false);
  });
});

describe("polling", () => {
  it("is of ports that are bound", () => {
    const { events } = createThreeDomains();
    const port = events.bindIpi(DOM1, 0);
    expect(events.beginPoll(DOM1, VCPU0, [port])).toBe(1);
    for (const free of [0, port + 1, 5000]) expect(events.beginPoll(DOM1, VCPU0, [port, free])).toBe(-EINVAL);
  });

  it("of a port that is pending ends at once, masked or not", () => {
    const { events, guest } = createThreeDomains();
    const port = events.bindIpi(DOM1, 0);
    guest(DOM1).setMask(port, true);
    events.send(DOM1, port);
    expect(events.beginPoll(DOM1, VCPU0, [port])).toBe(0);
    expect(events.isPolling(DOM1, VCPU0)).toBe(false);
  });

  it("of one port is ended by that port alone, though it is masked", () => {
    const { events, guest, host } = createThreeDomains();
    const waited = events.bindIpi(DOM1, 0);
    const other = events.bindIpi(DOM1, 1);
    guest(DOM1).setMask(waited, true);
    guest(DOM1).setMask(other, true);
    expect(events.beginPoll(DOM1, VCPU0, [waited])).toBe(1);
    events.send(DOM1, other);
    expect(events.isPolling(DOM1, VCPU0)).toBe(true);
    events.send(DOM1, waited);
    expect(events.isPolling(DOM1, VCPU0)).toBe(false);
    expect(host.notes).toEqual(["wake 1.0"]);
  });

  it("of several ports is ended by any event of the domain", () => {
    const { events, host } = createThreeDomains();
    const [first, second, third] = [0, 0, 1].map((vcpu) => events.bindIpi(DOM1, vcpu));
    expect(events.beginPoll(DOM1, VCPU0, [first ?? 0, second ?? 0])).toBe(1);
    events.send(DOM1, third ?? 0);
    expect(host.notes).toEqual(["upcall 1.1", "wake 1.0"]);
  });

  it("of no port waits for a time-out or any event", () => {
    const { events } = createThreeDomains();
    expect(events.beginPoll(DOM1, VCPU0, [])).toBe(1);
    events.endPoll(DOM1, VCPU0);
    expect(events.isPolling(DOM1, VCPU0)).toBe(false);
  });

  it("of a number that is no port is an error, unless an earlier port is pending", () => {
    const { events } = createThreeDomains();
    const port = events.bindIpi(DOM1, 0);
    expect(events.beginPoll(DOM1, VCPU0, [port, 5000])).toBe(-EINVAL);
    expect(events.isPolling(DOM1, VCPU0)).toBe(false);
    events.send(DOM1, port);
    expect(events.beginPoll(DOM1, VCPU0, [port, 5000])).toBe(0);
  });
});

describe("what else is asked", () => {
  it("status of another domain's port is for privileged domains", () => {
    const { events } = createThreeDomains();
    const port = events.allocUnbound(DOM2, DOM2, DOM1);
    expect(events.status(DOM1, DOM2, port)).toBe(-EPERM);
    expect(events.status(DOM0, DOM2, port)).toMatchObject({ status: 1, source: DOM1 });
    expect(events.status(DOM0, toDomId(9), port)).toBe(-ESRCH);
    expect(events.status(DOM0, DOM2, 128)).toBe(-EINVAL);
  });

  it("unmask knows ports that were allocated once, used or free, and no others", () => {
    const { events } = createThreeDomains();
    expect(events.unmask(DOM1, 127)).toBe(0);
    expect(events.unmask(DOM1, 128)).toBe(-EINVAL);
    for (let port = 1; port <= 128; port++) events.bindIpi(DOM1, 0);
    expect(events.unmask(DOM1, 255)).toBe(0);
  });

  it("know no array and no priorities", () => {
    const { events } = createThreeDomains();

    expect(events.expandArray(DOM1, 1)).toBe(-EOPNOTSUPP);
    expect(events.setPriority(DOM1, 1, 0)).toBe(-ENOSYS);
    expect(events.setPriority(DOM1, 4000, 0)).toBe(-EINVAL);
  });

  it("ports of many VCPUs keep to their own vcpu_info", () => {
    const { events, guest } = createThreeDomains();
    events.send(DOM1, events.bindIpi(DOM1, toVcpuIndex(1)));
    expect([guest(DOM1).upcall(0), guest(DOM1).upcall(1)]).toEqual([false, true]);
  });
});
