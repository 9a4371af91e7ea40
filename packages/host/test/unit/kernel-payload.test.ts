import type { MappedPages } from "@xenolith/domain-interface";
import type { DomainServices } from "@xenolith/domain-interface/control";
import { createRingStream, type RingStream } from "@xenolith/io-ring";
import { EXIT, type Executor, type Mfn, toMfn, toNanoseconds } from "@xenolith/machine-interface";
import { defineKernel, type Kernel } from "@xenolith/typescript-kernel";
import { type Port, toDomId, toPort } from "@xenolith/xen-abi";
import { CONSOLE_RING } from "@xenolith/xen-abi/io/console";
import { XENSTORE_RING } from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { kernelPayload } from "../../src/kernel-payload.ts";

const CONSOLE = { frame: toMfn(7), port: toPort(2) };
const STORE = { frame: toMfn(9), port: toPort(1) };
const BUDGET_NS = 1_000_000;

const pageOver = (bytes: Uint8Array): MappedPages => {
  const view = new DataView(bytes.buffer);
  return {
    lengthBytes: bytes.length,
    writable: true,
    copyIn: (at, from) => bytes.set(from, at),
    copyOut: (at, into) => into.set(bytes.subarray(at, at + into.length)),
    readUint32: (at) => view.getUint32(at, true),
    writeUint32: (at, value) => view.setUint32(at, value, true),
    release: () => {},
  };
};

/** A domain whose pages the test sees from the other side, as the control domain does. */
const start = (kernel: Kernel, commandLine = "") => {
  const pages = new Map<Mfn, MappedPages>();
  const page = (frame: Mfn): MappedPages => {
    const known = pages.get(frame) ?? pageOver(new Uint8Array(4096));
    pages.set(frame, known);
    return known;
  };
  const pending: Port[] = [];
  const sent: Port[] = [];
  const failures: unknown[] = [];
  const shutdowns: string[] = [];
  const refuse = (): never => {
    throw new Error("the payload needs no such service");
  };
  const services: DomainServices = {
    id: toDomId(3),
    allocateUnbound: refuse,
    bindInterdomain: refuse,
    bindVirq: refuse,
    close: refuse,
    send: (port) => {
      sent.push(port);
      return 0;
    },
    takePending: () => pending.splice(0),
    mapGrants: refuse,
    copyGrant: refuse,
    takeFrames: refuse,
    mapOwnFrames: (frames) => page(frames[0] ?? toMfn(0)),
    returnFrames: refuse,
    grantFrame: refuse,
    endGrant: refuse,
    now: () => toNanoseconds(0),
    executed: () => toNanoseconds(0),
    setTimer: () => {},
    shutdown: (reason) => {
      shutdowns.push(reason);
    },
  };
  const payload = kernelPayload(kernel, { onFailure: (error) => failures.push(error) });
  if (payload.kind !== "executor") throw new Error("a kernel in TypeScript is an executor");
  const executor: Executor = payload.make({
    services,
    consoleFrame: CONSOLE.frame,
    consolePort: CONSOLE.port,
    storeFrame: STORE.frame,
    storePort: STORE.port,
    commandLine,
  });
  const otherEnd = (frame: Mfn, port: Port, rings: typeof CONSOLE_RING): RingStream =>
    createRingStream({
      page: page(frame),
      send: rings.in,
      receive: rings.out,
      notify: () => pending.push(port),
    });
  return {
    executor,
    sent,
    failures,
    shutdowns,
    consoleBack: otherEnd(CONSOLE.frame, CONSOLE.port, CONSOLE_RING),
    storeBack: otherEnd(STORE.frame, STORE.port, {
      in: XENSTORE_RING.replies,
      out: XENSTORE_RING.requests,
    }),
  };
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const readAll = (stream: { read(into: Uint8Array): number }): string => {
  const into = new Uint8Array(4096);
  return new TextDecoder().decode(into.subarray(0, stream.read(into)));
};

describe("a domain with a kernel in TypeScript", () => {
  it("prints to its console page and notifies the console's port", () => {
    const { executor, consoleBack, storeBack, sent } = start(
      defineKernel({ name: "hello", start: ({ print, commandLine }) => print(`hello ${commandLine}`) }),
      "world",
    );
    executor.run(BUDGET_NS);
    expect(readAll(consoleBack)).toBe("hello world\n");
    expect(readAll(storeBack)).toBe("");
    expect(sent).toEqual([CONSOLE.port]);
  });

  it("takes what is typed when the console's event comes", () => {
    const typed: string[] = [];
    const { executor, consoleBack } = start(
      defineKernel({
        name: "listener",
        start: ({ console }) => console.onActivity(() => typed.push(readAll(console))),
      }),
    );
    executor.run(BUDGET_NS);
    consoleBack.write(bytes("ls\n"));
    executor.run(BUDGET_NS);
    expect(typed).toEqual(["ls\n"]);
  });

  it("talks to the store over the store page", () => {
    let replies = "";
    const { executor, storeBack, sent } = start(
      defineKernel({
        name: "client",
        start: ({ domain: { store } }) => {
          store.onActivity(() => {
            replies += readAll(store);
          });
          store.write(bytes("request"));
        },
      }),
    );
    executor.run(BUDGET_NS);
    expect(readAll(storeBack)).toBe("request");
    expect(sent).toEqual([STORE.port]);
    storeBack.write(bytes("reply"));
    executor.run(BUDGET_NS);
    expect(replies).toBe("reply");
  });

  it("ends as a crash when the kernel throws, and says what was thrown", () => {
    const { executor, failures, shutdowns } = start(
      defineKernel({
        name: "broken",
        start: () => {
          throw new Error("no such thing");
        },
      }),
    );
    expect(executor.run(BUDGET_NS).kind).toBe(EXIT.shutdown);
    expect(failures).toEqual([new Error("no such thing")]);
    expect(shutdowns).toEqual(["crash"]);
  });
});
