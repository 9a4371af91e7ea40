import { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { describe, expect, it } from "vitest";
import { createBackendDevice, createStoreClient } from "../../src/index.ts";
import { createFakeStore } from "../../src/testing/index.ts";

const BACK = "/local/domain/0/backend/vbd/5/51712";
const FRONT = "/local/domain/5/device/vbd/51712";

/** A back end on a fake store; the front end is whatever the test writes. */
const createScene = (connect: () => Record<string, string> | string = () => ({ sectors: "8" })) => {
  const store = createFakeStore();
  store.set(FRONT, "");
  store.set(`${FRONT}/state`, "1");
  const log: string[] = [];
  const device = createBackendDevice({
    store: createStoreClient(store.connect()),
    backendPath: BACK,
    frontendPath: FRONT,
    driver: {
      features: { "feature-barrier": "1" },
      frontendNodes: ["ring-ref", "event-channel"],
      connect: (nodes) => {
        log.push(`connect ${nodes["ring-ref"]} ${nodes["event-channel"]}`);
        return connect();
      },
      disconnect: () => log.push("disconnect"),
      gone: () => log.push("gone"),
    },
  });
  store.settle();
  const front = (state: number, nodes: Record<string, string> = {}): void => {
    for (const [name, value] of Object.entries(nodes)) store.set(`${FRONT}/${name}`, value);
    store.set(`${FRONT}/state`, String(state));
    store.settle();
  };
  const state = (): string | undefined => store.nodes.get(`${BACK}/state`);
  return { store, device, front, state, log };
};

const RING = { "ring-ref": "8", "event-channel": "3" };

describe("a back end", () => {
  it("publishes its features and waits", () => {
    const { store, state } = createScene();
    expect(store.nodes.get(`${BACK}/feature-barrier`)).toBe("1");
    expect(state()).toBe(String(XenbusState.InitWait));
  });

  it("connects to what the front end offers, and then publishes its properties", () => {
    const { front, state, log, store, device } = createScene();
    front(XenbusState.Initialised, RING);
    expect(log).toEqual(["connect 8 3"]);
    expect(state()).toBe(String(XenbusState.Connected));
    expect(store.nodes.get(`${BACK}/sectors`)).toBe("8");
    expect(device.connected).toBe(true);
    front(XenbusState.Connected);
    expect(log).toEqual(["connect 8 3"]);
  });

  it("lets a front end close and another take its place, as a boot loader and a kernel do", () => {
    const { front, state, log } = createScene();
    front(XenbusState.Initialised, RING);
    front(XenbusState.Closed);
    expect(state()).toBe(String(XenbusState.Closed));
    front(XenbusState.Initialising);
    expect(state()).toBe(String(XenbusState.InitWait));
    front(XenbusState.Initialised, { "ring-ref": "9", "event-channel": "4" });
    expect(state()).toBe(String(XenbusState.Connected));
    expect(log).toEqual(["connect 8 3", "disconnect", "connect 9 4"]);
  });

  it("connects when it sees the front end's offer but missed that it had begun anew", () => {
    const { front, state, store, log } = createScene();
    front(XenbusState.Initialised, RING);
    front(XenbusState.Closed);
    store.set(`${FRONT}/state`, String(XenbusState.Initialising));
    front(XenbusState.Initialised, RING);
    expect(state()).toBe(String(XenbusState.Connected));
    expect(log).toEqual(["connect 8 3", "disconnect", "connect 8 3"]);
  });

  it("gives up the rings of a front end that begins anew without closing", () => {
    const { front, state, log } = createScene();
    front(XenbusState.Initialised, RING);
    front(XenbusState.Initialising);
    expect(log).toEqual(["connect 8 3", "disconnect"]);
    expect(state()).toBe(String(XenbusState.InitWait));
  });

  it("follows a front end through Closing to Closed, disconnecting once", () => {
    const { front, state, log } = createScene();
    front(XenbusState.Connected, RING);
    front(XenbusState.Closing);
    expect(state()).toBe(String(XenbusState.Closing));
    front(XenbusState.Closed);
    expect(state()).toBe(String(XenbusState.Closed));
    expect(log).toEqual(["connect 8 3", "disconnect"]);
  });

  it("says what is wrong with an offer, and tries no more until the front end begins anew", () => {
    let answer: Record<string, string> | string = "no grant 8";
    const { front, state, store, log } = createScene(() => answer);
    front(XenbusState.Initialised, RING);
    expect(store.nodes.get("error/backend/vbd/5/51712/error")).toBe("no grant 8");
    expect(state()).toBe(String(XenbusState.Closing));
    front(XenbusState.Connected, RING);
    expect(log).toEqual(["connect 8 3"]);
    answer = {};
    front(XenbusState.Closed);
    front(XenbusState.Initialising);
    front(XenbusState.Initialised);
    expect(state()).toBe(String(XenbusState.Connected));
    expect(log).toEqual(["connect 8 3", "connect 8 3"]);
  });

  it("disconnects a front end that breaks the ring's protocol", () => {
    const { front, state, device, store, log } = createScene();
    front(XenbusState.Connected, RING);
    device.fail("impossible ring index");
    store.settle();
    expect(state()).toBe(String(XenbusState.Closing));
    expect(log).toEqual(["connect 8 3", "disconnect"]);
    expect(store.nodes.get("error/backend/vbd/5/51712/error")).toBe("impossible ring index");
  });

  it("says that a device is gone when it is off line and closed, or its front end's directory vanishes", () => {
    const closed = createScene();
    closed.front(XenbusState.Connected, RING);
    closed.store.set(`${BACK}/online`, "0");
    closed.front(XenbusState.Closed);
    expect(closed.log).toEqual(["connect 8 3", "disconnect", "gone"]);

    const vanished = createScene();
    vanished.front(XenbusState.Connected, RING);
    vanished.store.set(FRONT, null);
    vanished.store.set(`${FRONT}/state`, null);
    vanished.store.settle();
    expect(vanished.log).toEqual(["connect 8 3", "disconnect", "gone"]);
  });

  it("closes from its own side and watches no more", () => {
    const { front, state, device, store, log } = createScene();
    front(XenbusState.Connected, RING);
    device.close();
    store.settle();
    expect(state()).toBe(String(XenbusState.Closed));
    front(XenbusState.Initialising);
    front(XenbusState.Initialised);
    expect(log).toEqual(["connect 8 3", "disconnect"]);
  });
});
