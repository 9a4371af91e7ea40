import { createEventChannels, type SharedWords } from "@xenolith/event-channels";
import { toDomId, toVcpuIndex } from "@xenolith/xen-abi";

// Two domains, whose shared_info pages are plain memory here.
const pages = new Map([1, 2].map((id) => [id, new DataView(new ArrayBuffer(4096))]));
const words = (domain: number): SharedWords => ({
  readUint32: (at) => pages.get(domain)?.getUint32(at, true) ?? 0,
  writeUint32: (at, value) => pages.get(domain)?.setUint32(at, value, true),
});

const events = createEventChannels({
  sharedInfo: words,
  vcpuInfo: (domain, vcpu) => (vcpu === 0 ? words(domain) : null),
  upcallPending: (domain, vcpu) => console.log(`domain ${domain}: VCPU ${vcpu} has an upcall to make`),
  wakePolling: () => {},
  holdPage: () => null,
  isPaused: () => false,
});
const [server, client] = [toDomId(1), toDomId(2)];
for (const id of [server, client])
  events.addDomain(id, { width: "x86_32p", vcpuCount: 1, privileged: false });

// One side offers a port, the other binds to it; a new binding starts pending.
const offered = events.allocUnbound(server, server, client);
const bound = events.bindInterdomain(client, server, offered);
console.log(`server port ${offered}, client port ${bound}`);
console.log(`client takes ${events.takePending(client, toVcpuIndex(0))}`);

events.send(client, bound);
console.log(`server takes ${events.takePending(server, toVcpuIndex(0))}`);

// A mistake is a number.
console.log(`port 77: ${events.send(client, 77)}`);
