import { parseXenbusState, XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { writeDeviceNodes } from "./device-nodes.ts";
import { errorNodePath } from "./device-path.ts";
import type { StoreCallback, StoreClient, StoreWatch } from "./types.ts";

/**
 * What both ends of a device have in common: their own `state` node, a watch on the other end's, and one step at a time.
 * A step may need several answers from the store; states that the peer takes meanwhile are looked at when it has ended.
 */
export interface DeviceEnd {
  /** What this end last set. */
  readonly state: XenbusState;
  /** What the other end was last seen in. */
  readonly peerState: XenbusState;
  /** Watches the other end from now on. */
  watchPeer(peerPath: string): void;
  /** Looks at the peer's state again, after the present step. */
  reconsider(): void;
  /** Writes nodes of this end's directory and then its state. The store keeps the order, so who sees the state sees the nodes. */
  publish(state: XenbusState, nodes: Readonly<Record<string, string>>, done: StoreCallback<void>): void;
  /** Writes a sentence to the error node for people to find. */
  reportError(message: string): void;
  /** Stops watching. No step is begun any more; one that is under way has to look at {@link stopped} after each answer. */
  stop(): void;
  readonly stopped: boolean;
}

/** A step towards what the peer's state asks for. `done` is called once, when it has ended. */
export type DeviceStep = (peer: XenbusState, done: () => void) => void;

/** Makes one end of a device whose directory is `path`. */
export const createDeviceEnd = (store: StoreClient, path: string, step: DeviceStep): DeviceEnd => {
  let state: XenbusState = XenbusState.Unknown;
  let peerState: XenbusState = XenbusState.Unknown;
  let peerPath: string | null = null;
  let watch: StoreWatch | null = null;
  let stopped = false;
  let busy = false;
  let again = false;

  const readPeer = (done: (state: XenbusState) => void): void => {
    store.read(`${peerPath}/state`, (result) =>
      done(result.ok ? parseXenbusState(result.value) : XenbusState.Unknown),
    );
  };
  const reconsider = (): void => {
    if (stopped || peerPath === null) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const finish = (): void => {
      busy = false;
      if (!again) return;
      again = false;
      reconsider();
    };
    readPeer((peer) => {
      if (stopped) return;
      peerState = peer;
      step(peer, finish);
    });
  };

  return {
    get state() {
      return state;
    },
    get peerState() {
      return peerState;
    },
    watchPeer: (next) => {
      watch?.cancel();
      peerPath = next;
      watch = store.watch(`${next}/state`, reconsider);
    },
    get stopped() {
      return stopped;
    },
    reconsider,
    publish: (next, nodes, done) => {
      state = next;
      writeDeviceNodes(store, path, { ...nodes, state: String(next) }, done);
    },
    reportError: (message) => store.write(errorNodePath(path), message),
    stop: () => {
      stopped = true;
      watch?.cancel();
      watch = null;
    },
  };
};
