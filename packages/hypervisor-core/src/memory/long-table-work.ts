import type { FrameTable, FrameType, TableBelow, TableLevel } from "@xenolith/frame-table";
import { type Mfn, toNanoseconds } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import type { HypercallContext } from "../hypercalls/context.ts";
import type { Vcpu } from "../vcpu.ts";
import { INTERRUPTED } from "./batch.ts";
import { ENTRY_NS } from "./costs.ts";

/** A table that leads to others. */
export interface TableTree {
  readonly root: Mfn;
  readonly level: TableLevel;
}

/** What a request is known by when it is made again. */
export interface RequestName {
  readonly command: number;
  /** What it is about. */
  readonly subject: number;
  /** Whose tables they are. */
  readonly owner: DomId;
}

/** A request that validates a table, gives one up, or both, and with it all that it leads to. */
export interface TableRequest extends RequestName {
  readonly validates: TableTree | null;
  readonly givesUp: TableTree | null;
  /** @returns 0 or a negative errno */
  carryOut(): number;
}

/**
 * Makes the work on large trees of page tables one that can be interrupted, without a table that is validated in part: the
 * tables below a root are validated one by one beforehand and held, lowest levels first, and are let go one by one after
 * what the request asks for has been done. A call that is made again goes on. Whatever the guest does meanwhile, a table is
 * validated or it is not, and only the request itself decides about the root. XSA-296, XSA-299
 *
 * The tables may be another domain's, where the caller may pin them. Those that are held then stay tables until the call has
 * been made again, others have taken its place, or one of the two domains goes: no more than a pin would do to that domain.
 */
export interface LongTableWork {
  /** @returns 0, a negative errno, or {@link INTERRUPTED} when the request has to be made again */
  run(call: HypercallContext, request: TableRequest): number | typeof INTERRUPTED;
  /** Whether a VCPU has a request that is to be made again. */
  isUnderWay(vcpu: Vcpu): boolean;
  /** Whether a request has been begun and is to be made again. */
  isUnfinished(vcpu: Vcpu, request: RequestName): boolean;
  /** Lets go of all that is held for a VCPU. */
  close(vcpu: Vcpu): void;
  /** Lets go of all that is held of a domain's, which is going. A call that is made again finds nothing begun. */
  forget(owner: DomId): void;
}

/** Requests of a VCPU that may be unfinished at a time: what interrupts one may make others. The oldest gives way. */
const MAX_UNFINISHED = 4;

const NO_TABLES: readonly TableBelow[] = [];

/** How far the request of a VCPU has come. */
interface Progress extends RequestName {
  readonly tables: readonly TableBelow[];
  /**
   * Whether all of them are in use once the request has been carried out: then they only lose a reference, which is quick. It is
   * not where somebody has led the root elsewhere in between.
   */
  readonly staysInUse: boolean;
  /** How many of `tables` are held, from the first one. */
  held: number;
  /** Answer of the request once it has been carried out. */
  result: number | null;
}

