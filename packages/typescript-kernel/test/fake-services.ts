import type { DomainServices, ShutdownReason } from "@xenolith/domain-interface/control";
import { type Mfn, type Nanoseconds, toMfn, toNanoseconds } from "@xenolith/machine-interface";
import { type Port, toDomId, toGrantRef, toPort } from "@xenolith/xen-abi";

/** Services of a domain that is alone: events are raised and time is moved by the test. */
export interface FakeServices extends DomainServices {
  raise(port: Port): void;
  setNow(nowNs: number): void;
  /** How long the domain has been on a processor. */
  setExecuted(executedNs: number): void;
  readonly timerNs: Nanoseconds | null;
  readonly shutdowns: readonly ShutdownReason[];
  /** Frames taken and not given back. */
  readonly framesOut: ReadonlySet<Mfn>;
}

/** Makes services with `frameCount` frames to give out. */
export const createFakeServices = (frameCount = 4): FakeServices => {
  const pending = new Set<Port>();
  const framesOut = new Set<Mfn>();
  const shutdowns: ShutdownReason[] = [];
  let nowNs = 0;
  let executedNs = 0;
  let timerNs: Nanoseconds | null = null;
  let nextPort = 1;
  return {
    id: toDomId(7),
    allocateUnbound: () => nextPort++,
    bindInterdomain: () => nextPort++,
    bindVirq: () => nextPort++,
    close: () => 0,
    send: () => 0,
    takePending: () => {
      const taken = [...pending].sort((a, b) => a - b);
      pending.clear();
      return taken;
    },
    mapGrants: () => -1,
    copyGrant: () => -1,
    takeFrames: (count) => {
      if (framesOut.size + count > frameCount) return null;
      const frames = Array.from({ length: count }, (_, index) => toMfn(framesOut.size + index));
      for (const frame of frames) framesOut.add(frame);
      return frames;
    },
    mapOwnFrames: (frames) => ({
      lengthBytes: frames.length * 4096,
      writable: true,
      copyIn: () => {},
      copyOut: () => {},
      readUint32: () => 0,
      writeUint32: () => {},
      release: () => {},
    }),
    returnFrames: (frames) => {
      for (const frame of frames) framesOut.delete(frame);
    },
    grantFrame: (frame) => toGrantRef(100 + frame),
    endGrant: () => true,
    now: () => toNanoseconds(nowNs),
    executed: () => toNanoseconds(executedNs),
    setTimer: (deadlineNs) => {
      timerNs = deadlineNs;
    },
    shutdown: (reason) => {
      shutdowns.push(reason);
    },
    raise: (port) => {
      pending.add(port);
    },
    setNow: (value) => {
      nowNs = value;
    },
    setExecuted: (value) => {
      executedNs = value;
    },
    get timerNs() {
      return timerNs;
    },
    shutdowns,
    framesOut,
  };
};

/** A port number as a brand. */
export const port = (value: number): Port => toPort(value);
