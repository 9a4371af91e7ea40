import type { EventChannels } from "@xenolith/event-channels";
import { type DomId, toPort, toVcpuIndex } from "@xenolith/xen-abi";
import { EVTCHNSTAT_interdomain, EVTCHNSTAT_unbound } from "@xenolith/xen-abi/event-channel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createThreeDomains, DOM0, DOM1, DOM2 } from "../fake-host.ts";

const domains = [DOM0, DOM1, DOM2];
const anyDomain = fc.constantFrom(...domains);
const smallPort = fc.nat(12);

type Step = (events: EventChannels) => void;

/** Operations that a well-meaning or clumsy guest makes. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(anyDomain, anyDomain, anyDomain).map(
    ([a, b, c]): Step =>
      (events) =>
        void events.allocUnbound(a, b, c),
  ),
  fc.tuple(anyDomain, anyDomain, smallPort).map(
    ([a, b, p]): Step =>
      (events) =>
        void events.bindInterdomain(a, b, p),
  ),
  fc.tuple(anyDomain, fc.nat(25), fc.nat(2)).map(
    ([a, v, c]): Step =>
      (events) =>
        void events.bindVirq(a, v, c),
  ),
  fc.tuple(anyDomain, fc.nat(2)).map(
    ([a, c]): Step =>
      (events) =>
        void events.bindIpi(a, c),
  ),
  fc.tuple(anyDomain, smallPort).map(
    ([a, p]): Step =>
      (events) =>
        void events.close(a, p),
  ),
  fc.tuple(anyDomain, smallPort).map(
    ([a, p]): Step =>
      (events) =>
        void events.send(a, p),
  ),
  fc.tuple(anyDomain, smallPort, fc.nat(2)).map(
    ([a, p, c]): Step =>
      (events) =>
        void events.bindVcpu(a, p, c),
  ),
  fc.tuple(anyDomain).map(
    ([a]): Step =>
      (events) =>
        void events.reset(a, a, false, () => false),
  ),
);

const statusOf = (events: EventChannels, domain: DomId, port: number) => {
  const status = events.status(DOM0, domain, port);
  if (typeof status === "number") throw new Error(`status ${status}`);
  return status;
};

describe("laws of event channels, after any sequence of operations", () => {
  it("the two ends of a channel name each other", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const { events } = createThreeDomains();
        for (const apply of steps) apply(events);
        for (const domain of domains) {
          for (let port = 0; port < 64; port++) {
            const mine = statusOf(events, domain, port);
            if (mine.status !== EVTCHNSTAT_interdomain) continue;
            expect(statusOf(events, mine.source as DomId, mine.remotePort)).toMatchObject({
              status: EVTCHNSTAT_interdomain,
              source: domain,
              remotePort: port,
            });
          }
        }
      }),
    );
  });

  it("an event makes exactly one port pending: the other end's", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: "max" }),
        anyDomain,
        smallPort,
        (steps, sender, port) => {
          const { events, host } = createThreeDomains();
          for (const apply of steps) apply(events);
          for (const domain of domains)
            for (const vcpu of [0, 1]) events.takePending(domain, toVcpuIndex(vcpu));
          host.notes.length = 0;
          const before = statusOf(events, sender, port);
          const result = events.send(sender, port);
          const taken = domains.flatMap((domain) =>
            [0, 1].flatMap((vcpu) => events.takePending(domain, toVcpuIndex(vcpu)).map((p) => [domain, p])),
          );
          if (before.status === EVTCHNSTAT_interdomain)
            expect(taken).toEqual([[before.source, before.remotePort]]);
          else if (result === 0 && before.status !== EVTCHNSTAT_unbound)
            expect(taken).toEqual([[sender, port]]);
          else expect(taken).toEqual([]);
          expect(host.notes.length).toBe(taken.length);
        },
      ),
    );
  });

  it("nothing one domain does to its own ports changes a third domain's memory", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4), smallPort, fc.nat(25)), { maxLength: 60, size: "max" }),
        (operations) => {
          const { events, host } = createThreeDomains();
          const before = host.pages.get(DOM2)?.slice();
          for (const [kind, port, other] of operations) {
            if (kind === 0) events.allocUnbound(DOM1, DOM1, DOM1);
            else if (kind === 1) events.bindInterdomain(DOM1, DOM1, port);
            else if (kind === 2) events.bindVirq(DOM1, other, 0);
            else if (kind === 3) events.send(DOM1, port);
            else events.bindInterdomain(DOM1, DOM2, port);
          }
          expect(host.pages.get(DOM2)).toEqual(before);
        },
      ),
    );
  });

  it("no event is lost: a port sent to stays pending until it is taken, whatever the mask did meanwhile", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("send", "mask", "unmask", "take"), { maxLength: 40, size: "max" }),
        (actions) => {
          const { events, guest } = createThreeDomains();
          const port = events.bindIpi(DOM1, 0);
          let owed = false;
          let masked = false;
          for (const action of actions) {
            if (action === "send") {
              events.send(DOM1, port);
              owed = true;
            } else if (action === "mask") {
              guest(DOM1).setMask(port, true);
              masked = true;
            } else if (action === "unmask") {
              events.unmask(DOM1, port);
              masked = false;
            } else if (events.takePending(DOM1, toVcpuIndex(0)).includes(toPort(port))) {
              expect(masked).toBe(false);
              expect(owed).toBe(true);
              owed = false;
            } else {
              expect(owed && !masked).toBe(false);
            }
          }
        },
      ),
    );
  });
});
