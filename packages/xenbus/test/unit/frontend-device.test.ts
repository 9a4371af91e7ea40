import { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { describe, expect, it } from "vitest";
import { createFrontendDevice, createStoreClient } from "../../src/index.ts";
import { createFakeStore } from "../../src/testing/index.ts";

const BACK = "/local/domain/0/backend/vbd/5/51712";
const FRONT = "device/vbd/51712";

/** A front end on a fake store; the back end is whatever the test writes. */
const createScene = (options: { backend?: string | null; problem?: string } = {}) => {
  const store = createFakeStore();
  const { backend = BACK } = options;
  if (backend !== null) store.set(`${FRONT}/backend`, backend);
  store.set(`${FRONT}/backend-id`, "0");
  const log: string[] = [];
  const device = createFrontendDevice({
    store: createStoreClient(store.connect()),
    path: FRONT,
    driver: {
      featureNodes: ["feature-barrier"],
      propertyNodes: ["sectors"],
      offer: (domain, features) => {
        log.push(`offer to ${domain}, barrier ${features["feature-barrier"]}`);
        return options.problem ?? { "ring-ref": "8" };
      },
      connected: ({ sectors }) => {
        log.push(`connected ${sectors}`);
        return sectors === null ? "no size" : null;
      },
      disconnect: () => log.push("disconnect"),
    },
  });
  store.settle();
  const back = (state: number, nodes: Record<string, string> = {}): void => {
    for (const [name, value] of Object.entries(nodes)) store.set(`${BACK}/${name}`, value);
    store.set(`${BACK}/state`, String(state));
    store.settle();
  };
  return { store, device, back, log, state: () => store.nodes.get(`${FRONT}/state`) };
};

describe("a front end", () => {
  it("offers its rings when the back end waits, and works when that has connected", () => {
    const { back, store, state, log } = createScene();
    expect(state()).toBe(String(XenbusState.Initialising));
    back(XenbusState.InitWait, { "feature-barrier": "1" });
    expect(state()).toBe(String(XenbusState.Initialised));
    expect(store.nodes.get(`${FRONT}/ring-ref`)).toBe("8");
    back(XenbusState.Connected, { sectors: "2048" });
    expect(state()).toBe(String(XenbusState.Connected));
    expect(log).toEqual(["offer to 0, barrier 1", "connected 2048"]);
  });

  it("offers to a back end that skips waiting", () => {
    const { back, log } = createScene();
    back(XenbusState.Initialised);
    expect(log).toEqual(["offer to 0, barrier null"]);
  });

  it("gives up its rings when the back end closes, and connects again when restarted", () => {
    const { back, state, device, store, log } = createScene();
    back(XenbusState.InitWait);
    back(XenbusState.Connected, { sectors: "1" });
    back(XenbusState.Closing);
    expect(state()).toBe(String(XenbusState.Closed));
    device.restart();
    store.settle();
    expect(state()).toBe(String(XenbusState.Initialising));
    back(XenbusState.InitWait);
    back(XenbusState.Connected);
    expect(state()).toBe(String(XenbusState.Connected));
    expect(log.filter((line) => line === "disconnect")).toHaveLength(1);
    expect(log.at(-1)).toBe("connected 1");
  });

  it("waits, when restarted, for a back end that still serves the old connection", () => {
    const { back, state, device, store } = createScene();
    back(XenbusState.InitWait);
    back(XenbusState.Connected, { sectors: "1" });
    device.restart();
    store.settle();
    expect(state()).toBe(String(XenbusState.Initialising));
    back(XenbusState.InitWait);
    expect(state()).toBe(String(XenbusState.Initialised));
  });

  it("closes when it does not like what the back end says, and leaves the reason", () => {
    const { back, state, store, log } = createScene();
    back(XenbusState.InitWait);
    back(XenbusState.Connected);
    expect(state()).toBe(String(XenbusState.Closed));
    expect(store.nodes.get("error/device/vbd/51712/error")).toBe("no size");
    expect(log.at(-1)).toBe("disconnect");
  });

  it("leaves the reason when it has no rings to offer or no back end to offer them to", () => {
    const without = createScene({ backend: null });
    expect(without.store.nodes.get("error/device/vbd/51712/error")).toBe("no back end in xenstore");
    const poor = createScene({ problem: "no memory for a ring" });
    poor.back(XenbusState.InitWait);
    expect(poor.store.nodes.get("error/device/vbd/51712/error")).toBe("no memory for a ring");
    expect(poor.log).toEqual(["offer to 0, barrier null"]);
  });

  it("closes from its own side and watches no more", () => {
    const { back, state, device, store, log } = createScene();
    back(XenbusState.InitWait);
    back(XenbusState.Connected, { sectors: "1" });
    device.close();
    store.settle();
    expect(state()).toBe(String(XenbusState.Closed));
    back(XenbusState.InitWait);
    expect(log).toEqual(["offer to 0, barrier null", "connected 1", "disconnect"]);
  });
});
