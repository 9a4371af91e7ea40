import { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { createBackendDevice, createFrontendDevice, type StoreClient } from "@xenolith/xenbus";
import { describe, expect, it } from "vitest";
import { createStoreHost } from "./store-host.ts";

const FRONT = "/local/domain/5/device/vbd/51712";
const BACK = "/local/domain/0/backend/vbd/5/51712";

/** Both ends of a device, each in its domain, over a store with the permissions that a toolstack gives. */
const createScene = () => {
  const scene = createStoreHost();
  const { toolstack, host } = scene;
  const log: string[] = [];
  const write = (path: string, nodes: Record<string, string>, permissions: string[]): void => {
    toolstack.write(path, "");
    toolstack.setPermissions(path, permissions);
    for (const [name, value] of Object.entries(nodes)) toolstack.write(`${path}/${name}`, value);
  };
  write("/local/domain/5", {}, ["n0", "r5"]);
  write(FRONT, { backend: BACK, "backend-id": "0", state: "1" }, ["n5", "r0"]);
  write(BACK, { frontend: FRONT, "frontend-id": "5", online: "1", state: "1" }, ["n0", "r5"]);
  const back = createBackendDevice({
    store: toolstack,
    backendPath: BACK,
    frontendPath: FRONT,
    driver: {
      features: { "feature-persistent": "0" },
      frontendNodes: ["ring-ref"],
      connect: (nodes) => {
        log.push(`back connects to ${nodes["ring-ref"]}`);
        return { sectors: "64" };
      },
      disconnect: () => log.push("back disconnects"),
      gone: () => log.push("gone"),
    },
  });
  const startFront = (store: StoreClient, ring: string) =>
    createFrontendDevice({
      store,
      path: "device/vbd/51712",
      driver: {
        featureNodes: ["feature-persistent"],
        propertyNodes: ["sectors"],
        offer: (_, features) => {
          log.push(`front offers, persistent ${features["feature-persistent"]}`);
          return { "ring-ref": ring };
        },
        connected: ({ sectors }) => {
          log.push(`front has ${sectors} sectors`);
          return null;
        },
        disconnect: () => log.push("front disconnects"),
      },
    });
  return { ...scene, log, back, startFront, settle: () => host.settle() };
};

describe("the two ends of a device", () => {
  it("find each other", () => {
    const { guest, startFront, back, log, settle } = createScene();
    const front = startFront(guest(5), "8");
    settle();
    expect([front.state, back.state]).toEqual([XenbusState.Connected, XenbusState.Connected]);
    expect(log).toEqual(["front offers, persistent 0", "back connects to 8", "front has 64 sectors"]);
  });

  it("close and find each other again, with another ring", () => {
    const { guest, startFront, back, log, settle } = createScene();
    const client = guest(5);
    const first = startFront(client, "8");
    settle();
    first.close();
    settle();
    expect(back.state).toBe(XenbusState.Closed);
    log.length = 0;
    const second = startFront(client, "9");
    settle();
    expect([second.state, back.state]).toEqual([XenbusState.Connected, XenbusState.Connected]);
    expect(log).toContain("back connects to 9");
  });

  it("survive a front end that restarts without a word", () => {
    const { guest, startFront, back, log, settle } = createScene();
    const front = startFront(guest(5), "8");
    settle();
    log.length = 0;
    front.restart();
    settle();
    expect([front.state, back.state]).toEqual([XenbusState.Connected, XenbusState.Connected]);
    expect(log.filter((line) => line.endsWith("disconnects"))).toHaveLength(2);
  });

  it("both give up after a breach of the ring's protocol, until the front end restarts", () => {
    const { guest, startFront, back, result, toolstack, settle } = createScene();
    const front = startFront(guest(5), "8");
    settle();
    back.fail("impossible index");
    settle();
    expect(front.state).toBe(XenbusState.Closed);
    expect(result<string>((done) => toolstack.read("error/backend/vbd/5/51712/error", done))).toEqual({
      ok: true,
      value: "impossible index",
    });
    front.restart();
    settle();
    expect([front.state, back.state]).toEqual([XenbusState.Connected, XenbusState.Connected]);
  });

  it("part for good when the toolstack takes the device away", () => {
    const { guest, startFront, toolstack, log, settle } = createScene();
    const front = startFront(guest(5), "8");
    settle();
    toolstack.write(`${BACK}/online`, "0");
    toolstack.write(`${BACK}/state`, String(XenbusState.Closing));
    settle();
    expect(front.state).toBe(XenbusState.Closed);
    expect(log.slice(-3)).toEqual(["front disconnects", "back disconnects", "gone"]);
  });

  it("leave nothing behind when the front end's domain dies", () => {
    const { guest, startFront, toolstack, xenstored, host, log, settle } = createScene();
    const domain = host.domain(5);
    startFront(guest(5), "8");
    settle();
    xenstored.release(domain.id);
    toolstack.remove("/local/domain/5");
    settle();
    expect(log.slice(-2)).toEqual(["back disconnects", "gone"]);
    expect(host.mappedGrants).toBe(0);
    expect(xenstored.check()).toBeNull();
  });
});
