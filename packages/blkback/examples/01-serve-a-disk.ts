import { type BlockStore, SECTOR_BYTES } from "@xenolith/backend-interface";
import { createBlkback } from "@xenolith/blkback";
import { createRingFrontend } from "@xenolith/blkback/testing";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { BLKIF_OP_READ } from "@xenolith/xen-abi/io/blkif";
import { createStoreClient } from "@xenolith/xenbus";
import { createFakeStore } from "@xenolith/xenbus/testing";

// Two domains without a hypervisor, and xenstore: domain 0 has a disk for domain 5.
const host = createFakeHost();
const [dom0, guest] = [host.domain(0), host.domain(5)];
const xenstore = createFakeStore();
const disk: BlockStore = {
  sectorCount: 2048,
  readOnly: true,
  canDiscard: false,
  submit: (request, done) => {
    if (request.kind === "read") request.into.fill(request.sector512);
    done("ok");
  },
  close: async () => {},
};

const blkback = createBlkback({ domain: dom0, store: createStoreClient(xenstore.connect()) });
const device = blkback.attach({
  frontendDomain: guest.id,
  frontendWidth: "x86_32p",
  device: 51712,
  store: disk,
});

// A guest writes where its ring is, and that it is ready.
const front = createRingFrontend({ domain: guest, backend: dom0.id, width: "x86_32p" });
const directory = "/local/domain/5/device/vbd/51712";
for (const [name, value] of Object.entries(front.nodes)) xenstore.nodes.set(`${directory}/${name}`, value);
xenstore.set(`${directory}/state`, "3");
xenstore.settle();
const backDirectory = "/local/domain/0/backend/vbd/5/51712";
console.log(`state ${device.state}, ${xenstore.nodes.get(`${backDirectory}/sectors`)} sectors`);

const [gref] = front.references;
if (gref === undefined) throw new Error("no page");
const seg = [{ gref, firstSect: 0, lastSect: 7 }];
front.put({ operation: BLKIF_OP_READ, id: { low: 1, high: 0 }, sectorNumber: 77, nrSegments: 1, seg });
front.push();
host.settle();
for (const { id, status } of front.responses()) console.log(`request ${id.low}: status ${status}`);
const sector = new Uint8Array(SECTOR_BYTES);
front.data.copyOut(0, sector);
console.log(`first byte ${sector[0]}; ${device.stats.sectorsRead} sectors read`);
