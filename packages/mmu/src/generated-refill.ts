import {
  ACCESS,
  type MachineMemory,
  REFILL,
  REFILL_MAILBOX,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  TLB_ENTRY_COUNT,
  type TlbRefillFunction,
} from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  eq,
  type FunctionBody,
  i32,
  isZero,
  type Label,
  load,
  ltS,
  ModuleBuilder,
  ne,
  or,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  unary,
  type Value,
  widen,
  wrap,
  xor,
} from "@xenolith/wasm-emitter";
import { PTE } from "@xenolith/x86-architecture";
import { ACTIVE_SPACE, WALK_FLAG } from "./active-space.ts";
import { CACHED, type SoftwareTlb } from "./tlb.ts";

/** i64.trunc_sat_f64_s: never traps. */
const I64_TRUNC_SAT_F64_S = 0xfc_0006;

/** First address above the lower canonical half. */
const CANONICAL_END = 2 ** 47;

const RIGHTS = PTE.writable | PTE.user;

/** Where the generated code finds things in machine memory. */
export interface GeneratedRefillPlaces {
  readonly memory: MachineMemory;
  readonly tlb: SoftwareTlb;
  /** Offset of the record of the active space. */
  readonly activeSpaceOffset: number;
}

/** Emits the walk for one format after another. What is not plain sailing branches to `slow`. */
class RefillEmitter {
  readonly #body: FunctionBody;
  readonly #places: GeneratedRefillPlaces;
  readonly #slow: Label;
  readonly #access: Value;
  readonly #at: Value;
  readonly #low: Value;
  readonly #flags: Value;
  /** R/W and U/S of all levels, as bits of {@link PTE}. */
  readonly #rights: Value;
  /** NX of any level: 1 or 0. */
  readonly #noExecute: Value;
  /** Low word of the last entry. */
  readonly #leaf: Value;
  readonly #frame: Value;
  readonly #entry: Value;
  readonly #wide: Value;

  constructor(body: FunctionBody, places: GeneratedRefillPlaces, slow: Label) {
    this.#body = body;
    this.#places = places;
    this.#slow = slow;
    this.#access = body.parameter(1);
    this.#at = body.local(TYPE.i64);
    this.#wide = body.local(TYPE.i64);
    this.#low = body.local(TYPE.i32);
    this.#flags = body.local(TYPE.i32);
    this.#rights = body.local(TYPE.i32);
    this.#noExecute = body.local(TYPE.i32);
    this.#leaf = body.local(TYPE.i32);
    this.#frame = body.local(TYPE.i32);
    this.#entry = body.local(TYPE.i32);
  }

