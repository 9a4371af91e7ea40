import { createEventChannels } from "@xenolith/event-channels";
import { HostError } from "@xenolith/machine-interface";
import {
  DOMID_IO,
  DOMID_SELF,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSPC,
  EPERM,
  ESRCH,
  toDomId,
} from "@xenolith/xen-abi";
import {
  EVTCHNSTAT_closed,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_unbound,
} from "@xenolith/xen-abi/event-channel";
import { VIRQ_CON_RING, VIRQ_DOM_EXC, VIRQ_TIMER } from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { connect, createFakeHost, createThreeDomains, DOM0, DOM1, DOM2, VCPU0 } from "../fake-host.ts";

describe("EVTCHNOP_alloc_unbound", () => {
  it("gives the lowest free port, from 1", () => {
    const { events } = createThreeDomains();
    expect(events.allocUnbound(DOM1, DOMID_SELF, DOM0)).toBe(1);
    expect(events.allocUnbound(DOM1, DOM1, DOM0)).toBe(2);
    events.close(DOM1, 1);
    expect(events.allocUnbound(DOM1, DOMID_SELF, DOM0)).toBe(1);
  });

  it("on behalf of another domain is for privileged ones", () => {
    const { events } = createThreeDomains();
    expect(events.allocUnbound(DOM1, DOM2, DOM1)).toBe(-EPERM);
    expect(events.allocUnbound(DOM0, DOM2, DOM1)).toBe(1);
    expect(events.allocUnbound(DOM0, toDomId(9), DOM1)).toBe(-ESRCH);
    expect(events.allocUnbound(DOM0, DOMID_IO, DOM1)).toBe(-ESRCH);
  });

  it("takes SELF as the remote to be the caller, not the domain it acts for", () => {
    const { events } = createThreeDomains();
    const port = events.allocUnbound(DOM0, DOM1, DOMID_SELF);
    expect(events.status(DOM1, DOM1, port)).toMatchObject({ status: EVTCHNSTAT_unbound, source: DOM0 });
  });

  it("may name a remote that does not exist yet", () => {
    const { events } = createThreeDomains();
    expect(events.allocUnbound(DOM1, DOM1, toDomId(77))).toBe(1);
  });

  it.each([
    ["x86_32p", 1023],
    ["x86_64", 4095],
  ] as const)("ends with -ENOSPC when all ports of %s are used", (width, ports) => {
    const { events } = createThreeDomains(width);
    for (let port = 1; port <= ports; port++) expect(events.allocUnbound(DOM1, DOM1, DOM0)).toBe(port);
    expect(events.allocUnbound(DOM1, DOM1, DOM0)).toBe(-ENOSPC);
    expect(events.bindIpi(DOM1, 0)).toBe(-ENOSPC);
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 0)).toBe(-ENOSPC);
    expect(events.allocUnbound(DOM2, DOM2, DOM0)).toBe(1);
  });

  it("respects a domain's own maximum", () => {
    const events = createEventChannels(createFakeHost());
    events.addDomain(DOM1, { width: "x86_32p", vcpuCount: 1, privileged: false, maximumPort: 2 });
    expect([1, 2, 3].map(() => events.allocUnbound(DOM1, DOM1, DOM0))).toEqual([1, 2, -ENOSPC]);
  });
});

describe("EVTCHNOP_bind_interdomain", () => {
  it("connects both ports, and the new one starts pending", () => {
    const { events, guest, host } = createThreeDomains();
    const offered = events.allocUnbound(DOM1, DOM1, DOM2);
    const bound = events.bindInterdomain(DOM2, DOM1, offered);
    expect(events.status(DOM1, DOM1, offered)).toEqual({
      status: EVTCHNSTAT_interdomain,
      vcpu: 0,
      source: DOM2,
      remotePort: bound,
    });
    expect(events.status(DOM2, DOM2, bound)).toEqual({
      status: EVTCHNSTAT_interdomain,
      vcpu: 0,
      source: DOM1,
      remotePort: offered,
    });
    expect(guest(DOM2).pending(bound)).toBe(true);
    expect(guest(DOM1).pending(offered)).toBe(false);
    expect(host.notes).toEqual(["upcall 2.0"]);
  });

  it("refuses a port that is not unbound, or is meant for somebody else, or is none", () => {
    const { events } = createThreeDomains();
    const [connected] = connect(events, DOM1, DOM2);
    const forDom0 = events.allocUnbound(DOM1, DOM1, DOM0);
    const virq = events.bindVirq(DOM1, VIRQ_TIMER, 0);
    for (const port of [0, connected, forDom0, virq, forDom0 + 50, 127, 128, 5000, 0xffff_ffff]) {
      expect(events.bindInterdomain(DOM2, DOM1, port), `port ${port}`).toBe(-EINVAL);
    }
    expect(events.bindInterdomain(DOM2, toDomId(9), 1)).toBe(-ESRCH);
  });

  it("is not open to a privileged domain that was not named either", () => {
    const { events } = createThreeDomains();
    const port = events.allocUnbound(DOM1, DOM1, DOM2);
    expect(events.bindInterdomain(DOM0, DOM1, port)).toBe(-EINVAL);
  });

  it("connects two ports of one domain", () => {
    const { events, guest } = createThreeDomains();
    const [first, second] = connect(events, DOM1, DOM1);
    events.send(DOM1, first);
    expect(guest(DOM1).pending(second)).toBe(true);
    events.close(DOM1, first);
    expect(events.status(DOM1, DOM1, second)).toMatchObject({ status: EVTCHNSTAT_unbound, source: DOM1 });
  });

  it("takes no port when it fails", () => {
    const { events } = createThreeDomains();
    events.bindInterdomain(DOM2, DOM1, 5);
    expect(events.status(DOM2, DOM2, 1)).toMatchObject({ status: EVTCHNSTAT_closed });
  });
});

