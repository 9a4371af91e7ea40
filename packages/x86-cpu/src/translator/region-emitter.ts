import {
  add,
  and,
  constant,
  convert,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  type Label,
  ltS,
  ltU,
  ne,
  select,
  sub,
  TYPE,
  type Value,
  wrap,
} from "@xenolith/wasm-emitter";
import type { Mode } from "../engine/mode.ts";
import { cachedEntryAt, cachedTarget, entryOf, isCachedAt, slotOf } from "../interpreter/entry-cache.ts";
import { type KeptLocals, loadState, storeKeptFlags, storeProgress } from "../interpreter/kept-state.ts";
import { INDIRECT_EXIT, LEAVE } from "../interpreter/record.ts";
import type { FlagValues } from "../machine/conditions.ts";
import { STATE } from "../state/layout.ts";
import type { SupportFunction } from "../support/support-function.ts";
import type { SupportCaller } from "../support/support-module.ts";
import { REFUSED } from "../support/system/system-emitter.ts";
import { countedTurn } from "./counted-turns.ts";
import type { DistantChecks } from "./distant-checks.ts";
import { type EntryTable, entryTable } from "./entry-table.ts";
import { exitWord, readExitWord } from "./exit-word.ts";
import { liveFlags } from "./flag-liveness.ts";
import { DISPATCHER, type FlowGraph, type FlowNode, isSelfLoop } from "./flow-graph.ts";
import type { GroupFinder } from "./group-finder.ts";
import type { NamedFlags } from "./named-flags.ts";
import { emitPageRun, type SteadyAccess } from "./page-run.ts";
import type { PlacedInstruction, RegionBlock } from "./region-block.ts";
import { RegionExpectations } from "./region-expectations.ts";
import type { RegionFlow, RegionLocals } from "./region-flow.ts";
import { loadRegisters, storeRegisters } from "./register-locals.ts";
import { type RegionUse, registerUse } from "./register-use.ts";
import { emitSkippedTurns } from "./skip-turns.ts";
import { type SlotPlace, slotValue } from "./slot-place.ts";
import { stackRow } from "./stack-row.ts";
import { type SteadyAddress, steadyBlocks, wrappingRegisters } from "./steady-address.ts";
import { NO_ADDENDS, TranslatorMachine } from "./translator-machine.ts";
import type { TranslatorPlaces } from "./translator-places.ts";

/** What one region is emitted from. */
export interface RegionSource {
  readonly graph: FlowGraph;
  readonly mode: Mode;
  readonly places: TranslatorPlaces;
  /** Offset in CS of the page. */
  readonly page: number;
  /** The region's function has the number in the table that a global holds, and so many more. */
  readonly slot: SlotPlace;
  readonly callSupport: SupportCaller;
  readonly checks: DistantChecks;
  /** For the mode. */
  readonly groups: GroupFinder;
}

/** Where emission stands: restored when an edge has been followed and its alternative comes next. */
interface Position {
  readonly index: number;
  readonly placed: PlacedInstruction | null;
  readonly done: number;
  readonly flags: FlagValues;
}

/**
 * Emits a region as one function (entry number, space tag) -> value of `LEAVE`: blocks in the order of their dominator tree,
 * loops as loops, joins behind blocks that the edges leave. Registers and flags are locals, loaded at the entry and stored
 * when the region is left. The budget is charged block by block and checked where control goes backwards.
 */
