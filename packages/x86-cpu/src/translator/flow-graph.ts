import type { Discovery } from "./discovery.ts";
import { type RegionBlock, runsOn } from "./region-block.ts";

const NONE: ReadonlySet<number> = new Set();
const NOWHERE: readonly number[] = [];
/** Order of a node that the walk has not come to. */
const UNSEEN = -2;

/** Number of the virtual node that enters the region: its successors are the entries. */
export const DISPATCHER = 0;

/** A block as a node, and how the structured code treats it. Nodes are named by their position in the graph. */
export interface FlowNode {
  /** Null for the dispatcher. */
  readonly block: RegionBlock | null;
  /** Node of the direct target and of the block behind, or -1: outside. */
  readonly taken: number;
  readonly fall: number;
  /** Successors that are reached through the dispatcher, because structured code has no edge there. */
  viaDispatcher: ReadonlySet<number>;
  /** Position in reverse postorder. */
  order: number;
  immediateDominator: number;
  /** Edges that go back here, of structured code. */
  backEdges: number;
  /** Whether several forward edges lead here: it is laid out behind a block that they leave. */
  isMerge: boolean;
  /** Merge nodes that this node dominates immediately, last in order first. */
  readonly mergeChildren: number[];
  /** Most instructions from here to the next check of the budget. */
  longestPath: number;
}

/** Whether a block ends with a branch back to itself. It may be laid out several times, so the block behind it is a merge. */
export const isSelfLoop = ({ taken, fall, viaDispatcher }: FlowNode, index: number): boolean =>
  taken === index && fall !== index && !viaDispatcher.has(index);

/** A region as a graph that structured code can express. */
export interface FlowGraph {
  readonly nodes: readonly FlowNode[];
  /** Entries, in the order of their numbers. */
  readonly entries: readonly number[];
  /** Nodes in reverse postorder, dispatcher first. */
  readonly ordered: readonly number[];
}

/** Whether a block is where a function in another page begins. */
export const isDistantBeginning = ({ block }: FlowNode): boolean =>
  block !== null && block.distant?.at === block.at;

const nodeFor = (block: RegionBlock | null, taken: number, fall: number): FlowNode => ({
  block,
  taken,
  fall,
  viaDispatcher: NONE,
  order: -1,
  immediateDominator: -1,
  backEdges: 0,
  isMerge: false,
  mergeChildren: [],
  longestPath: 0,
});

const structuredSuccessors = ({ taken, fall, viaDispatcher }: FlowNode): readonly number[] => {
  const successors: number[] = [];
  if (taken >= 0 && !viaDispatcher.has(taken)) successors.push(taken);
  if (fall >= 0 && !viaDispatcher.has(fall)) successors.push(fall);
  return successors;
};

/**
 * Builds the graph: dominators, loop headers, merges; edges that are not reducible go through the dispatcher. What is asked for often
 * is kept in arrays by the number of the node, and put into the nodes at the end.
 */
class GraphBuilder {
  readonly #nodes: FlowNode[];
  readonly #entries: number[] = [];
  /** In reverse postorder, dispatcher first. */
  readonly #ordered: number[] = [];
  /** Position in that, or -1. */
  readonly #orders: number[] = [];
  readonly #dominators: number[] = [];
  /** Successors of each node by edges of structured code; the dispatcher's are the entries. */
  readonly #successors: (readonly number[])[];
  /** Whether an edge of structured code goes backwards. */
  #hasLoops = false;

