import { createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { kernelPayload } from "@xenolith/host";
import { createNodeHost } from "@xenolith/host/node";
import { defineKernel } from "@xenolith/typescript-kernel";
import { createStoreClient } from "@xenolith/xenbus";

// A domain whose kernel is written in TypeScript: it reads the first sector of its disk, xvda, and powers off.
const reader = defineKernel({
  name: "reader",
  start: ({ domain, print, shutdown }) => {
    const disk = createBlkfront({ domain, store: createStoreClient(domain.store), device: 51712 });
    const into = new Uint8Array(512);
    disk.submit({ kind: "read", sector512: 0, into }, (status) => {
      const text = new TextDecoder().decode(into.subarray(0, into.indexOf(0)));
      print(`${status}: "${text}", ${disk.sectorCount} sectors`);
      shutdown("poweroff");
    });
  },
});
const onFailure = (error: unknown): void => console.error(error);
const store = createMemoryStore({ sectorCount: 2048, contents: new TextEncoder().encode("hello, disk") });

const host = createNodeHost({ memoryMiB: 16, seed: 1, clock: "virtual", onFailure });
const running = host.run();
const domain = await host.toolstack.create({
  name: "reader",
  payload: kernelPayload(reader, { onFailure }),
  commandLine: "",
  memoryMiB: 1,
  vcpus: 1,
  disks: [{ store, virtualDevice: "xvda", writable: true, cdrom: false, description: "memory" }],
  scheduling: { weight: 256 },
});
host.terminal(domain).onOutput((bytes) => console.log(new TextDecoder().decode(bytes).trimEnd()));

await running; // Under the virtual clock: until nothing is left that could ever happen.
console.log(`${host.control.describe(domain)?.shutdownReason} at ${host.clock.now()} ns`);
