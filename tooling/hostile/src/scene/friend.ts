import type { Domain, OwnPages } from "@xenolith/domain-interface";
import type { Host } from "@xenolith/host";
import { kernelPayload } from "@xenolith/host";
import { defineKernel } from "@xenolith/typescript-kernel";
import { type DomId, type GrantRef, toGrantRef } from "@xenolith/xen-abi";
import type { Offers } from "../attacker/world.ts";

const PAGES = 24;
const PORTS = 8;

/** A domain that grants pages and offers ports to whoever asks. */
export interface Friend {
  readonly id: DomId;
  /** Offers pages and ports to a domain, and takes back what it offered to others before, as far as it can. */
  offersTo(domain: DomId): Offers;
}

/** Creates the friend. Its kernel does nothing by itself. */
export const createFriend = async (
  host: Host,
  name: string,
  onFailure: (error: unknown) => void,
): Promise<Friend> => {
  let inside: Domain | null = null;
  const kernel = defineKernel({
    name,
    start: ({ domain }) => {
      inside = domain;
    },
  });
  const id = await host.toolstack.create({
    name,
    payload: kernelPayload(kernel, { onFailure }),
    commandLine: "",
    memoryMiB: 1,
    vcpus: 1,
    disks: [],
    scheduling: {},
  });
  let pages: OwnPages | null = null;
  let offered: GrantRef[] = [];
  let ports: number[] = [];

  return {
    id,
    offersTo(to) {
      const domain: Domain | null = inside;
      if (domain === null) throw new Error("the friend has not started");
      pages ??= domain.grants.allocatePages(PAGES);
      const shared = pages;
      if (shared === null) throw new Error("the friend has no pages");
      const offer = (page: number, writable: boolean): GrantRef =>
        toGrantRef(domain.grants.offer(shared, page, to, writable));
      const takeBack = (): void => {
        offered = offered.filter((reference) => !domain.grants.withdraw(reference));
      };
      takeBack();
      for (const port of ports) domain.events.close(port as never);
      ports = Array.from({ length: PORTS }, () => domain.events.allocateUnbound(to));
      const writable = Array.from({ length: PAGES / 2 }, (_, page) => offer(page, true));
      const readOnly = Array.from({ length: PAGES / 2 }, (_, page) => offer(PAGES / 2 + page, false));
      offered.push(...writable, ...readOnly);
      return {
        domain: id,
        writable,
        readOnly,
        ports() {
          // Each may be bound once: one is replaced whenever they are asked for.
          const used = ports.shift();
          if (used !== undefined) domain.events.close(used as never);
          ports.push(domain.events.allocateUnbound(to));
          return ports;
        },
        change() {
          for (const page of [0, PAGES / 2]) {
            const list = page === 0 ? writable : readOnly;
            const last = list.pop();
            if (last !== undefined) {
              if (!domain.grants.withdraw(last)) list.push(last);
              else {
                const fresh = offer(page + (list.length % (PAGES / 2)), page === 0);
                list.push(fresh);
                offered.push(fresh);
              }
            }
          }
        },
      };
    },
  };
};
