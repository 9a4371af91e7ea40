import { type ByteStream, createStreamPair } from "@xenolith/backend-interface";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { toGrantRef, toPort } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { type ConsoleBackend, createConsoleBackend } from "../../src/index.ts";
import { createGuestConsole } from "../guest-console.ts";

const readAll = (stream: ByteStream): string => {
  const into = new Uint8Array(1 << 20);
  return new TextDecoder().decode(into.subarray(0, stream.read(into)));
};

const setUp = (backlogBytes = 65_536) => {
  const host = createFakeHost();
  const front = createGuestConsole(host, 5);
  const backend = createConsoleBackend({
    domain: host.domain(0),
    guest: front.guest.id,
    reference: front.reference,
    port: front.port,
    backlogBytes,
  });
  if (typeof backend === "number") throw new Error(`error ${backend}`);
  return { host, front, backend };
};

const openTerminal = (backend: ConsoleBackend, capacityBytes?: number): ByteStream => {
  const [inner, outer] = createStreamPair(capacityBytes);
  backend.attach(inner);
  return outer;
};

describe("console back end", () => {
  it("carries output to the terminal and input to the guest", () => {
    const { host, front, backend } = setUp();
    const terminal = openTerminal(backend);
    front.say("login: ");
    host.settle();
    expect(readAll(terminal)).toBe("login: ");
    terminal.write(new TextEncoder().encode("root\r"));
    host.settle();
    expect(front.hear()).toBe("root\r");
    expect(backend.stats).toEqual({ outputBytes: 7, inputBytes: 5, droppedBytes: 0 });
  });

  it("keeps output for a terminal that comes later, and gives it only once", () => {
    const { host, front, backend } = setUp();
    front.say("early ");
    host.settle();
    expect(readAll(openTerminal(backend))).toBe("early ");
    front.say("late");
    host.settle();
    const second = openTerminal(backend);
    expect(readAll(second)).toBe("");
    expect(new TextDecoder().decode(backend.tail(8))).toBe("rly late");
  });

  it("never makes a guest wait that nobody listens to: the oldest output is dropped and counted", () => {
    const { host, front, backend } = setUp(1000);
    for (let line = 0; line < 50; line++) {
      expect(front.say(String(line % 10).repeat(100))).toBe(100);
      host.settle();
    }
    expect(readAll(openTerminal(backend))).toHaveLength(1000);
    expect(backend.stats.droppedBytes).toBe(4000);
  });

  it("loses nothing with a slow terminal: the guest waits instead", () => {
    const { host, front, backend } = setUp(512);
    const terminal = openTerminal(backend, 64);
    let said = 0;
    let text = "";
    for (let step = 0; step < 20_000 && text.length < 8000; step++) {
      if (said < 8000) said += front.say("x".repeat(Math.min(100, 8000 - said)));
      host.settle();
      text += readAll(terminal);
      host.advance(1_000_000);
    }
    expect([said, text.length, backend.stats.droppedBytes]).toEqual([8000, 8000, 0]);
  });

  it("holds input back while the guest's ring is full", () => {
    const { host, front, backend } = setUp();
    const terminal = openTerminal(backend);
    const typed = "y".repeat(5000);
    terminal.write(new TextEncoder().encode(typed));
    let heard = "";
    for (let step = 0; step < 10; step++) {
      host.advance(1_000_000);
      expect(backend.unreadInputBytes).toBeLessThanOrEqual(1024);
      heard += front.hear();
    }
    expect(heard).toBe(typed);
  });

  it("leaves nothing mapped when it is closed or cannot be made", () => {
    const { host, front, backend } = setUp();
    backend.close();
    backend.close();
    const refused = {
      domain: host.domain(0),
      guest: front.guest.id,
      reference: toGrantRef(77),
      port: front.port,
    };
    expect(createConsoleBackend(refused)).toBeLessThan(0);
    expect(createConsoleBackend({ ...refused, reference: front.reference, port: toPort(9999) })).toBeLessThan(
      0,
    );
    expect(host.mappedGrants).toBe(0);
  });
});
