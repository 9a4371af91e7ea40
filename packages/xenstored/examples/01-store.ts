import { createStreamPair } from "@xenolith/backend-interface";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { toDomId } from "@xenolith/xen-abi";
import { createStoreClient } from "@xenolith/xenbus";
import { createXenstored } from "@xenolith/xenstored";

// A store in domain 0, a toolstack that may do everything, and a guest that may not.
const host = createFakeHost();
const store = createXenstored({ domain: host.domain(0) });
const connect = (domain: number, privileged: boolean) => {
  const [near, far] = createStreamPair();
  store.connect(far, { domain: toDomId(domain), privileged });
  return createStoreClient(near);
};
const toolstack = connect(0, true);
const guest = connect(5, false);

toolstack.write("/local/domain/5/device/vbd/51712/state", "1");
toolstack.setPermissions("/local/domain/5/device/vbd/51712/state", ["n5", "r0"]);
toolstack.watch("/local/domain/5/device", (path) => console.log(`changed: ${path}`));
host.settle();

guest.write("device/vbd/51712/state", "3", (result) =>
  console.log(`own node: ${result.ok ? "OK" : result.error}`),
);
guest.write("/local/domain/6/name", "x", (result) =>
  console.log(`another's: ${result.ok ? "OK" : result.error}`),
);
host.settle();
console.log(`requests: ${store.stats.requests}, check: ${store.check() ?? "consistent"}`);
