import { EFAULT } from "@xenolith/xen-abi";
import { MMU_UPDATE_PREEMPTED } from "@xenolith/xen-abi/xen";
import type { HypercallContext, HypercallResult } from "../hypercalls/context.ts";
import { REQUEST_NS } from "./costs.ts";

/** A batch of requests as mmu_update and mmuext_op have it: array, count, and where to count what was done. */
export interface Batch {
  /** Guest address of the first request. */
  readonly first: number;
  readonly count: number;
  /** Guest address of the 32-bit counter of requests done, or 0. */
  readonly doneAt: number;
  /** Requests done before the call was preempted. */
  readonly doneBefore: number;
}

/** Answer of a request that has to be made again, because events are waiting. */
export const INTERRUPTED: unique symbol = Symbol("interrupted");

/** Reads the first three arguments. */
export const readBatch = (call: HypercallContext): Batch => {
  const given = call.argument32(1);
  const doneAt = call.argument(2);
  const resumes = given >= MMU_UPDATE_PREEMPTED;
  return {
    first: call.argument(0),
    count: resumes ? given - MMU_UPDATE_PREEMPTED : given,
    doneAt,
    doneBefore: resumes && doneAt !== 0 ? (call.guest.readUint32(doneAt) ?? 0) : 0,
  };
};

const writeDone = (call: HypercallContext, batch: Batch, done: number): void => {
  if (batch.doneAt !== 0) call.guest.writeUint32(batch.doneAt, batch.doneBefore + done);
};

/** Where each request of a batch is copied to. Batches are not carried out within one another: a kind of request needs one. */
export interface RequestBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Makes a buffer for requests of some size. */
export const createRequestBuffer = (requestBytes: number): RequestBuffer => {
  const bytes = new Uint8Array(requestBytes);
  return { bytes, view: new DataView(bytes.buffer) };
};

/** Ends a call that has carried out `done` requests, so that it is made again with those that are left. */
const repeat = (
  call: HypercallContext,
  batch: Batch,
  requestBytes: number,
  done: number,
): HypercallResult => {
  writeDone(call, batch, done);
  const at = batch.first + done * requestBytes;
  return call.restart([at, (batch.count - done + MMU_UPDATE_PREEMPTED) >>> 0]);
};

/**
 * Carries out one request: `request` is a view of the copy, `owners` whose things the batch is about. One function for all
 * calls of a kind: one made for each call would have to be bound anew each time, which takes longer than most requests.
 */
export type PerformRequest<Owners> = (
  call: HypercallContext,
  request: DataView,
  owners: Owners,
) => number | typeof INTERRUPTED;

/**
 * Carries out a batch: each request is copied once and done before the next is copied, until one fails or the call has to
 * stop, between two or within one. The counter is written in any case.
 * @returns 0, the errno of the request that failed, or a restart with what is left
 */
export const runBatch = <Owners>(
  call: HypercallContext,
  batch: Batch,
  { bytes: copy, view: request }: RequestBuffer,
  perform: PerformRequest<Owners>,
  owners: Owners,
): HypercallResult => {
  const requestBytes = copy.length;
  for (let done = 0; done < batch.count; done++) {
    if (done > 0 && call.shouldPreempt()) return repeat(call, batch, requestBytes, done);
    call.charge(REQUEST_NS);
    const isThere = call.guest.copyFrom(batch.first + done * requestBytes, copy);
    const answer = isThere ? perform(call, request, owners) : -EFAULT;
    if (answer === INTERRUPTED) return repeat(call, batch, requestBytes, done);
    if (answer !== 0) {
      writeDone(call, batch, done);
      return answer;
    }
  }
  writeDone(call, batch, batch.count);
  return 0;
};

/** Answers a batch that fails before its first request. */
export const refuseBatch = (call: HypercallContext, batch: Batch, error: number): number => {
  writeDone(call, batch, 0);
  return error;
};
