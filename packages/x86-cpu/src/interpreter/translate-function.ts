import {
  ACCESS,
  FRAME_WATCH,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  TLB_ENTRY,
  TLB_TAG,
  type TlbRegion,
} from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  isZero,
  load,
  ltU,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  toF64,
  type Value,
  widen,
  wrap,
} from "@xenolith/wasm-emitter";
import { packFault, VECTOR } from "@xenolith/x86-architecture";
import { CHUNK_SHIFT } from "../engine/decoded-chunks.ts";
import { tlbEntryOffset } from "../machine/tlb-probe.ts";
import { NOTHING_PENDING, STATE } from "../state/layout.ts";
import { TRANSLATE, TRANSLATED } from "./interpreter-machine.ts";
import { LEAVE } from "./record.ts";

/** Functions that a translation function calls, by index. */
export interface TranslationImports {
  /** `TlbRefillFunction`. */
  readonly refill: number;
  /** (host i32, size i32) -> i32: announces a store that must not be cached. Returns the host address, or -1 to refuse. */
  readonly announceStore: number;
  /**
   * (address f64, size and flags i32) -> i32: an access in every possible way. Returns a host address, or -1
   * with the fault in the state block.
   */
  readonly access: number;
}

/** Access bits for a refill, from the flags of the caller and the space tag. */
const refillAccess = (flags: Value, spaceTag: Value): Value => {
  const kind = and(shrU(flags, 8), 1);
  const user = shl(and(spaceTag, TLB_TAG.user), 2);
  const narrow = shl(and(spaceTag, TLB_TAG.narrow), 2);
  return or(or(kind, user), narrow);
};

const asLinear = (address: Value): Value => toF64(address, address.type === TYPE.i64);

/** Where a translation function finds things in memory. */
export interface TranslationPlaces {
  readonly tlb: TlbRegion;
  readonly state: number;
  readonly decodedChunks: number;
  readonly watchTable: number;
  readonly frameCount: number;
}

/** Returns the host address of a store to a frame that is watched for its code alone, where no code was decoded from. */
const emitHarmlessStore = (body: FunctionBody, places: TranslationPlaces, host: Value, size: Value): void => {
  const at = body.local(TYPE.i32);
  const frame = body.local(TYPE.i32);
  const chunks = body.local(TYPE.i64);
  body.set(at, host);
  body.set(frame, shrU(at, 12));
  body.if(ltU(frame, places.frameCount));
  // Only the first and the last chunk are looked at: what is longer than one may have others in between.
  const isShort = ltU(sub(size, 1), 1 << CHUNK_SHIFT);
  const isCodeOnly = eq(load(TYPE.i32, 1, false, frame, places.watchTable), FRAME_WATCH.code);
  body.if(and(isShort, isCodeOnly));
  body.set(chunks, load(TYPE.i64, 8, false, shl(frame, 3), places.decodedChunks));
  const last = add(at, sub(size, 1));
  const isDecoded = (byte: Value): Value =>
    wrap(shrU(chunks, widen(and(shrU(byte, CHUNK_SHIFT), 63), false)));
  body.if(isZero(and(or(isDecoded(at), isDecoded(last)), 1)));
  body.return(at);
  body.end();
  body.end();
  body.end();
};

/** Puts the page fault that a refill has left in its mailbox into the state block. */
export const emitTakePageFault = (body: FunctionBody, mailbox: number, state: number): void => {
  const errorCode = load(TYPE.i32, 4, false, i32(mailbox), REFILL_MAILBOX.errorCode);
  body.store(4, i32(state), or(errorCode, packFault(VECTOR.pageFault, 0)), STATE.fault);
  const address = load(TYPE.i64, 8, false, i32(mailbox), REFILL_MAILBOX.address);
  body.store(8, i32(state), address, STATE.faultAddress);
};

/** What comes after a refill. None of these comes back. */
interface RefillEnds {
  filled(): void;
  /** The fault is in the state block. */
  faulted(): void;
  /** A page crossing, or a fault that is not the page tables'. */
  refused(): void;
}

/**
 * Refills the TLB for the arguments of a translation function. What it goes on with is the host address of an access that is
 * allowed but must not be cached.
 */
