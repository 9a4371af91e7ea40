import { createBlkfront } from "@xenolith/blkfront";
import { createRingBackend } from "@xenolith/blkfront/testing";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { createStoreClient } from "@xenolith/xenbus";
import { createFakeStore } from "@xenolith/xenbus/testing";

// Two domains without a hypervisor, and xenstore, where a toolstack has named the back end of domain 5's disk.
const host = createFakeHost();
const [dom0, guest] = [host.domain(0), host.domain(5)];
const xenstore = createFakeStore();
const front = "/local/domain/5/device/vbd/51712";
const back = "/local/domain/0/backend/vbd/5/51712";
const write = (directory: string, nodes: Record<string, string>): void => {
  for (const [name, value] of Object.entries(nodes)) xenstore.set(`${directory}/${name}`, value);
  xenstore.settle();
};
write(front, { backend: back, "backend-id": "0" });

const disk = createBlkfront({
  domain: guest,
  store: createStoreClient(xenstore.connect("/local/domain/5")),
  device: 51712,
  onStateChange: (state) => console.log(`disk is ${state}: ${disk.sectorCount} sectors`),
});
// Requests may be made at once: they wait until the back end has connected.
const into = new Uint8Array(1024);
disk.submit({ kind: "read", sector512: 6, into }, (status) => console.log(`read: ${status}, ${into[0]}`));

write(back, { state: "2" });
const nodes = Object.fromEntries(
  ["ring-ref", "event-channel"].map((name) => [name, xenstore.nodes.get(`${front}/${name}`)]),
);
const ring = createRingBackend({ domain: dom0, frontend: guest.id, nodes });
write(back, { sectors: "2048", "sector-size": "512", state: "4" });

for (const request of ring.requests()) {
  ring.copy(request, new Uint8Array(1024).fill(request.sectorNumber), "to-grant");
  ring.respond({ id: request.id, operation: request.operation, status: 0 });
}
host.settle();