  constructor({ blocks, entries }: Discovery, distant: readonly RegionBlock[]) {
    const all = distant.length === 0 ? blocks : [...blocks, ...distant];
    const numberOf = new Map<number, number>();
    for (let position = 0; position < all.length; position++)
      numberOf.set(all[position]?.at ?? 0, position + 1);
    // A distant function is entered where it begins, and comes back by returns alone.
    const find = (from: RegionBlock, at: number): number => {
      const number = numberOf.get(at) ?? -1;
      const to = number < 0 ? undefined : all[number - 1];
      if (to === undefined || to.distant === from.distant) return number;
      return from.distant === null && to.distant?.at === at ? number : -1;
    };
    const nodes = [nodeFor(null, -1, -1)];
    const successors: (readonly number[])[] = [this.#entries];
    for (let position = 0; position < all.length; position++) {
      const block = all[position];
      if (block === undefined) continue;
      const taken = block.target === null ? -1 : find(block, block.target);
      const node = nodeFor(block, taken, runsOn(block.end) ? find(block, block.next) : -1);
      nodes.push(node);
      successors.push(structuredSuccessors(node));
    }
    for (let position = 0; position < entries.length; position++) {
      const index = numberOf.get(entries[position] ?? 0);
      if (index !== undefined) this.#entries.push(index);
    }
    this.#nodes = nodes;
    this.#successors = successors;
  }

  #node(index: number): FlowNode {
    const node = this.#nodes[index];
    if (node === undefined) throw new RangeError(`no node ${index}`);
    return node;
  }