const emitRefill = (
  body: FunctionBody,
  { tlb, state }: TranslationPlaces,
  imports: TranslationImports,
  ends: RefillEnds,
): Value => {
  const [address, flags, spaceTag] = [body.parameter(0), body.parameter(1), body.parameter(2)];
  const outcome = body.local(TYPE.i32);
  body.if(compare("gtU", add(and(wrap(address), 0xfff), and(flags, 0xff)), 4096));
  ends.refused();
  body.end();
  body.call(imports.refill, asLinear(address), refillAccess(flags, spaceTag));
  body.set(outcome);
  body.if(eq(outcome, REFILL.filled));
  ends.filled();
  body.end();
  const mailbox = i32(tlb.mailbox);
  body.if(eq(outcome, REFILL.fault));
  body.if(ne(load(TYPE.i32, 4, false, mailbox, REFILL_MAILBOX.reason), REFILL_REASON.pageFault));
  ends.refused();
  body.end();
  emitTakePageFault(body, tlb.mailbox, state);
  ends.faulted();
  body.end();
  return load(TYPE.i32, 4, false, mailbox, REFILL_MAILBOX.hostAddress);
};

/** The host address by the TLB entry of the address that was given, which is filled. */
const filledHost = (body: FunctionBody, { tlb }: TranslationPlaces): Value => {
  const address = body.parameter(0);
  const entry = tlbEntryOffset(address, body.parameter(2));
  const addend = (table: number): Value => load(TYPE.i32, 4, false, entry, table + TLB_ENTRY.addend);
  return add(
    wrap(address),
    select(addend(tlb.write), addend(tlb.read), and(body.parameter(1), TRANSLATE.write)),
  );
};

/**
 * Emits `translate(address, size and flags, space tag) -> host address or a value of TRANSLATED` for fast interpreters: refills
 * the TLB where that is enough, finds page faults, and refuses whatever else there is (page crossings, limits).
 */
export const emitFastTranslation = (
  body: FunctionBody,
  places: TranslationPlaces,
  imports: TranslationImports,
): void => {
  const flags = body.parameter(1);
  const direct = emitRefill(body, places, imports, {
    filled: () => body.return(filledHost(body, places)),
    faulted: () => body.return(i32(TRANSLATED.faulted)),
    refused: () => body.return(i32(TRANSLATED.refused)),
  });
  body.if(and(flags, TRANSLATE.write));
  emitHarmlessStore(body, places, direct, and(flags, 0xff));
  body.call(imports.announceStore, direct, and(flags, 0xff));
  body.return();
  body.end();
  body.push(direct);
};

/** Answer of a miss function that no value of `LEAVE` is: the access may be made but not be cached. */
export const UNCACHED = 0x200;

/**
 * Emits `miss(address, size and flags, space tag) -> 0, UNCACHED or a value of LEAVE`: the same for handlers that are begun again
 * when the TLB has been refilled.
 */
export const emitMissFunction = (
  body: FunctionBody,
  places: TranslationPlaces,
  imports: TranslationImports,
): void => {
  emitRefill(body, places, imports, {
    filled: () => body.return(i32(0)),
    faulted: () => body.return(i32(LEAVE.fault)),
    refused: () => body.return(i32(LEAVE.careful)),
  });
  body.push(i32(UNCACHED));
};

/**
 * Emits the same for careful interpreters, which refuse nothing: TypeScript does what is neither cached nor a store beside the
 * code of its frame, and everything when accesses are observed.
 */
export const emitCarefulTranslation = (
  body: FunctionBody,
  places: TranslationPlaces,
  imports: TranslationImports,
): void => {
  const state = i32(places.state);
  const [address, flags] = [body.parameter(0), body.parameter(1)];
  const other = body.block();
  body.branchIf(other, load(TYPE.i32, 4, false, state, STATE.isObserved));
  body.store(4, state, i32(NOTHING_PENDING), STATE.pendingStore);
  const direct = emitRefill(body, places, imports, {
    filled: () => body.return(filledHost(body, places)),
    faulted: () => body.branch(other),
    refused: () => body.branch(other),
  });
  body.branchIf(other, isZero(and(flags, TRANSLATE.write)));
  emitHarmlessStore(body, places, direct, and(flags, 0xff));
  body.end();
  body.call(imports.access, asLinear(address), flags);
};

/** The access kind bits of an execute refill. */
export const executeAccess = (spaceTag: Value): Value => or(refillAccess(i32(0), spaceTag), ACCESS.execute);
