import { type DomId, toDomId } from "@xenolith/xen-abi";
import { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { createDeviceEnd } from "./device-end.ts";
import { readDeviceNodes } from "./device-nodes.ts";
import type { DeviceNodes } from "./device-path.ts";
import type { StoreClient } from "./types.ts";

/** What a front end brings: everything but the handshake. None of its functions may throw. */
export interface FrontendDriver<Feature extends string, Property extends string> {
  /** Nodes of the back end that {@link offer} wants to know. */
  readonly featureNodes: readonly Feature[];
  /** Nodes of the back end that {@link connected} wants to know. */
  readonly propertyNodes: readonly Property[];
  /**
   * Makes rings for the back end's domain.
   * @returns nodes to write with the state Initialised, or a sentence about what is wrong; nothing is held then.
   */
  offer(backend: DomId, features: DeviceNodes<Feature>): Readonly<Record<string, string>> | string;
  /** The back end has connected: the device works from now on. @returns a sentence about what is wrong, or null. */
  connected(properties: DeviceNodes<Property>): string | null;
  /** Gives up the rings. Called once after each {@link offer} that worked. */
  disconnect(): void;
  /** The device closes because something was wrong: no back end, a refused offer, a protocol broken. */
  refused?(problem: string): void;
}

/** Wiring of a front end's device. */
export interface FrontendDeviceOptions<Feature extends string, Property extends string> {
  readonly store: StoreClient;
  /** Own directory of the device: `device/vbd/51712`. */
  readonly path: string;
  readonly driver: FrontendDriver<Feature, Property>;
}

/** One device at its front end. [XEN io/blkif.h] */
export interface FrontendDevice {
  readonly state: XenbusState;
  readonly backendState: XenbusState;
  /** Closes, and asks for a new connection: after the back end has closed, or this domain has moved to another host. */
  restart(): void;
  /** The back end has broken the protocol: disconnects, leaves an error node and closes. */
  fail(message: string): void;
  /** Closes the device from this side. */
  close(): void;
}

const {
  Unknown,
  Initialising,
  InitWait,
  Initialised,
  Connected,
  Closing,
  Closed,
  Reconfiguring,
  Reconfigured,
} = XenbusState;

/** Looks up the device's back end and connects to it as soon as it is ready. */
export const createFrontendDevice = <Feature extends string, Property extends string>(
  options: FrontendDeviceOptions<Feature, Property>,
): FrontendDevice => {
  const { store, path, driver } = options;
  let backendPath: string | null = null;
  let backendId: DomId = toDomId(0);
  let offered = false;
  let restartWanted = false;

  const disconnect = (): void => {
    if (!offered) return;
    offered = false;
    driver.disconnect();
  };
  const leave = (done: () => void): void => {
    disconnect();
    if (end.state === Closed) done();
    else end.publish(Closed, {}, done);
  };
  const refuse = (message: string, done: () => void): void => {
    end.reportError(message);
    driver.refused?.(message);
    leave(done);
  };
  const offer = (done: () => void): void => {
    readDeviceNodes(store, backendPath ?? "", driver.featureNodes, (features) => {
      if (end.stopped) return;
      const result = driver.offer(backendId, features);
      if (typeof result === "string") {
        refuse(result, done);
        return;
      }
      offered = true;
      end.publish(Initialised, result, (published) => {
        if (published.ok || end.stopped) done();
        else refuse(`writing ring nodes: ${published.error}`, done);
      });
    });
  };
  const connect = (done: () => void): void => {
    readDeviceNodes(store, backendPath ?? "", driver.propertyNodes, (properties) => {
      const problem = offered ? driver.connected(properties) : null;
      if (problem !== null) refuse(problem, done);
      else if (offered) end.publish(Connected, {}, done);
      else done();
    });
  };

  const start = (done: () => void): void => {
    readDeviceNodes(store, path, ["backend", "backend-id"], (nodes) => {
      if (end.stopped) return;
      const { backend } = nodes;
      const id = nodes["backend-id"];
      if (backend === null || id === null || !/^\d{1,5}$/.test(id)) {
        refuse("no back end in xenstore", done);
        return;
      }
      backendPath = backend;
      backendId = toDomId(Number(id));
      end.publish(Initialising, {}, () => {
        if (!end.stopped) end.watchPeer(backend);
        done();
      });
    });
  };

  const step = (backend: XenbusState, done: () => void): void => {
    if (restartWanted) {
      restartWanted = false;
      leave(() => start(done));
      return;
    }
    const waiting = end.state === Initialising;
    switch (backend) {
      case InitWait:
      case Initialised:
        if (waiting) offer(done);
        else done();
        return;
      case Connected:
        // While this end waits, the back end is still connected to a front end of earlier; it will offer itself anew.
        if (end.state === Initialised) connect(done);
        else done();
        return;
      case Closing:
      case Closed:
      case Unknown:
        if (waiting) done();
        else leave(done);
        return;
      case Initialising:
      case Reconfiguring:
      case Reconfigured:
        done();
    }
  };

  const end = createDeviceEnd(store, path, step);
  start(() => {});

  return {
    get state() {
      return end.state;
    },
    get backendState() {
      return end.peerState;
    },
    restart: () => {
      restartWanted = backendPath !== null;
      if (restartWanted) end.reconsider();
      else start(() => {});
    },
    fail: (message) => refuse(message, () => {}),
    close: () => {
      end.stop();
      disconnect();
      end.publish(Closing, {}, () => end.publish(Closed, {}, () => {}));
    },
  };
};
