import { XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { createDeviceEnd } from "./device-end.ts";
import { readDeviceNodes } from "./device-nodes.ts";
import type { DeviceNodes } from "./device-path.ts";
import type { StoreClient } from "./types.ts";

/** What a back end brings: everything but the handshake. None of its functions may throw. */
export interface BackendDriver<Name extends string> {
  /** Nodes written before the front end is waited for: features, limits, properties known from the start. */
  readonly features: Readonly<Record<string, string>>;
  /** Nodes of the front end that {@link connect} wants to know: `ring-ref`, `event-channel` … */
  readonly frontendNodes: readonly Name[];
  /**
   * Connects to the rings that the front end has offered.
   * @returns nodes to write with the state Connected, or a sentence about what is wrong; nothing is held then.
   */
  connect(frontend: DeviceNodes<Name>): Readonly<Record<string, string>> | string;
  /** Gives up the rings. Called once after each {@link connect} that worked. */
  disconnect(): void;
  /** The device is no longer wanted: `online` is 0 and the front end has closed, or the front end's directory has gone. Called once. */
  gone?(): void;
}

/** Wiring of a back end's device. */
export interface BackendDeviceOptions<Name extends string> {
  readonly store: StoreClient;
  readonly backendPath: string;
  readonly frontendPath: string;
  readonly driver: BackendDriver<Name>;
}

/** One device at its back end. Its front end may close and come again as often as it likes. [XEN io/blkif.h] */
export interface BackendDevice {
  readonly state: XenbusState;
  readonly frontendState: XenbusState;
  readonly connected: boolean;
  /** The front end has broken the protocol: disconnects, leaves an error node and goes to Closing until the front end starts anew. */
  fail(message: string): void;
  /** Ends the device from this side: disconnects, goes to Closed and watches no more. */
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

/** Publishes a device and serves its front end's handshake from now on. */
export const createBackendDevice = <Name extends string>(
  options: BackendDeviceOptions<Name>,
): BackendDevice => {
  const { store, backendPath, frontendPath, driver } = options;
  let connected = false;
  /** After an error the front end has to leave its state before it can connect again. */
  let refused = false;

  let gone = false;

  const declareGone = (): void => {
    if (gone) return;
    gone = true;
    driver.gone?.();
  };
  const disconnect = (): void => {
    if (!connected) return;
    connected = false;
    driver.disconnect();
  };
  const moveTo = (state: XenbusState, done: () => void): void => {
    if (end.state === state) done();
    else end.publish(state, {}, done);
  };
  const refuse = (message: string, done: () => void): void => {
    refused = true;
    disconnect();
    end.reportError(message);
    moveTo(Closing, done);
  };
  const offer = (done: () => void): void => end.publish(InitWait, driver.features, done);

  const connect = (done: () => void): void => {
    readDeviceNodes(store, frontendPath, driver.frontendNodes, (nodes) => {
      if (end.stopped) return;
      const result = driver.connect(nodes);
      if (typeof result === "string") {
        refuse(result, done);
        return;
      }
      connected = true;
      end.publish(Connected, result, (published) => {
        if (!published.ok && !end.stopped) refuse(`writing state: ${published.error}`, done);
        else done();
      });
    });
  };

  const leave = (done: () => void): void => {
    disconnect();
    moveTo(Closed, () => {
      readDeviceNodes(store, backendPath, ["online"], ({ online }) => {
        if (online === "0") declareGone();
        done();
      });
    });
  };

  const step = (frontend: XenbusState, done: () => void): void => {
    switch (frontend) {
      case Initialising:
        refused = false;
        disconnect();
        if (end.state === InitWait) done();
        else offer(done);
        return;
      case Initialised:
      case Connected:
        if (connected || refused) done();
        else if (end.state === InitWait) connect(done);
        else offer(() => connect(done));
        return;
      case Closing:
        disconnect();
        if (end.state === Closed) done();
        else moveTo(Closing, done);
        return;
      case Closed:
        refused = false;
        leave(done);
        return;
      case Unknown:
        disconnect();
        store.read(frontendPath, (result) => {
          if (!result.ok && result.error === "ENOENT") declareGone();
          done();
        });
        return;
      case InitWait:
      case Reconfiguring:
      case Reconfigured:
        done();
    }
  };

  const end = createDeviceEnd(store, backendPath, step);
  offer(() => end.watchPeer(frontendPath));
  return {
    get state() {
      return end.state;
    },
    get frontendState() {
      return end.peerState;
    },
    get connected() {
      return connected;
    },
    fail: (message) => refuse(message, () => {}),
    close: () => {
      end.stop();
      disconnect();
      moveTo(Closed, () => {});
    },
  };
};