describe("EVTCHNOP_bind_virq, bind_ipi and bind_pirq", () => {
  it("a VIRQ is bound once per VCPU, a global one through VCPU 0 only", () => {
    const { events } = createThreeDomains();
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 0)).toBe(1);
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 0)).toBe(-EEXIST);
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 1)).toBe(2);
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 2)).toBe(-ENOENT);
    expect(events.bindVirq(DOM1, VIRQ_CON_RING, 1)).toBe(-EINVAL);
    expect(events.bindVirq(DOM1, VIRQ_CON_RING, 0)).toBe(3);
    expect(events.bindVirq(DOM1, 24, 0)).toBe(-EINVAL);
    expect(events.bindVirq(DOM1, 0xffff_ffff, 0)).toBe(-EINVAL);
  });

  it("a domain may have VIRQs for each VCPU besides the usual ones", () => {
    const { events } = createThreeDomains();
    const own = toDomId(9);
    events.addDomain(own, { width: "x86_64", vcpuCount: 2, privileged: false, vcpuVirqs: [23] });
    expect(events.bindVirq(DOM1, 23, 1)).toBe(-EINVAL);
    expect([events.bindVirq(own, 23, 0), events.bindVirq(own, 23, 1)]).toEqual([1, 2]);
    expect(events.bindVirq(own, 22, 1)).toBe(-EINVAL);
    expect(events.bindVcpu(own, 2, 0), "it stays where it was bound").toBe(-EINVAL);
  });

  it("a VIRQ raised reaches the VCPU it is bound to, and nobody when it is not bound", () => {
    const { events, host } = createThreeDomains();
    events.raiseVirq(DOM1, VCPU0, VIRQ_TIMER);
    expect(host.notes).toEqual([]);
    events.bindVirq(DOM1, VIRQ_TIMER, 1);
    events.raiseVirq(DOM1, VCPU0, VIRQ_TIMER);
    expect(host.notes).toEqual([]);
    events.raiseVirq(DOM1, 1 as typeof VCPU0, VIRQ_TIMER);
    expect(host.notes).toEqual(["upcall 1.1"]);
  });

  it("a global VIRQ follows bind_vcpu", () => {
    const { events, host } = createThreeDomains();
    const port = events.bindVirq(DOM0, VIRQ_DOM_EXC, 0);
    expect(events.bindVcpu(DOM0, port, 1)).toBe(0);
    events.raiseGlobalVirq(DOM0, VIRQ_DOM_EXC);
    expect(host.notes).toEqual(["upcall 0.1"]);
  });

  it("an IPI port reaches its own VCPU and cannot be moved", () => {
    const { events, host } = createThreeDomains();
    const port = events.bindIpi(DOM1, 1);
    expect(events.bindIpi(DOM1, 2)).toBe(-ENOENT);
    expect(events.send(DOM1, port)).toBe(0);
    expect(host.notes).toEqual(["upcall 1.1"]);
    expect(events.bindVcpu(DOM1, port, 0)).toBe(-EINVAL);
  });

  it("there are no physical interrupts to have", () => {
    const { events } = createThreeDomains();
    expect(events.bindPirq(DOM0, 1)).toBe(-EPERM);
    expect(events.bindPirq(DOM0, 0xffff_ffff)).toBe(-EINVAL);
  });
});

describe("domains", () => {
  it("adding one twice, or using one that was never added, is the host's mistake", () => {
    const { events } = createThreeDomains();
    expect(() => events.addDomain(DOM1, { width: "x86_32p", vcpuCount: 1, privileged: false })).toThrow(
      HostError,
    );
    expect(() => events.send(toDomId(9), 1)).toThrow(HostError);
  });
});