/** Makes the part that works on trees of tables. */
export const createLongTableWork = (frames: FrameTable): LongTableWork => {
  const unfinished = new Map<Vcpu, Progress[]>();

  /** Charges a call for the work that has been done since there was `before` of it. */
  const chargeSince = (call: HypercallContext, before: number): void =>
    call.charge(toNanoseconds((frames.work - before) * ENTRY_NS));

  const carryOut = (call: HypercallContext, request: TableRequest): number => {
    const before = frames.work;
    const result = request.carryOut();
    chargeSince(call, before);
    return result;
  };

  const release = (progress: Progress): void => {
    progress.held--;
    const last = progress.tables[progress.held];
    if (last !== undefined) frames.putPageAndType(last.table);
  };

  /** Lets go of tables until an event waits, `unlessQuick` for that alone that takes work. @returns false then */
  const releaseAll = (call: HypercallContext, progress: Progress, unlessQuick: boolean): boolean => {
    while (progress.held > 0) {
      const before = frames.work;
      release(progress);
      chargeSince(call, before);
      const isLongStep = !unlessQuick || frames.work !== before;
      if (isLongStep && progress.held > 0 && call.shouldPreempt()) return false;
    }
    return true;
  };

  /** Holds tables until an event waits. @returns false then; a table that cannot be held ends it */
  const holdAll = (call: HypercallContext, progress: Progress): boolean => {
    for (const { tables } = progress; progress.held < tables.length; ) {
      const next = tables[progress.held];
      if (next === undefined) break;
      const before = frames.work;
      const error = frames.getPageAndType(next.table, progress.owner, next.level as FrameType);
      chargeSince(call, before);
      if (error !== 0) return true;
      progress.held++;
      if (call.shouldPreempt()) return false;
    }
    return true;
  };

  /** Whether there are tables below a root that are still to be validated, or given up. */
  const isNeeded = (owner: DomId, tree: TableTree | null, validated: boolean): boolean =>
    tree !== null &&
    tree.level > 1 &&
    tree.level <= frames.rootLevelOf(owner) &&
    frames.ownerOf(tree.root) === owner &&
    frames.levelOf(tree.root) === (validated ? tree.level : 0);

  /** Whether there is work to do in pieces. */
  const isLong = ({ owner, validates, givesUp }: TableRequest): boolean =>
    isNeeded(owner, validates, false) || isNeeded(owner, givesUp, true);

  const below = (owner: DomId, tree: TableTree | null, validated: boolean): readonly TableBelow[] =>
    tree !== null && isNeeded(owner, tree, validated)
      ? frames.tablesBelow(owner, tree.root, tree.level, validated)
      : NO_TABLES;

  const tablesOf = (call: HypercallContext, request: TableRequest): readonly TableBelow[] => {
    if (!isLong(request)) return NO_TABLES;
    const { owner, validates, givesUp } = request;
    const before = frames.work;
    const validated = below(owner, validates, false);
    const givenUp = below(owner, givesUp, true);
    chargeSince(call, before);
    return givenUp.length === 0 ? validated : [...validated, ...givenUp];
  };

  const start = (call: HypercallContext, request: TableRequest): Progress => ({
    command: request.command,
    subject: request.subject,
    owner: request.owner,
    tables: tablesOf(call, request),
    staysInUse: request.givesUp === null,
    held: 0,
    result: null,
  });

  const isAbout = (progress: Progress, { command, subject, owner }: RequestName): boolean =>
    progress.command === command && progress.subject === subject && progress.owner === owner;

  const run = (call: HypercallContext, request: TableRequest): number | typeof INTERRUPTED => {
    const { vcpu } = call;
    const begun = unfinished.get(vcpu);
    if (begun === undefined && !isLong(request)) return carryOut(call, request);
    const others = (begun ?? []).filter((other) => !isAbout(other, request));
    let progress = begun?.find((other) => isAbout(other, request));
    if (progress === undefined) {
      const [oldest] = others;
      if (oldest !== undefined && others.length >= MAX_UNFINISHED) {
        if (!releaseAll(call, oldest, false)) return INTERRUPTED;
        others.shift();
      }
      progress = start(call, request);
      unfinished.set(vcpu, [...others, progress]);
    }
    if (progress.result === null) {
      if (!holdAll(call, progress)) return INTERRUPTED;
      progress.result = carryOut(call, request);
    }
    const isQuick = progress.result === 0 && progress.staysInUse;
    if (!releaseAll(call, progress, isQuick)) return INTERRUPTED;
    if (others.length > 0) unfinished.set(vcpu, others);
    else unfinished.delete(vcpu);
    return progress.result;
  };

  return {
    run,
    isUnderWay: (vcpu) => unfinished.size > 0 && unfinished.has(vcpu),
    isUnfinished: (vcpu, request) =>
      unfinished.get(vcpu)?.some((progress) => isAbout(progress, request)) === true,
    close(vcpu) {
      for (const progress of unfinished.get(vcpu) ?? []) while (progress.held > 0) release(progress);
      unfinished.delete(vcpu);
    },
    forget(owner) {
      for (const [vcpu, begun] of unfinished) {
        const others = begun.filter((progress) => progress.owner !== owner);
        for (const progress of begun)
          if (progress.owner === owner) while (progress.held > 0) release(progress);
        if (others.length > 0) unfinished.set(vcpu, others);
        else unfinished.delete(vcpu);
      }
    },
  };
};
