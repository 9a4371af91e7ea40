import { ACCESS, REFILL, REFILL_MAILBOX, TLB_ENTRY, TLB_TAG } from "@xenolith/machine-interface";
import {
  add,
  and,
  compare,
  convert,
  eq,
  type FunctionBody,
  i32,
  isZero,
  load,
  ltU,
  ne,
  select,
  shl,
  shrU,
  sub,
  TYPE,
  toF64,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import { FLAG } from "@xenolith/x86-architecture";
import { RECORD } from "../../interpreter/record.ts";
import { tlbEntryOffset, tlbTag } from "../../machine/tlb-probe.ts";
import { STATE } from "../../state/layout.ts";
import type { SupportContext } from "../support-function.ts";

const PAGE_BYTES = 4096;

/** Host address of what cannot be reached without TypeScript. */
const UNREACHED = -1;

/**
 * Emits what functions have in common that do iterations of a string instruction page by page. They stop before the first
 * iteration that is not a plain access to one page: the engine does that one singly, with all that may happen.
 */
export class ElementRun {
  readonly body: FunctionBody;
  /** log2 of the element's size, and the size. */
  readonly log: Value;
  readonly sizeBytes: Value;
  /** 1 when addresses go down. */
  readonly isDown: Value;
  /** Iterations and bytes of the present piece. */
  readonly count: Value;
  readonly lengthBytes: Value;
  readonly #context: SupportContext;
  readonly #isWide: boolean;
  readonly #log: Value;
  readonly #record: Value;
  readonly #handler: Value;
  readonly #left: Value;
  readonly #done: Value;
  readonly #spaceTag: Value;
  readonly #entry: Value;
  readonly #outcome: Value;
  /** Does what was put off, before anything happens that could tell. */
  settle: () => void = () => {};

  /**
   * @param left - a local with the most iterations that may be done
   * @param log - log2 of the element's size
   * @param record - the interpreter's record of the instruction. It allows stores to frames that are watched for their code: the
   * record tells by its handler whether the code of the instruction itself is forgotten. 0: a translation, which might be its own code
   */
  constructor(
    body: FunctionBody,
    context: SupportContext,
    isWide: boolean,
    left: Value,
    log: Value,
    record: Value,
  ) {
    this.body = body;
    this.#context = context;
    this.#isWide = isWide;
    this.#left = left;
    this.#log = log;
    this.#record = record;
    this.#handler = body.local(TYPE.i32);
    this.log = body.local(TYPE.i32);
    this.sizeBytes = body.local(TYPE.i32);
    this.isDown = body.local(TYPE.i32);
    this.count = body.local(TYPE.i32);
    this.lengthBytes = body.local(TYPE.i32);
    this.#done = body.local(TYPE.i32);
    this.#spaceTag = body.local(TYPE.i32);
    this.#entry = body.local(TYPE.i32);
    this.#outcome = body.local(TYPE.i32);
  }

  /**
   * Emits the loop over pieces, and the result, behind {@link prepare}: `piece` does `count` iterations, which lie in one page each of `addresses` (locals), of which
   * the last one is written.
   */
  emit(addresses: readonly Value[], piece: () => void): void {
    const { body } = this;
    const loop = body.loop();
    body.if(this.#left);
    this.#measure(addresses);
    piece();
    body.set(this.#done, add(this.#done, this.count));
    body.set(this.#left, sub(this.#left, this.count));
    const distance = select(sub(i32(0), this.lengthBytes), this.lengthBytes, this.isDown);
    for (const address of addresses) body.set(address, add(address, convert(distance, address.type, true)));
    body.branch(loop);
    body.end();
    body.end();
    this.settle();
    body.push(this.#done);
  }

  /** Reads what does not change from piece to piece. */
  prepare(): void {
    const { body } = this;
    const state = i32(this.#context.state);
    const field = (offset: number): Value => load(TYPE.i32, 4, false, state, offset);
    this.stopIf(field(STATE.isObserved));
    body.set(this.log, this.#log);
    body.set(this.sizeBytes, shl(i32(1), this.log));
    body.set(this.isDown, ne(and(field(STATE.systemFlags), FLAG.df), 0));
    body.set(this.#spaceTag, field(STATE.spaceTag));
  }

  /** Comes back with what was done so far. */
  stopIf(condition: Value): void {
    this.body.if(condition);
    this.settle();
    this.body.return(this.#done);
    this.body.end();
  }

  /** How many iterations the pages and the caller allow. */
  #measure(addresses: readonly Value[]): void {
    const { body, count } = this;
    body.set(count, this.#left);
    for (const address of addresses) {
      const inPage = and(wrap(address), PAGE_BYTES - 1);
      const up = shrU(sub(PAGE_BYTES, inPage), this.log);
      const down = add(shrU(inPage, this.log), 1);
      const room = this.#pin(select(down, up, this.isDown));
      body.if(ltU(room, count));
      body.set(count, room);
      body.end();
      // Going down, it is the first element that may lie on two pages; going up, no room is left before it.
      this.stopIf(compare("gtU", add(inPage, this.sizeBytes), PAGE_BYTES));
    }
    body.set(this.lengthBytes, shl(count, this.log));
  }

  /** Makes the present piece one of a single iteration. */
  shorten(): void {
    this.body.set(this.count, i32(1));
    this.body.set(this.lengthBytes, this.sizeBytes);
  }

  #pin(value: Value): Value {
    const name = this.body.local(value.type);
    this.body.set(name, value);
    return name;
  }

  /**
   * Sets a local to where in machine memory the piece of an address begins, its lowest byte. Refills the TLB; stops at a
   * fault, and before a store that somebody wants to see; code that is about to be overwritten is forgotten. Stops too where the
   * instruction's own code may be among it: each iteration is fetched anew.
   */
  locate(address: Value, isWrite: boolean): Value {
    const { body } = this;
    const { tlb, refill } = this.#context;
    const table = isWrite ? tlb.write : tlb.read;
    const kind = isWrite ? ACCESS.write : ACCESS.read;
    const host = body.local(TYPE.i32);
    const type = this.#isWide ? TYPE.i64 : TYPE.i32;
    body.set(this.#entry, tlbEntryOffset(address, this.#spaceTag));
    body.set(this.#outcome, i32(REFILL.filled));
    const present = load(type, this.#isWide ? 8 : 4, false, this.#entry, table + TLB_ENTRY.tag);
    body.if(ne(present, tlbTag(address, 1, this.#spaceTag)));
    // The walk may read what is about to be overwritten.
    this.settle();
    const access = add(shl(and(this.#spaceTag, TLB_TAG.user | TLB_TAG.narrow), 2), i32(kind));
    body.callInto(refill, [this.#outcome], toF64(address, this.#isWide), access);
    this.stopIf(eq(this.#outcome, REFILL.fault));
    body.end();
    body.set(host, add(wrap(address), load(TYPE.i32, 4, false, this.#entry, table + TLB_ENTRY.addend)));
    const isDirect = eq(this.#outcome, REFILL.direct);
    body.if(isDirect);
    body.set(host, load(TYPE.i32, 4, false, i32(tlb.mailbox), REFILL_MAILBOX.hostAddress));
    body.end();
    // Going down, the lowest byte is that of the last element.
    body.if(this.isDown);
    body.set(host, sub(host, sub(this.lengthBytes, this.sizeBytes)));
    body.end();
    if (!isWrite) return host;
    body.if(isDirect);
    this.stopIf(isZero(this.#record));
    const handler = load(TYPE.i32, 2, false, this.#record, RECORD.handler);
    body.set(this.#handler, handler);
    body.callInto(this.#context.announceStore, [host], host, this.lengthBytes);
    this.stopIf(eq(host, UNREACHED));
    this.stopIf(ne(handler, this.#handler));
    body.end();
    return host;
  }
}
