import { createStreamPair } from "@xenolith/backend-interface";
import { createConsoleBackend } from "@xenolith/consoleback";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { createGuestConsole } from "../test/guest-console.ts";

// Two domains without a hypervisor: 0 serves the console of 5.
const host = createFakeHost();
const front = createGuestConsole(host, 5);
const backend = createConsoleBackend({
  domain: host.domain(0),
  guest: front.guest.id,
  reference: front.reference,
  port: front.port,
});
if (typeof backend === "number") throw new Error(`refused: ${backend}`);

const [terminalEnd, terminal] = createStreamPair();
backend.attach(terminalEnd);
front.say("hello from domain 5\n");
host.settle();

const text = new Uint8Array(100);
console.log(new TextDecoder().decode(text.subarray(0, terminal.read(text))).trimEnd());
