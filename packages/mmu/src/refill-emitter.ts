import {
  ACCESS,
  type MachineMemory,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  TLB_FOLDED,
} from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  type Label,
  load,
  ltS,
  ne,
  or,
  select,
  shl,
  shrS,
  shrU,
  sub,
  TYPE,
  unary,
  type Value,
  widen,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { PAGE_FAULT, PTE } from "@xenolith/x86-architecture";
import { ACTIVE_SPACE, NO_OVERLAY_FRAME, OVERLAY_EXECUTABLE, WALK_FLAG, WALK_KIND } from "./active-space.ts";
import { RESERVED_1_GIB, RESERVED_2_MIB } from "./reserved-bits.ts";
import { LOWER_LIST, PLACES, type SoftwareTlb } from "./tlb.ts";

/** i64.trunc_sat_f64_s: never traps. */
const I64_TRUNC_SAT_F64_S = 0xfc_0006;

/** First address above the lower canonical half. */
const CANONICAL_END = 2 ** 47;

const RIGHTS = PTE.writable | PTE.user;
const NOT_PASSED = -1;

/** Cause of a fault by a reserved bit. */
const RESERVED_FAULT = PAGE_FAULT.present | PAGE_FAULT.reserved;

/** Where the generated code finds things in machine memory. */
export interface GeneratedRefillPlaces {
  readonly memory: MachineMemory;
  readonly tlb: SoftwareTlb;
  /** Offset of the record of the active space. */
  readonly activeSpaceOffset: number;
}

/** Where a walk goes when it does not go on. */
interface RefillLabels {
  /** To TypeScript: nothing has changed but accessed bits that it would set too. */
  readonly slow: Label;
  /** A page fault; its cause (bits P and RSVD) is in the local of this name. */
  readonly fault: Label;
}

/** The condition as i32 0 or 1. */
const isSet = (value: Value): Value => isZero(isZero(value));

/** Emits the walk for one format after another, the check of rights, accessed and dirty bits, and the fill. */
export class RefillEmitter {
  readonly #body: FunctionBody;
  readonly #places: GeneratedRefillPlaces;
  readonly #access: Value;
  readonly #at: Value;
  readonly #low: Value;
  readonly #flags: Value;
  /** R/W and U/S of all levels, as bits of {@link PTE}. */
  readonly #rights: Value;
  /** NX of any level: 1 or 0. */
  readonly #noExecute: Value;
  /** Accessed bits of all levels, and other bits of no interest. */
  readonly #accessed: Value;
  /** Low word of the last entry. */
  readonly #leaf: Value;
  readonly #frame: Value;
  readonly #entry: Value;
  readonly #wide: Value;
  readonly #cause: Value;
  /** Mask of the offset within a large page, as i64; 0 for a page of 4 KiB. */
  readonly #largeMask: Value;
  /** Machine addresses of the entries passed above the last one; -1: none. */
  readonly #passed: readonly Value[];
  #labels: RefillLabels = { slow: 0, fault: 0 };

  constructor(body: FunctionBody, places: GeneratedRefillPlaces) {
    this.#body = body;
    this.#places = places;
    this.#access = body.parameter(1);
    this.#at = body.local(TYPE.i64);
    this.#wide = body.local(TYPE.i64);
    this.#largeMask = body.local(TYPE.i64);
    this.#low = body.local(TYPE.i32);
    this.#flags = body.local(TYPE.i32);
    this.#rights = body.local(TYPE.i32);
    this.#noExecute = body.local(TYPE.i32);
    this.#accessed = body.local(TYPE.i32);
    this.#leaf = body.local(TYPE.i32);
    this.#frame = body.local(TYPE.i32);
    this.#entry = body.local(TYPE.i32);
    this.#cause = body.local(TYPE.i32);
    this.#passed = [body.local(TYPE.i32), body.local(TYPE.i32), body.local(TYPE.i32)];
  }

