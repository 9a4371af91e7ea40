import { DOMID_SELF, EINVAL, EPERM, ESRCH, toDomId } from "@xenolith/xen-abi";
import { EVTCHNSTAT_closed, EVTCHNSTAT_unbound } from "@xenolith/xen-abi/event-channel";
import { VIRQ_TIMER } from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { connect, createThreeDomains, DOM0, DOM1, DOM2, VCPU0 } from "../fake-host.ts";

describe("EVTCHNOP_close", () => {
  it("leaves the other end unbound, open to the domain that closed", () => {
    const { events } = createThreeDomains();
    const [first, second] = connect(events, DOM1, DOM2);
    expect(events.close(DOM1, first)).toBe(0);
    expect(events.status(DOM1, DOM1, first)).toMatchObject({ status: EVTCHNSTAT_closed });
    expect(events.status(DOM2, DOM2, second)).toMatchObject({ status: EVTCHNSTAT_unbound, source: DOM1 });
    expect(events.send(DOM2, second)).toBe(0);
    expect(events.bindInterdomain(DOM1, DOM2, second)).toBe(first);
  });

  it("clears what is pending, so that a new channel on the port starts quiet", () => {
    const { events, guest } = createThreeDomains();
    const port = events.bindIpi(DOM1, 0);
    events.send(DOM1, port);
    events.close(DOM1, port);
    expect(guest(DOM1).pending(port)).toBe(false);
  });

  it("frees a VIRQ for binding again", () => {
    const { events } = createThreeDomains();
    const port = events.bindVirq(DOM1, VIRQ_TIMER, 1);
    events.close(DOM1, port);
    expect(events.bindVirq(DOM1, VIRQ_TIMER, 1)).toBe(port);
  });

  it("refuses port 0, free ports and numbers that are no ports", () => {
    const { events } = createThreeDomains();
    for (const port of [0, 1, 127, 128, 1024, 0xffff_ffff]) expect(events.close(DOM1, port)).toBe(-EINVAL);
  });
});

describe("EVTCHNOP_reset", () => {
  it("closes all ports of the caller", () => {
    const { events } = createThreeDomains();
    const [first, second] = connect(events, DOM1, DOM2);
    events.bindIpi(DOM1, 0);
    expect(events.reset(DOM1, DOMID_SELF, false, () => false)).toBe(0);
    expect(events.close(DOM1, first)).toBe(-EINVAL);
    expect(events.status(DOM2, DOM2, second)).toMatchObject({ status: EVTCHNSTAT_unbound });
  });

  it("of another domain needs privilege, and the domain paused", () => {
    const { events, host } = createThreeDomains();
    expect(events.reset(DOM1, DOM2, false, () => false)).toBe(-EPERM);
    expect(events.reset(DOM0, toDomId(9), false, () => false)).toBe(-ESRCH);
    expect(events.reset(DOM0, DOM2, false, () => false)).toBe(-EINVAL);
    host.paused.add(DOM2);
    expect(events.reset(DOM0, DOM2, false, () => false)).toBe(0);
  });
});

describe("the end of a domain", () => {
  it("leaves its peers' ports unbound and its identifier unknown", () => {
    const { events } = createThreeDomains();
    const [, second] = connect(events, DOM1, DOM2);
    events.removeDomain(DOM1);
    expect(events.status(DOM2, DOM2, second)).toMatchObject({ status: EVTCHNSTAT_unbound, source: DOM1 });
    expect(events.send(DOM2, second)).toBe(0);
    expect(events.allocUnbound(DOM0, DOM1, DOM0)).toBe(-ESRCH);
    expect(events.bindInterdomain(DOM2, DOM1, 1)).toBe(-ESRCH);
  });

  it("wakes nobody of it that polls", () => {
    const { events, host } = createThreeDomains();
    const port = events.bindIpi(DOM1, 0);
    expect(events.beginPoll(DOM1, VCPU0, [port])).toBe(1);
    events.removeDomain(DOM1);
    expect(host.notes).toEqual([]);
  });
});