  emit(): void {
    const body = this.#body;
    body.set(this.#at, unary(I64_TRUNC_SAT_F64_S, body.parameter(0), TYPE.i64));
    this.#slowIf(compare("gtS", this.#at, this.#field(TYPE.i64, ACTIVE_SPACE.limit)));
    const behindFirst = compare("geS", this.#at, this.#field(TYPE.i64, ACTIVE_SPACE.overlayFirst));
    const beforeLast = compare("leS", this.#at, this.#field(TYPE.i64, ACTIVE_SPACE.overlayLast));
    this.#slowIf(and(behindFirst, beforeLast));
    body.set(this.#low, wrap(this.#at));
    body.set(this.#flags, this.#field(TYPE.i32, ACTIVE_SPACE.flags));
    body.set(this.#rights, i32(RIGHTS));
    body.set(this.#noExecute, i32(0));
    const walked = body.block();
    const long = body.block();
    const pae = body.block();
    const twoLevel = body.block();
    const identity = body.block();
    const kind = this.#field(TYPE.i32, ACTIVE_SPACE.kind);
    body.branchTable(kind, [this.#slow, identity, twoLevel, pae, long], this.#slow);
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
    this.#long();
    this.#directoryAndTable(walked);
    body.end();
    this.#checkRights();
    this.#fill();
  }

  #slowIf(condition: Value): void {
    this.#body.branchIf(this.#slow, condition);
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
    this.#loadNarrow(add(this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress), shl(shrU(this.#low, 22), 2)));
    body.if(
      and(isZero(isZero(and(this.#leaf, PTE.large))), isZero(isZero(this.#hasFlag(WALK_FLAG.largePages)))),
    );
    // Bits 21:13 are reserved or address bits above 4 GiB.
    this.#slowIf(and(this.#leaf, 0x003f_e000));
    this.#slowIf(isZero(this.#hasFlag(WALK_FLAG.knowsLarge)));
    body.set(this.#frame, or(shl(shrU(this.#leaf, 22), 10), and(shrU(this.#low, 12), 0x3ff)));
    body.branch(walked);
    body.end();
    this.#loadNarrow(or(and(this.#leaf, ~0xfff), shl(and(shrU(this.#low, 12), 0x3ff), 2)));
    body.set(this.#frame, shrU(this.#leaf, 12));
  }

  /** The root of PAE has no rights and no accessed bit. */
  #pae(): void {
    this.#slowIf(ne(this.#at, widen(this.#low, false)));
    const root = this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress);
    this.#readWide(add(root, shl(shrU(this.#low, 30), 3)));
    this.#slowIf(isZero(and(wrap(this.#wide), PTE.present)));
    this.#slowIf(wrap(shrU(this.#wide, 32)));
    this.#body.set(this.#leaf, wrap(this.#wide));
  }

  /** The two upper levels of long format. */
  #long(): void {
    this.#slowIf(or(ltS(this.#at, -CANONICAL_END), compare("geS", this.#at, CANONICAL_END)));
    const root = this.#field(TYPE.i32, ACTIVE_SPACE.rootAddress);
    this.#loadWide(add(root, this.#index(39)));
    this.#slowIf(and(this.#leaf, PTE.large));
    this.#loadWide(add(and(this.#leaf, ~0xfff), this.#index(30)));
    this.#slowIf(and(this.#leaf, PTE.large));
  }

  /** Levels 2 and 1 of 8-byte entries; the table of level 2 is in the entry at hand. */
  #directoryAndTable(walked: Label): void {
    const body = this.#body;
    this.#loadWide(add(and(this.#leaf, ~0xfff), this.#index(21)));
    body.if(and(this.#leaf, PTE.large));
    this.#slowIf(and(this.#leaf, 0x001f_e000));
    this.#slowIf(isZero(this.#hasFlag(WALK_FLAG.knowsLarge)));
    body.set(this.#frame, or(shl(shrU(this.#leaf, 21), 9), and(shrU(this.#low, 12), 0x1ff)));
    body.branch(walked);
    body.end();
    this.#loadWide(add(and(this.#leaf, ~0xfff), this.#index(12)));
    body.set(this.#frame, shrU(this.#leaf, 12));
  }

  /** Byte offset of the entry for the address in a table whose index starts at a bit. */
  #index(shift: number): Value {
    return shl(and(wrap(shrU(this.#at, shift)), 0x1ff), 3);
  }

  #inRam(address: Value): void {
    this.#body.set(this.#entry, address);
    this.#slowIf(compare("geU", this.#entry, i32(this.#places.memory.ramBytes)));
  }

  /** Reads a 4-byte entry, present and accessed, and takes its rights. */
  #loadNarrow(address: Value): void {
    const body = this.#body;
    this.#inRam(address);
    body.set(this.#leaf, load(TYPE.i32, 4, false, this.#entry));
    this.#takeRights();
  }

  #readWide(address: Value): void {
    this.#inRam(address);
    this.#body.set(this.#wide, load(TYPE.i64, 8, false, this.#entry));
  }

  /** Reads an 8-byte entry, present and accessed, below 4 GiB, and takes its rights. */
  #loadWide(address: Value): void {
    const body = this.#body;
    this.#readWide(address);
    body.set(this.#leaf, wrap(this.#wide));
    this.#slowIf(and(wrap(shrU(this.#wide, 32)), 0x7fff_ffff));
    body.set(this.#noExecute, or(this.#noExecute, wrap(shrU(this.#wide, 63))));
    this.#takeRights();
  }

  #takeRights(): void {
    const needed = PTE.present | PTE.accessed;
    this.#slowIf(ne(and(this.#leaf, needed), needed));
    this.#body.set(this.#rights, and(this.#rights, this.#leaf));
  }

  /** What is not permitted at first sight is judged in TypeScript. */
  #checkRights(): void {
    const body = this.#body;
    const kind = and(this.#access, ACCESS.kindMask);
    const isUser = and(this.#access, ACCESS.user);
    // The user bit of accesses and of entries is the same bit: an access that has it needs rights that have it.
    this.#slowIf(and(isUser, xor(this.#rights, -1)));
    const withoutNoExecute = isZero(this.#hasFlag(WALK_FLAG.noExecute));
    this.#slowIf(and(this.#noExecute, or(withoutNoExecute, eq(kind, ACCESS.execute))));
    body.if(eq(kind, ACCESS.write));
    this.#slowIf(isZero(and(this.#rights, PTE.writable)));
    this.#slowIf(isZero(and(this.#leaf, PTE.dirty)));
    body.end();
    body.if(and(eq(kind, ACCESS.execute), this.#hasFlag(WALK_FLAG.supervisorExecutionPrevention)));
    this.#slowIf(and(isZero(isUser), shrU(and(this.#rights, PTE.user), 2)));
    body.end();
    this.#slowIf(compare("geU", this.#frame, i32(this.#places.memory.frameCount)));
    body.if(eq(kind, ACCESS.write));
    this.#slowIf(load(TYPE.i32, 1, false, this.#frame, this.#places.memory.watchTableOffset));
    body.end();
  }

  /** Enters the page into the array of its kind of access. */
  #fill(): void {
    const body = this.#body;
    const { tlb } = this.#places;
    const kind = and(this.#access, ACCESS.kindMask);
    const isGlobal = and(this.#leaf, shl(this.#hasFlag(WALK_FLAG.globalPages), 5));
    this.#slowIf(and(isZero(isZero(isGlobal)), isZero(this.#hasFlag(WALK_FLAG.knowsGlobal))));
    const index = and(shrU(this.#low, 12), TLB_ENTRY_COUNT - 1);
    body.set(this.#entry, add(shl(kind, Math.log2(TLB_ENTRY_COUNT)), index));
    body.store(1, this.#entry, shrU(isGlobal, 8), tlb.globalTableOffset);
    const cached = select(CACHED.write, CACHED.readOrExecute, eq(kind, ACCESS.write));
    const before = load(TYPE.i32, 1, false, this.#frame, tlb.cachedTableOffset);
    body.store(1, this.#frame, or(before, cached), tlb.cachedTableOffset);
    body.set(this.#entry, shl(this.#entry, Math.log2(TLB_ENTRY_BYTES)));
    const lowBits = or(shrU(and(this.#access, ACCESS.user), 2), shrU(and(this.#access, ACCESS.narrow), 2));
    const tag = or(this.#field(TYPE.i32, ACTIVE_SPACE.tag), lowBits);
    const page = and(this.#at, -4096);
    const array = tlb.region.read;
    body.store(8, this.#entry, or(page, widen(tag, false)), array + TLB_ENTRY.tag);
    const hostPage = shl(this.#frame, 12);
    body.store(4, this.#entry, sub(hostPage, and(this.#low, -4096)), array + TLB_ENTRY.addend);
    body.store(4, this.#entry, this.#frame, array + TLB_ENTRY.frame);
    const hostAddress = or(hostPage, and(this.#low, 0xfff));
    body.store(4, i32(tlb.region.mailbox), hostAddress, REFILL_MAILBOX.hostAddress);
    body.return(i32(REFILL.filled));
  }
}

/**
 * Builds the refill of the active space as a WebAssembly function. It walks the tables itself where every entry on the way
 * is present, accessed and (for a write) dirty, the access is permitted and the page not watched; everything else it
 * leaves to `slow`.
 */
export const generateRefill = (places: GeneratedRefillPlaces, slow: TlbRefillFunction): TlbRefillFunction => {
  const builder = new ModuleBuilder();
  const parameters = [TYPE.f64, TYPE.i32];
  const slowIndex = builder.importFunction("mmu", "slow", parameters, [TYPE.i32]);
  builder.importMemory("mmu", "memory", 1);
  const body = builder.function(parameters, [TYPE.i32], "refill");
  const leave = body.block();
  new RefillEmitter(body, places, leave).emit();
  body.end();
  body.call(slowIndex, body.parameter(0), body.parameter(1));
  const module = new WebAssembly.Module(builder.finish());
  const instance = new WebAssembly.Instance(module, { mmu: { memory: places.memory.memory, slow } });
  return instance.exports["refill"] as TlbRefillFunction;
};