export class RegionEmitter implements RegionFlow {
  readonly #source: RegionSource;
  readonly #body: FunctionBody;
  readonly #machine: TranslatorMachine;
  readonly #use: RegionUse;
  readonly #groups: GroupFinder;
  readonly #expectations: RegionExpectations;
  readonly #live: readonly boolean[];
  /** The space tag, of the address type. */
  readonly #spaceTag: Value;
  /** Where the state block is: shorter than a constant each time. */
  readonly #state: Value;
  readonly #registers: (Value | undefined)[] = [];
  readonly #vectors: (Value | undefined)[] = [];
  readonly #entry: Value;
  readonly #budget: Value;
  readonly #instructionPointer: Value;
  readonly #code: Value;
  readonly #labels: Label[] = [];
  readonly #loops: Label[] = [];
  /** A loop of one block that is being emitted, and the flags at the beginning of its further turns once they have names. */
  #selfLoop: { readonly index: number; readonly label: Label; readonly flags: NamedFlags | null } | null =
    null;
  /** Turns of a loop of one block that are being emitted and do not ask the TLB. */
  #pageRun: { readonly label: Label; readonly goesOn: Value } | null = null;
  /** Addresses of a loop of one block that move by the same distance in every turn. */
  readonly #steadyOf: (index: number) => readonly SteadyAddress[];
  readonly #locals: RegionLocals;
  readonly #kept: KeptLocals;
  readonly #table: EntryTable | null;
  /** Offset in CS of the indirect jump or call that looks for its target in the table; 0: a return does. */
  readonly #from: Value;
  #dispatch: Label = 0;
  /** Where indirect jumps go whose targets are no entries. */
  #absent: Label = 0;
  /** Leaves with the flags in their locals; to a place of the page, by an exit word; before anything has happened. */
  #exit: Label = 0;
  #exitByWord: Label = 0;
  #exitUnchanged: Label = 0;
  #index = DISPATCHER;
  /** The node with that index. */
  #current: FlowNode;
  #placed: PlacedInstruction | null = null;
  /** Instructions of the present block before the present one. */
  #done = 0;

