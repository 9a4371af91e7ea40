import { createNodeHost } from "@xenolith/host/node";
import { pebbleImage } from "@xenolith/pebble";

const host = createNodeHost({ memoryMiB: 32, seed: 1, clock: "virtual", onFailure: console.error });
const running = host.run();
const guest = await host.toolstack.create({
  name: "guest",
  payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
  commandLine: "name=guest",
  memoryMiB: 8,
  vcpus: 1,
  disks: [],
  scheduling: { weight: 256 },
});

let text = "";
const terminal = host.terminal(guest);
terminal.onOutput((bytes) => {
  text += new TextDecoder().decode(bytes);
});
terminal.typeLines(new TextEncoder().encode("uptime\nsyscall 1000\nhalt\n"));

await running; // Under the virtual clock: until nothing is left that could ever happen.
console.log(text, host.control.describe(guest)?.shutdownReason);