  /** Emits everything; what it does not do itself branches to `slow`, which must enclose it. */
  emit(slow: Label): void {
    const body = this.#body;
    const fault = body.block();
    this.#labels = { slow, fault };
    this.#begin();
    const kind = this.#field(TYPE.i32, ACTIVE_SPACE.kind);
    this.#slowIf(eq(kind, WALK_KIND.left));
    const walked = body.block();
    this.#overlay(walked);
    const long = body.block();
    const pae = body.block();
    const twoLevel = body.block();
    const identity = body.block();
    body.branchTable(kind, [slow, identity, twoLevel, pae, long], slow);
    body.end();
    this.#identity();
    body.branch(walked);
    body.end();
    this.#twoLevel(walked);
    body.branch(walked);
    body.end();
    this.#pae();
    this.#directoryAndTable(walked);
    body.branch(walked);
    body.end();
    this.#long(walked);
    this.#directoryAndTable(walked);
    body.end();
    this.#checkRights();
    this.#touch();
    this.#coverLargePage();
    this.#noteTables();
    this.#fill();
    body.end();
    this.#pageFault();
  }

  /** Limits of the space, and the start of a walk. */
  #begin(): void {
    const body = this.#body;
    body.set(this.#at, unary(I64_TRUNC_SAT_F64_S, body.parameter(0), TYPE.i64));
    body.if(compare("gtS", this.#at, this.#field(TYPE.i64, ACTIVE_SPACE.limit)));
    this.#refuse(REFILL_REASON.linearLimit, i32(0));
    body.end();
    body.set(this.#low, wrap(this.#at));
    body.set(this.#flags, this.#field(TYPE.i32, ACTIVE_SPACE.flags));
    body.set(this.#rights, i32(RIGHTS));
    body.set(this.#accessed, i32(PTE.accessed));
    body.set(this.#noExecute, i32(0));
    body.set(this.#largeMask, i64(0));
    for (const passed of this.#passed) body.set(passed, i32(NOT_PASSED));
  }

  /** A page of an overlay in consecutive frames. One of others, and what lies between them, is TypeScript's. */
  #overlay(walked: Label): void {
    const body = this.#body;
    const first = this.#field(TYPE.i64, ACTIVE_SPACE.overlayFirst);
    const isBehindFirst = compare("geS", this.#at, first);
    const isBeforeLast = compare("leS", this.#at, this.#field(TYPE.i64, ACTIVE_SPACE.overlayLast));
    body.if(and(isBehindFirst, isBeforeLast));
    const frame = this.#field(TYPE.i32, ACTIVE_SPACE.overlayFrame);
    this.#slowIf(eq(frame, NO_OVERLAY_FRAME));
    body.set(this.#frame, add(frame, wrap(shrU(sub(this.#at, first), 12))));
    body.set(this.#rights, this.#field(TYPE.i32, ACTIVE_SPACE.overlayRights));
    body.set(this.#noExecute, isZero(and(this.#rights, OVERLAY_EXECUTABLE)));
    body.set(this.#leaf, i32(PTE.dirty));
    body.branch(walked);
    body.end();
  }

  #slowIf(condition: Value): void {
    this.#body.branchIf(this.#labels.slow, condition);
  }

  #faultIf(condition: Value, cause: number): void {
    const body = this.#body;
    body.if(condition);
    body.set(this.#cause, i32(cause));
    body.branch(this.#labels.fault);
    body.end();
  }

  #field(type: typeof TYPE.i32 | typeof TYPE.i64, offset: number): Value {
    return load(type, type === TYPE.i32 ? 4 : 8, false, i32(this.#places.activeSpaceOffset), offset);
  }

  #hasFlag(flag: number): Value {
    return and(this.#flags, flag);
  }

  /** Without paging the page is the frame; addresses beyond 32 bits do not occur, and are left alone. */
  #identity(): void {
    this.#slowIf(ne(this.#at, widen(this.#low, false)));
    this.#body.set(this.#frame, shrU(this.#low, 12));
    this.#body.set(this.#leaf, i32(PTE.dirty));
  }

  #twoLevel(walked: Label): void {
    const body = this.#body;
    this.#slowIf(ne(this.#at, widen(this.#low, false)));
    this.#readNarrow(add(this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress), shl(shrU(this.#low, 22), 2)));
    body.if(and(isSet(and(this.#leaf, PTE.large)), isSet(this.#hasFlag(WALK_FLAG.largePages))));
    this.#faultIf(and(this.#leaf, this.#field(TYPE.i32, ACTIVE_SPACE.reservedLarge)), RESERVED_FAULT);
    // Bits 20:13 are bits of the address above 4 GiB.
    this.#slowIf(and(this.#leaf, 0x001f_e000));
    this.#takeRights();
    this.#finishLarge(walked, 22);
    body.end();
    this.#takeRights();
    this.#pass(0);
    this.#readNarrow(or(and(this.#leaf, ~0xfff), shl(and(shrU(this.#low, 12), 0x3ff), 2)));
    this.#takeRights();
    body.set(this.#frame, shrU(this.#leaf, 12));
  }

  /** The root of PAE has no rights and no accessed bit. It is whole in RAM, or in the record of the space. */
  #pae(): void {
    this.#slowIf(ne(this.#at, widen(this.#low, false)));
    const root = this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress);
    this.#body.set(this.#entry, add(root, shl(shrU(this.#low, 30), 3)));
    this.#takeWide(ACTIVE_SPACE.rootReservedHigh);
  }

  /** The two upper levels of long format. */
  #long(walked: Label): void {
    const body = this.#body;
    body.if(or(ltS(this.#at, -CANONICAL_END), compare("geS", this.#at, CANONICAL_END)));
    this.#refuse(REFILL_REASON.notCanonical, i32(0));
    body.end();
    const root = this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress);
    this.#readWide(add(root, this.#index(39)), ACTIVE_SPACE.reservedHigh);
    this.#faultIf(and(this.#leaf, PTE.large), RESERVED_FAULT);
    this.#takeWideRights();
    this.#pass(0);
    this.#readWide(add(and(this.#leaf, ~0xfff), this.#index(30)), ACTIVE_SPACE.reservedHigh);
    body.if(and(this.#leaf, PTE.large));
    this.#faultIf(isZero(this.#hasFlag(WALK_FLAG.hugePages)), RESERVED_FAULT);
    this.#faultIf(and(this.#leaf, RESERVED_1_GIB), RESERVED_FAULT);
    this.#takeWideRights();
    this.#finishLarge(walked, 30);
    body.end();
    this.#takeWideRights();
    this.#pass(1);
  }

  /** Levels 2 and 1 of 8-byte entries; the table of level 2 is in the entry at hand. */
  #directoryAndTable(walked: Label): void {
    const body = this.#body;
    this.#readWide(add(and(this.#leaf, ~0xfff), this.#index(21)), ACTIVE_SPACE.reservedHigh);
    body.if(and(this.#leaf, PTE.large));
    this.#faultIf(and(this.#leaf, RESERVED_2_MIB), RESERVED_FAULT);
    this.#takeWideRights();
    this.#finishLarge(walked, 21);
    body.end();
    this.#takeWideRights();
    this.#pass(2);
    this.#readWide(add(and(this.#leaf, ~0xfff), this.#index(12)), ACTIVE_SPACE.reservedHigh);
    this.#takeWideRights();
    body.set(this.#frame, shrU(this.#leaf, 12));
  }

  /** The entry at hand maps a page of 2^`bits` bytes. */
  #finishLarge(walked: Label, bits: number): void {
    const body = this.#body;
    const pageFrames = 2 ** (bits - 12);
    const inPage = and(shrU(this.#low, 12), pageFrames - 1);
    body.set(this.#frame, or(shl(shrU(this.#leaf, bits), bits - 12), inPage));
    body.set(this.#largeMask, i64(2 ** bits - 1));
    body.branch(walked);
  }

  /** Byte offset of the entry for the address in a table whose index starts at a bit. */
  #index(shift: number): Value {
    return shl(and(wrap(shrU(this.#at, shift)), 0x1ff), 3);
  }

  /** Notes that the walk goes on below the entry at hand. */
  #pass(level: number): void {
    const passed = this.#passed[level];
    if (passed !== undefined) this.#body.set(passed, this.#entry);
  }

  #inRam(address: Value): void {
    this.#body.set(this.#entry, address);
    this.#slowIf(compare("geU", this.#entry, i32(this.#places.memory.ramBytes)));
  }

  /** Reads a 4-byte entry, which must be present. */
  #readNarrow(address: Value): void {
    this.#inRam(address);
    this.#body.set(this.#leaf, load(TYPE.i32, 4, false, this.#entry));
    this.#faultIf(isZero(and(this.#leaf, PTE.present)), 0);
  }

  /** Reads an 8-byte entry, which must be present and without reserved bits; what lies above 4 GiB is TypeScript's. */
  #readWide(address: Value, reservedField: number): void {
    this.#inRam(address);
    this.#takeWide(reservedField);
  }

  #takeWide(reservedField: number): void {
    const body = this.#body;
    body.set(this.#wide, load(TYPE.i64, 8, false, this.#entry));
    body.set(this.#leaf, wrap(this.#wide));
    this.#faultIf(isZero(and(this.#leaf, PTE.present)), 0);
    const high = wrap(shrU(this.#wide, 32));
    this.#faultIf(and(high, this.#field(TYPE.i32, reservedField)), RESERVED_FAULT);
    this.#slowIf(and(high, 0x000f_ffff));
  }

  #takeRights(): void {
    this.#body.set(this.#rights, and(this.#rights, this.#leaf));
    this.#body.set(this.#accessed, and(this.#accessed, this.#leaf));
  }

  #takeWideRights(): void {
    this.#takeRights();
    this.#body.set(this.#noExecute, or(this.#noExecute, wrap(shrU(this.#wide, 63))));
  }

  #isKind(kind: number): Value {
    return eq(and(this.#access, ACCESS.kindMask), kind);
  }

  #checkRights(): void {
    const body = this.#body;
    const isUser = and(this.#access, ACCESS.user);
    // The user bit of accesses and of entries is the same bit: an access that has it needs rights that have it.
    this.#faultIf(and(isUser, xor(this.#rights, -1)), PAGE_FAULT.present);
    const isReadOnly = isZero(and(this.#rights, PTE.writable));
    const isEnforced = or(isUser, this.#hasFlag(WALK_FLAG.writeProtect));
    this.#faultIf(and(and(this.#isKind(ACCESS.write), isReadOnly), isSet(isEnforced)), PAGE_FAULT.present);
    body.if(this.#isKind(ACCESS.execute));
    this.#faultIf(this.#noExecute, PAGE_FAULT.present);
    const isUserPage = shrU(and(this.#rights, PTE.user), 2);
    const isPrevented = this.#hasFlag(WALK_FLAG.supervisorExecutionPrevention);
    this.#faultIf(and(and(isZero(isUser), isUserPage), isPrevented), PAGE_FAULT.present);
    body.end();
  }

  /** Sets accessed bits, and the dirty bit for a write. A table that somebody watches is TypeScript's. */
  #touch(): void {
    const body = this.#body;
    const isWrite = this.#isKind(ACCESS.write);
    const isDirty = isSet(and(this.#leaf, PTE.dirty));
    const isAccessed = isSet(and(this.#accessed, PTE.accessed));
    const needsNothing = and(isAccessed, or(isDirty, isZero(isWrite)));
    body.if(isZero(needsNothing));
    for (const passed of this.#passed) {
      body.if(ne(passed, NOT_PASSED));
      this.#setBits(passed, i32(PTE.accessed));
      body.end();
    }
    this.#setBits(this.#entry, or(shl(isWrite, Math.log2(PTE.dirty)), PTE.accessed));
    body.end();
  }

  #setBits(address: Value, bits: Value): void {
    const body = this.#body;
    const before = load(TYPE.i32, 4, false, address);
    body.if(ne(and(before, bits), bits));
    this.#slowIf(load(TYPE.i32, 1, false, shrU(address, 12), this.#places.memory.watchTableOffset));
    body.store(4, address, or(before, bits));
    body.end();
  }

  /** Widens the range of large pages by the one at hand. */
  #coverLargePage(): void {
    const body = this.#body;
    const record = i32(this.#places.activeSpaceOffset);
    const first = body.local(TYPE.i64);
    const last = body.local(TYPE.i64);
    body.if(ne(this.#largeMask, 0));
    body.set(first, and(this.#at, xor(this.#largeMask, -1)));
    body.set(last, or(this.#at, this.#largeMask));
    const knownFirst = this.#field(TYPE.i64, ACTIVE_SPACE.largeFirst);
    const knownLast = this.#field(TYPE.i64, ACTIVE_SPACE.largeLast);
    body.if(compare("leS", knownFirst, knownLast));
    body.set(first, select(first, knownFirst, ltS(first, knownFirst)));
    body.set(last, select(last, knownLast, compare("gtS", last, knownLast)));
    body.end();
    body.store(8, record, first, ACTIVE_SPACE.largeFirst);
    body.store(8, record, last, ACTIVE_SPACE.largeLast);
    body.end();
  }

  /**
   * Notes that a page of an upper half is found through the tables of levels 3 and 2. Those of large pages need no note: with
   * them a space is forgotten whole.
   */
  #noteTables(): void {
    const body = this.#body;
    const [, third, second] = this.#passed;
    if (second === undefined || third === undefined) return;
    body.if(and(ltS(this.#at, 0), ne(second, NOT_PASSED)));
    for (const entry of [third, second])
      body.store(1, shrU(entry, 12), i32(1), this.#places.tlb.upperNotesOffset);
    body.end();
  }

  /** Enters the page into the array of its kind of access, unless its stores must be seen. */
  #fill(): void {
    const body = this.#body;
    const { memory, tlb } = this.#places;
    const { region } = tlb;
    this.#slowIf(compare("geU", this.#frame, i32(memory.frameCount)));
    const hostPage = shl(this.#frame, 12);
    const hostAddress = or(hostPage, and(this.#low, 0xfff));
    body.store(4, i32(region.mailbox), hostAddress, REFILL_MAILBOX.hostAddress);
    const isWatched = isSet(load(TYPE.i32, 1, false, this.#frame, memory.watchTableOffset));
    body.if(and(this.#isKind(ACCESS.write), isWatched));
    body.return(i32(REFILL.direct));
    body.end();
    const kind = and(this.#access, ACCESS.kindMask);
    const folded = and(wrap(shrU(this.#at, 31)), and(wrap(shrS(this.#at, 63)), TLB_FOLDED));
    const index = and(xor(shrU(this.#low, 12), folded), TLB_ENTRY_COUNT - 1);
    this.#notePlace(add(index, 1));
    const position = add(shl(kind, Math.log2(TLB_ENTRY_COUNT)), index);
    body.set(this.#entry, position);
    this.#listLower();
    body.set(this.#entry, shl(this.#entry, Math.log2(TLB_ENTRY_BYTES)));
    const lowBits = or(shrU(and(this.#access, ACCESS.user), 2), shrU(and(this.#access, ACCESS.narrow), 2));
    const tag = or(this.#field(TYPE.i32, ACTIVE_SPACE.tag), lowBits);
    const page = and(this.#at, -4096);
    body.store(8, this.#entry, or(page, widen(tag, false)), region.read + TLB_ENTRY.tag);
    body.store(4, this.#entry, sub(hostPage, and(this.#low, -4096)), region.read + TLB_ENTRY.addend);
    body.store(4, this.#entry, this.#frame, region.read + TLB_ENTRY.frame);
    body.return(i32(REFILL.filled));
  }

  /** Lists the entry if the page is one of a lower half, and those of the space are listed; see {@link LOWER_LIST}. */
  #listLower(): void {
    const body = this.#body;
    const count = body.local(TYPE.i32);
    const { lowerListOffset } = this.#places.tlb;
    body.if(and(compare("geS", this.#at, i64(0)), isSet(this.#hasFlag(WALK_FLAG.listsLowerHalf))));
    body.set(count, load(TYPE.i32, 4, false, i32(lowerListOffset), LOWER_LIST.count));
    body.if(compare("leU", count, i32(LOWER_LIST.capacity)));
    body.store(4, shl(count, 2), this.#entry, lowerListOffset + LOWER_LIST.entries);
    body.store(4, i32(lowerListOffset), add(count, 1), LOWER_LIST.count);
    body.end();
    body.end();
  }

  /** Notes that an entry leads to the frame; see {@link PLACES}. */
  #notePlace(place: Value): void {
    const body = this.#body;
    const { placesOffset } = this.#places.tlb;
    const at = shl(this.#frame, Math.log2(PLACES.frameBytes));
    const places = body.local(TYPE.i64);
    const added = body.local(TYPE.i64);
    body.set(added, widen(place, false));
    body.set(places, load(TYPE.i64, 8, false, at, placesOffset));
    const known = body.block();
    for (let shift = 0; shift < 64; shift += PLACES.bits)
      body.branchIf(known, eq(and(shrU(places, shift), PLACES.mask), added));
    body.if(isZero(shrU(places, 64 - PLACES.bits)));
    body.store(8, at, or(shl(places, PLACES.bits), added), placesOffset);
    body.branch(known);
    body.end();
    body.branchIf(known, eq(places, i64(-1)));
    for (let shift = 0; shift < 64; shift += PLACES.bits) {
      const other = body.block();
      const index = sub(wrap(and(shrU(places, shift), PLACES.mask)), 1);
      this.#branchIfAt(other, shl(index, Math.log2(TLB_ENTRY_BYTES)));
      body.store(2, at, place, placesOffset + shift / 8);
      body.branch(known);
      body.end();
    }
    body.store(8, at, i64(-1), placesOffset);
    body.end();
  }

  /** Branches if an entry at an offset in the arrays leads to the frame. */
  #branchIfAt(label: Label, offset: Value): void {
    const body = this.#body;
    const { read, write, execute } = this.#places.tlb.region;
    const entry = body.local(TYPE.i32);
    body.set(entry, offset);
    for (const array of [read, write, execute])
      body.branchIf(label, eq(load(TYPE.i32, 4, false, entry, array + TLB_ENTRY.frame), this.#frame));
  }

  /** Error code out of the cause and the access, whose user bit is where the code has it. */
  #pageFault(): void {
    const isExecute = this.#isKind(ACCESS.execute);
    const fetch = select(this.#field(TYPE.i32, ACTIVE_SPACE.fetchBit), i32(0), isExecute);
    const write = shl(this.#isKind(ACCESS.write), 1);
    const circumstances = or(or(write, and(this.#access, ACCESS.user)), fetch);
    this.#refuse(REFILL_REASON.pageFault, or(this.#cause, circumstances));
  }

  #refuse(reason: number, errorCode: Value): void {
    const body = this.#body;
    const mailbox = i32(this.#places.tlb.region.mailbox);
    body.store(4, mailbox, errorCode, REFILL_MAILBOX.errorCode);
    body.store(8, mailbox, body.parameter(0), REFILL_MAILBOX.address);
    body.store(4, mailbox, i32(reason), REFILL_MAILBOX.reason);
    body.return(i32(REFILL.fault));
  }
}