  constructor(source: RegionSource, body: FunctionBody) {
    const { graph, mode } = source;
    this.#source = source;
    this.#body = body;
    this.#current = this.#node(DISPATCHER);
    this.#use = registerUse(graph);
    this.#groups = source.groups;
    this.#live = liveFlags(graph);
    this.#steadyOf = steadyBlocks(graph.nodes, mode);
    const addressType = mode.codeBytes === 8 ? TYPE.i64 : TYPE.i32;
    this.#entry = body.parameter(0);
    this.#spaceTag = mode.codeBytes === 8 ? body.local(TYPE.i64) : body.parameter(1);
    this.#state = body.local(TYPE.i32);
    for (let index = 0; index < 16; index++) {
      if ((this.#use.all >> index) & 1) this.#registers[index] = body.local(addressType);
      if ((this.#use.vectors >> index) & 1) this.#vectors[index] = body.local(TYPE.v128);
    }
    this.#budget = body.local(TYPE.i32);
    this.#instructionPointer = body.local(addressType);
    this.#from = body.local(addressType);
    this.#code = body.local(TYPE.i32);
    this.#locals = { spaceTag: this.#spaceTag, registers: this.#registers, vectors: this.#vectors };
    this.#kept = { state: this.#state, budget: this.#budget, instructionPointer: this.#instructionPointer };
    this.#table = entryTable(graph);
    this.#expectations = new RegionExpectations(body, this.#spaceTag, source.places.tlb, source.checks);
    this.#machine = new TranslatorMachine(body, mode, {
      places: source.places,
      locals: this.#locals,
      flow: this,
      callSupport: source.callSupport,
      page: source.page,
    });
  }

  /** Emits the whole function. */
  emit(): void {
    const body = this.#body;
    const { graph } = this.#source;
    body.set(this.#state, i32(this.#source.places.state));
    if (this.#source.mode.codeBytes === 8) body.set(this.#spaceTag, convert(body.parameter(1), TYPE.i64));
    loadRegisters(body, this.#state, this.#locals);
    loadState(this.#machine, this.#kept);
    this.#exitUnchanged = body.block();
    this.#exit = body.block();
    this.#exitByWord = body.block(TYPE.i64);
    const longest = Math.max(...graph.entries.map((entry) => this.#node(entry).longestPath));
    body.if(ltS(this.#budget, longest));
    body.set(this.#code, i32(LEAVE.short));
    body.branch(this.#exitUnchanged);
    body.end();
    this.#dispatch = body.loop();
    this.#absent = body.block();
    this.#layOut(DISPATCHER, 0);
    body.end();
    if (this.#table !== null) {
      body.if(ne(this.#from, 0));
      this.#markIndirect(convert(this.#from, TYPE.i64));
      body.end();
      body.set(this.#code, i32(LEAVE.next));
      body.branch(this.#exit);
    }
    body.end();
    body.unreachable();
    body.end();
    readExitWord(body, this.#code, this.#source.page, this.#kept);
    body.end();
    storeKeptFlags(this.#machine, this.#state);
    body.end();
    this.#storeRegisters();
    this.#expectations.finish();
    body.push(this.#code);
  }

  #storeRegisters(): void {
    storeRegisters(this.#body, this.#state, this.#locals, this.#use);
    storeProgress(this.#body, this.#kept);
  }

  // Leaving

  /** Leaves with the instruction pointer that is set. What is emitted behind it finds the flags as they are. */
  #leave(code: number): void {
    const machine = this.#machine;
    const { flags } = machine;
    machine.keepFlags();
    this.#body.set(this.#code, i32(code));
    this.#body.branch(this.#exit);
    machine.flags = flags;
  }

  /** Leaves for an offset in CS, giving back `refund` instructions. */
  #leaveAt(code: number, at: number, refund = 0): void {
    const body = this.#body;
    const word = exitWord(code, at - this.#source.page, refund);
    if (word !== null) {
      const machine = this.#machine;
      const { flags } = machine;
      machine.keepFlags();
      body.push(i64(word));
      body.branch(this.#exitByWord);
      machine.flags = flags;
      return;
    }
    body.set(this.#instructionPointer, constant(this.#instructionPointer.type, at));
    if (refund > 0) body.set(this.#budget, add(this.#budget, refund));
    this.#leave(code);
  }

  leaveIf(condition: Value): void {
    const body = this.#body;
    const at = this.#placed?.at ?? 0;
    const refund = this.#block().instructions.length - this.#done;
    const word = exitWord(LEAVE.help, at - this.#source.page, refund);
    if (word !== null && this.#machine.flags.kind === null) {
      body.push(i64(word));
      body.branchIf(this.#exitByWord, condition);
      body.drop();
      return;
    }
    body.if(condition);
    this.#leaveAt(LEAVE.help, at, refund);
    body.end();
  }

  // Layout

  #node(index: number): FlowNode {
    const node = this.#source.graph.nodes[index];
    if (node === undefined) throw new RangeError(`no node ${index}`);
    return node;
  }

  /** The present block. */
  #block(): RegionBlock {
    const { block } = this.#current;
    if (block === null) throw new RangeError("the dispatcher has no block");
    return block;
  }

  /** Whether a node is a loop of one block that {@link #emitSelfLoop} lays out. */
  #isPeeled(index: number): boolean {
    if (!isSelfLoop(this.#node(index), index)) return false;
    return this.#live[index] === true || this.#steadyOf(index).length > 0;
  }

  /** A node and everything it dominates. */
  #tree(index: number): void {
    const node = this.#node(index);
    if (node.backEdges === (this.#isPeeled(index) ? 1 : 0)) {
      this.#layOut(index, 0);
      return;
    }
    this.#loops[index] = this.#body.loop();
    this.#skipTurns(index);
    this.#layOut(index, 0);
    this.#body.end();
  }

  /** Does turns of a loop at once where all they do is to count. */
  #skipTurns(index: number): void {
    const { nodes } = this.#source.graph;
    const turn = countedTurn(nodes, index, this.#machine.wordBytes, this.#live[index] === true);
    const least = this.#node(index).longestPath;
    emitSkippedTurns({ body: this.#body, registers: this.#registers, budget: this.#budget, least }, turn);
  }

  /** The node inside a block for each merge that it dominates, so that edges to them leave that block. */
  #layOut(index: number, child: number): void {
    const merge = this.#node(index).mergeChildren[child];
    if (merge === undefined) {
      if (index === DISPATCHER) this.#enter();
      else if (this.#isPeeled(index)) this.#emitSelfLoop(index);
      else this.#emitBlock(index, null);
      return;
    }
    this.#labels[merge] = this.#body.block();
    this.#layOut(index, child + 1);
    this.#body.end();
    this.#tree(merge);
  }

  /** Goes to the entry whose number is asked for. */
  #enter(): void {
    const { entries } = this.#source.graph;
    const [only] = entries;
    if (entries.length === 1 && only !== undefined && !this.#node(only).isMerge) {
      this.#tree(only);
      return;
    }
    const labels: Label[] = [];
    for (const entry of entries) labels.push(this.#labels[entry] ?? 0);
    if (this.#table !== null)
      for (const number of this.#table.numbers)
        labels.push(number < 0 ? this.#absent : (labels[number] ?? 0));
    this.#body.branchTable(this.#entry, labels, labels[0] ?? 0);
  }

  /**
   * A block that goes back to itself: its first turn stands before the loop, so that inside the flags are known to follow from
   * registers, where they do, and nothing has to be kept for them from turn to turn; and the accesses of a turn are known, so
   * that the TLB need not be asked in every turn for those that mostly stay on their pages.
   */
  #emitSelfLoop(index: number): void {
    const body = this.#body;
    this.#selfLoop = { index, label: body.block(), flags: null };
    this.#emitBlock(index, null);
    body.end();
    const { flags } = this.#selfLoop;
    const accesses = this.#steadyAccesses(index);
    this.#selfLoop = { index, label: body.loop(), flags };
    if (accesses.size > 0) this.#emitPageRun(index, flags, accesses);
    this.#emitBlock(index, flags);
    body.end();
    this.#selfLoop = null;
  }

  /** The steady accesses of the loop whose block was emitted last. */
  #steadyAccesses(index: number): ReadonlyMap<PlacedInstruction, SteadyAccess> {
    const machine = this.#machine;
    const accesses = new Map<PlacedInstruction, SteadyAccess>();
    for (const steady of this.#steadyOf(index)) {
      const { placed, stride } = steady;
      const [access, ...others] = machine.accesses.filter((one) => one.placed === placed);
      if (access !== undefined && others.length === 0)
        accesses.set(placed, { address: machine.steadyOffset(steady), stride, ...access });
    }
    return accesses;
  }

  /** Turns that do not ask the TLB. Behind them stands one that does. */
  #emitPageRun(
    index: number,
    flags: NamedFlags | null,
    accesses: ReadonlyMap<PlacedInstruction, SteadyAccess>,
  ): void {
    const body = this.#body;
    const { longestPath, block } = this.#node(index);
    const { places } = this.#source;
    const budget = {
      left: this.#budget,
      perTurn: block?.instructions.length ?? 0,
      least: longestPath,
    };
    const asked = this.#steadyOf(index).filter(({ placed }) => accesses.has(placed));
    const counters = wrappingRegisters(asked).map((steady) => this.#machine.steadyCounter(steady));
    const otherwise = body.block();
    const { addends, goesOn } = emitPageRun(
      body,
      places,
      this.#spaceTag,
      [...accesses.values()],
      counters,
      budget,
      otherwise,
    );
    this.#machine.addends = new Map(
      [...accesses.keys()].map((placed, position) => [placed, addends[position] ?? i32(0)]),
    );
    this.#pageRun = { label: body.loop(), goesOn };
    this.#emitBlock(index, flags);
    body.end();
    this.#pageRun = null;
    this.#machine.addends = NO_ADDENDS;
    body.end();
  }

  /** The flags that a block leaves when it goes back to itself. */
  #keepLoopFlags(target: number): void {
    if (this.#live[target] !== true) return;
    const loop = this.#selfLoop;
    if (loop?.index !== target) {
      this.#machine.keepFlags();
      return;
    }
    if (loop.flags !== null) return;
    const flags = this.#machine.nameFlags();
    if (flags === null) this.#machine.keepFlags();
    else this.#selfLoop = { ...loop, flags };
  }

  /** @param flags - those at its entry; null: those that are kept */
  #emitBlock(index: number, flags: NamedFlags | null): void {
    const machine = this.#machine;
    this.#index = index;
    this.#current = this.#node(index);
    this.#placed = null;
    const { instructions, next, end, at, distant } = this.#block();
    machine.beginBlock(this.#groups.find(instructions), this.#selfLoop !== null);
    if (flags !== null) machine.restoreFlags(flags);
    if (distant?.at === at) this.#expectations.expectFunction(distant, () => this.#leaveAt(LEAVE.next, at));
    this.#body.set(this.#budget, sub(this.#budget, instructions.length));
    let done = 0;
    for (let placed = instructions[0]; placed !== undefined; placed = instructions[done]) {
      this.#placed = placed;
      this.#done = done;
      done += machine.emit(placed, done, stackRow(instructions, done, machine.wordBytes));
    }
    if (end === "fall") this.#edge(this.#current.fall, next);
  }

  // Edges

  #position(): Position {
    return { index: this.#index, placed: this.#placed, done: this.#done, flags: this.#machine.flags };
  }

  #return({ index, placed, done, flags }: Position): void {
    this.#index = index;
    this.#current = this.#node(index);
    this.#placed = placed;
    this.#done = done;
    this.#machine.flags = flags;
  }

  /** Leaves when the budget does not cover the longest path before the next check. */
  #checkBudget(longestPath: number, at: number | null): void {
    const body = this.#body;
    body.if(ltS(this.#budget, longestPath));
    if (at === null) this.#leave(LEAVE.short);
    else this.#leaveAt(LEAVE.short, at);
    body.end();
  }

  /** Goes from the present block to a node, or out of the region (-1) to an offset in CS. */
  #edge(target: number, at: number): void {
    const body = this.#body;
    if (target < 0) {
      this.#leaveAt(LEAVE.next, at);
      return;
    }
    const node = this.#node(target);
    if (this.#current.viaDispatcher.has(target)) {
      this.#checkBudget(node.longestPath, at);
      this.#machine.keepFlags();
      body.set(this.#entry, i32(this.#source.graph.entries.indexOf(target)));
      body.branch(this.#dispatch);
      return;
    }
    if (target === this.#index && this.#selfLoop?.index === target) {
      this.#turn(this.#selfLoop.label, node.longestPath, at);
      return;
    }
    const isBackward = node.order <= this.#current.order;
    if (isBackward || this.#block().end === "repeat") this.#checkBudget(node.longestPath, at);
    if (this.#live[target] === true) this.#machine.keepFlags();
    if (isBackward) body.branch(this.#loops[target] ?? 0);
    else if (node.isMerge) body.branch(this.#labels[target] ?? 0);
    else this.#tree(target);
  }

  /** Goes from a loop of one block to its next turn. */
  #turn(label: Label, longestPath: number, at: number): void {
    const body = this.#body;
    const run = this.#pageRun;
    if (run === null) this.#checkBudget(longestPath, at);
    this.#keepLoopFlags(this.#index);
    if (run !== null) {
      body.branchIf(run.label, run.goesOn);
      this.#checkBudget(longestPath, at);
    }
    body.branch(label);
  }

  jump(): void {
    const { taken, block } = this.#current;
    const behind = block?.instructions[this.#done + 1];
    if (behind === undefined) this.#edge(taken, block?.target ?? 0);
    else this.#expectReturn(behind);
  }

  /** Goes on from a jump to the return in another page that it leads to, or leaves where there is none any more. */
  #expectReturn({ at }: PlacedInstruction): void {
    this.#expectations.expectReturn(at, () =>
      this.#leaveAt(LEAVE.next, at, this.#block().instructions.length - this.#done - 1),
    );
  }

  jumpIf(condition: Value): void {
    const { taken, fall } = this.#current;
    const { target, next } = this.#block();
    const position = this.#position();
    this.#body.if(condition);
    this.#edge(taken, target ?? 0);
    this.#body.end();
    this.#return(position);
    this.#edge(fall, next);
  }

  /** Stays in the region when the target is one of its entries. */
  jumpTo(target: Value): void {
    const body = this.#body;
    const isReturn = this.#block().end === "return";
    const at = this.#placed?.at ?? 0;
    body.set(this.#instructionPointer, target);
    const position = this.#position();
    if (this.#table === null) this.#jumpByCache();
    else this.#jumpByTable(this.#table, isReturn ? 0 : at);
    this.#return(position);
    if (!isReturn) this.#markIndirect(i64(at));
    this.#leave(LEAVE.next);
  }

  /** Remembers that the region is left through the indirect jump at an offset. */
  #markIndirect(from: Value): void {
    this.#body.store(4, this.#state, i32(INDIRECT_EXIT), STATE.exitRecord);
    this.#body.store(8, this.#state, from, STATE.exitSource);
  }

  /** Enters the region anew, by the number of an entry or of a place of the table. */
  #again(entry: Value): void {
    const { entries } = this.#source.graph;
    this.#checkBudget(Math.max(...entries.map((one) => this.#node(one).longestPath)), null);
    this.#machine.keepFlags();
    this.#body.set(this.#entry, entry);
    this.#body.branch(this.#dispatch);
  }

  #jumpByTable({ first, numbers }: EntryTable, from: number): void {
    const body = this.#body;
    const place = this.#machine.pin(sub(this.#instructionPointer, first));
    body.if(ltU(place, numbers.length));
    body.set(this.#from, constant(this.#from.type, from));
    this.#again(add(wrap(place), this.#source.graph.entries.length));
    body.end();
  }

  #jumpByCache(): void {
    const body = this.#body;
    const { slot, places } = this.#source;
    const entry = this.#machine.temporary(TYPE.i32);
    const target = this.#machine.temporary(TYPE.i32);
    body.set(entry, cachedEntryAt(this.#instructionPointer, places.entryCache));
    body.set(target, cachedTarget(entry));
    const isOwn = eq(slotOf(target), slotValue(body, slot, this.#machine.temporary(TYPE.i32)));
    body.if(and(isCachedAt(entry, this.#instructionPointer), isOwn));
    this.#again(entryOf(target));
    body.end();
  }

  repeat(count: Value, run: (most: Value) => Value, advance: (done: Value) => Value): void {
    const body = this.#body;
    const machine = this.#machine;
    const { next } = this.#block();
    const charged = machine.pin(add(this.#budget, 1));
    const most = select(wrap(count), charged, ltU(count, machine.toAddress(charged)));
    const done = machine.pin(run(machine.pin(most)));
    body.set(this.#budget, sub(charged, done));
    body.if(ne(advance(done), 0));
    this.#leaveAt(LEAVE.help, this.#placed?.at ?? 0);
    body.end();
    body.set(this.#budget, sub(this.#budget, isZero(count)));
    this.#edge(this.#current.fall, next);
  }

  system(support: SupportFunction, values: readonly Value[]): void {
    const body = this.#body;
    const machine = this.#machine;
    const { next } = this.#block();
    machine.keepFlags();
    storeKeptFlags(this.#machine, this.#state);
    body.set(this.#instructionPointer, constant(this.#instructionPointer.type, next));
    this.#storeRegisters();
    this.#source.callSupport(body, support, values);
    body.set(this.#code);
    this.leaveIf(eq(this.#code, REFUSED));
    body.return(select(i32(LEAVE.attend), i32(LEAVE.next), this.#code));
  }
}