  #successorsOf(index: number): readonly number[] {
    return this.#successors[index] ?? NOWHERE;
  }

  #number(): void {
    const orders = this.#orders;
    const ordered = this.#ordered;
    const nodes = this.#nodes.length;
    for (let index = 0; index < nodes; index++) orders[index] = UNSEEN;
    ordered.length = 0;
    // The way from the dispatcher to where the walk is, and how many successors are left at each node of it.
    const way: number[] = [DISPATCHER];
    const left: number[] = [this.#entries.length];
    orders[DISPATCHER] = -1;
    for (let top = 0; top >= 0; ) {
      const index = way[top] ?? DISPATCHER;
      const next = (left[top] ?? 0) - 1;
      left[top] = next;
      if (next < 0) {
        ordered.push(index);
        top -= 1;
        continue;
      }
      const successor = this.#successorsOf(index)[next] ?? DISPATCHER;
      if (orders[successor] !== UNSEEN) continue;
      orders[successor] = -1;
      top += 1;
      way[top] = successor;
      left[top] = this.#successorsOf(successor).length;
    }
    ordered.reverse();
    for (let index = 0; index < nodes; index++) orders[index] = -1;
    for (let order = 0; order < ordered.length; order++) orders[ordered[order] ?? 0] = order;
  }

  /** The last node that dominates two others, as far as dominators are known. */
  #common(first: number, second: number): number {
    const orders = this.#orders;
    const dominators = this.#dominators;
    let a = first;
    let b = second;
    while (a !== b) {
      if ((orders[a] ?? 0) > (orders[b] ?? 0)) a = dominators[a] ?? DISPATCHER;
      else b = dominators[b] ?? DISPATCHER;
    }
    return a;
  }

  /**
   * Cooper, Harvey and Kennedy, but from nodes to their successors: a node's dominator moves up with each edge that leads to it. Once is
   * enough unless an edge that goes backwards moves one: then what has followed from that is looked at again.
   */
  #dominate(): void {
    const orders = this.#orders;
    const dominators = this.#dominators;
    for (let index = 0; index < this.#nodes.length; index++) dominators[index] = -1;
    dominators[DISPATCHER] = DISPATCHER;
    this.#hasLoops = false;
    for (let isAgain = true; isAgain; ) {
      isAgain = false;
      for (let order = 0; order < this.#ordered.length; order++) {
        const index = this.#ordered[order] ?? 0;
        const successors = this.#successorsOf(index);
        for (let position = 0; position < successors.length; position++) {
          const successor = successors[position] ?? 0;
          const known = dominators[successor] ?? -1;
          const dominator = known < 0 ? index : this.#common(known, index);
          const isBackward = (orders[successor] ?? 0) <= order;
          if (isBackward) this.#hasLoops = true;
          if (dominator === known) continue;
          dominators[successor] = dominator;
          if (isBackward) isAgain = true;
        }
      }
    }
  }

  #dominates(dominator: number, index: number): boolean {
    const orders = this.#orders;
    const order = orders[dominator] ?? 0;
    let at = index;
    while ((orders[at] ?? 0) > order) at = this.#dominators[at] ?? DISPATCHER;
    return at === dominator;
  }

  #isBackward(from: number, to: number): boolean {
    return (this.#orders[to] ?? 0) <= (this.#orders[from] ?? 0);
  }

  /**
   * Sends irreducible edges through the dispatcher and makes every loop header of the page an entry: so that a loop is entered
   * again after the interpreter has helped out. @returns whether anything changed.
   */
  #reduce(): boolean {
    if (!this.#hasLoops) return false;
    let changed = false;
    for (let order = 1; order < this.#ordered.length; order++) {
      const index = this.#ordered[order] ?? 0;
      for (const successor of this.#successorsOf(index)) {
        if (!this.#isBackward(index, successor)) continue;
        if (!this.#dominates(successor, index)) this.#sendThroughDispatcher(index, successor);
        else if (this.#entries.includes(successor) || this.#node(successor).block?.distant != null) continue;
        if (!this.#entries.includes(successor)) this.#entries.push(successor);
        changed = true;
      }
    }
    return changed;
  }

  #sendThroughDispatcher(from: number, to: number): void {
    const node = this.#node(from);
    node.viaDispatcher = new Set([...node.viaDispatcher, to]);
    this.#successors[from] = structuredSuccessors(node);
  }

  /** Tells nodes where they are, and where control comes together. */
  #mark(): void {
    const nodes = this.#nodes;
    const forward: number[] = [];
    for (let index = 0; index < nodes.length; index++) forward.push(0);
    for (let order = 0; order < this.#ordered.length; order++) {
      const index = this.#ordered[order] ?? 0;
      const successors = this.#successorsOf(index);
      for (let position = 0; position < successors.length; position++) {
        const successor = successors[position] ?? 0;
        if (index !== DISPATCHER && this.#isBackward(index, successor)) this.#node(successor).backEdges += 1;
        else forward[successor] = (forward[successor] ?? 0) + 1;
      }
    }
    for (let index = 0; index < nodes.length; index++) {
      const node = this.#node(index);
      node.order = this.#orders[index] ?? -1;
      node.immediateDominator = this.#dominators[index] ?? -1;
      node.isMerge = (forward[index] ?? 0) > 1;
    }
    for (let index = 0; index < nodes.length; index++) this.#markBehind(index);
    if (this.#entries.length > 1) for (const entry of this.#entries) this.#node(entry).isMerge = true;
    // Last in order first.
    for (let order = this.#ordered.length - 1; order > 0; order--) {
      const index = this.#ordered[order] ?? 0;
      const node = this.#node(index);
      if (node.isMerge) this.#node(node.immediateDominator).mergeChildren.push(index);
    }
  }

  /** Makes the block behind a loop of one block a merge. */
  #markBehind(index: number): void {
    const node = this.#node(index);
    if (node.taken !== index || !isSelfLoop(node, index)) return;
    const behind = this.#nodes[node.fall];
    if (behind !== undefined && behind.order > node.order && !node.viaDispatcher.has(node.fall))
      behind.isMerge = true;
  }

  #measure(): void {
    for (let order = this.#ordered.length - 1; order >= 0; order--) {
      const index = this.#ordered[order] ?? 0;
      const node = this.#node(index);
      let longest = 0;
      // A repeated instruction takes any number of iterations; the budget is checked behind it.
      const successors = node.block?.end === "repeat" ? NOWHERE : this.#successorsOf(index);
      for (let position = 0; position < successors.length; position++) {
        const successor = successors[position] ?? 0;
        if (index !== DISPATCHER && this.#isBackward(index, successor)) continue;
        longest = Math.max(longest, this.#node(successor).longestPath);
      }
      node.longestPath = longest + (node.block?.instructions.length ?? 0);
    }
  }

  build(): FlowGraph {
    do {
      this.#number();
      this.#dominate();
    } while (this.#reduce());
    this.#mark();
    this.#measure();
    return { nodes: this.#nodes, entries: this.#entries, ordered: this.#ordered };
  }
}

/** Makes the graph of a region: of the blocks of its page, and those of functions in other pages that it takes along. */
export const buildFlowGraph = (discovery: Discovery, distant: readonly RegionBlock[]): FlowGraph =>
  new GraphBuilder(discovery, distant).build();
