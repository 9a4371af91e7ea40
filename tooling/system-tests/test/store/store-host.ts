import { createStreamPair } from "@xenolith/backend-interface";
import { createFakeHost, type FakeHost } from "@xenolith/domain-interface/testing";
import { createStoreStream } from "@xenolith/typescript-kernel";
import { toDomId, toPort } from "@xenolith/xen-abi";
import { createStoreClient, type StoreClient, type StoreResult } from "@xenolith/xenbus";
import { createXenstored, type Xenstored } from "@xenolith/xenstored";

/** xenstored in domain 0 of a fake host, with the clients that drivers use. */
export interface StoreHost {
  readonly host: FakeHost;
  readonly xenstored: Xenstored;
  /** A privileged client within the daemon's process. */
  readonly toolstack: StoreClient;
  /** An ordinary domain's client over its xenstore page. */
  guest(id: number): StoreClient;
  /** Result of one operation; null when it has not come by the time that nothing is left to do. */
  result<Value>(start: (done: (result: StoreResult<Value>) => void) => void): StoreResult<Value> | null;
}

/** Makes such a host. */
export const createStoreHost = (): StoreHost => {
  const host = createFakeHost();
  const xenstored = createXenstored({ domain: host.domain(0) });
  const [near, far] = createStreamPair();
  xenstored.connect(far, { domain: toDomId(0), privileged: true });
  return {
    host,
    xenstored,
    toolstack: createStoreClient(near),
    guest: (id) => {
      const domain = host.domain(id);
      const page = domain.grants.allocatePages(1);
      if (page === null) throw new Error("no page for the store");
      domain.seedGrant(1, page, 0, 0);
      const port = toPort(domain.events.allocateUnbound(toDomId(0)));
      if (xenstored.introduce(toDomId(id), port) !== 0) throw new Error("the domain cannot be introduced");
      return createStoreClient(createStoreStream(page, domain.events, port));
    },
    result: (start) => {
      let given: ReturnType<StoreHost["result"]> | null = null;
      start((value) => {
        given = value as never;
      });
      host.settle();
      return given;
    },
  };
};
