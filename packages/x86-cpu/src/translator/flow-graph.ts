import type { Discovery } from "./discovery.ts";
import { type RegionBlock, runsOn } from "./region-block.ts";

const NONE: ReadonlySet<number> = new Set();

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

const nodeOf = (nodes: readonly FlowNode[], index: number): FlowNode => {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
};

const structuredSuccessors = ({ taken, fall, viaDispatcher }: FlowNode): readonly number[] => {
  const successors: number[] = [];
  if (taken >= 0 && !viaDispatcher.has(taken)) successors.push(taken);
  if (fall >= 0 && !viaDispatcher.has(fall)) successors.push(fall);
  return successors;
};

/** Builds the graph: dominators, loop headers, merges; edges that are not reducible go through the dispatcher. */
class GraphBuilder {
  readonly nodes: FlowNode[] = [];
  readonly entries: number[];
  ordered: number[] = [];
  /** Successors of each node by edges of structured code; the dispatcher's are the entries. */
  readonly #successors: (readonly number[])[];

  constructor({ blocks, entries }: Discovery, distant: readonly RegionBlock[]) {
    const all = [...blocks, ...distant];
    const numberOf = new Map(all.map((block, index) => [block.at, index + 1]));
    this.nodes.push(this.#node(null, -1, -1));
    // A distant function is entered where it begins, and comes back by returns alone.
    const find = (from: RegionBlock, at: number | null): number => {
      const number = at === null ? -1 : (numberOf.get(at) ?? -1);
      const to = all[number - 1];
      if (to === undefined || to.distant === from.distant) return number;
      return from.distant === null && to.distant?.at === at ? number : -1;
    };
    for (const block of all) {
      const fall = runsOn(block.end) ? block.next : null;
      this.nodes.push(this.#node(block, find(block, block.target), find(block, fall)));
    }
    this.entries = entries.map((at) => numberOf.get(at) ?? -1).filter((index) => index > 0);
    this.#successors = this.nodes.map((node, index) =>
      index === DISPATCHER ? this.entries : structuredSuccessors(node),
    );
  }

  #node(block: RegionBlock | null, taken: number, fall: number): FlowNode {
    return {
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
    };
  }

  node(index: number): FlowNode {
    return nodeOf(this.nodes, index);
  }

  /** Successors by edges of structured code. */
  successors(index: number): readonly number[] {
    return this.#successors[index] ?? [];
  }

  #number(): void {
    for (const node of this.nodes) node.order = -1;
    const postorder: number[] = [];
    const seen = new Uint8Array(this.nodes.length);
    const stack: { readonly index: number; readonly successors: readonly number[]; next: number }[] = [];
    const enter = (index: number): void => {
      seen[index] = 1;
      const successors = this.successors(index);
      stack.push({ index, successors, next: successors.length });
    };
    enter(DISPATCHER);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      top.next -= 1;
      const successor = top.successors[top.next];
      if (successor === undefined) {
        postorder.push(top.index);
        stack.pop();
      } else if (seen[successor] === 0) enter(successor);
    }
    this.ordered = postorder.reverse();
    this.ordered.forEach((index, order) => {
      this.node(index).order = order;
    });
  }

  #common(first: number, second: number): number {
    let a = first;
    let b = second;
    while (a !== b) {
      while (this.node(a).order > this.node(b).order) a = this.node(a).immediateDominator;
      while (this.node(b).order > this.node(a).order) b = this.node(b).immediateDominator;
    }
    return a;
  }

  /** Cooper, Harvey and Kennedy: intersect along reverse postorder until nothing changes. */
  #dominate(): void {
    const predecessors: number[][] = this.nodes.map(() => []);
    for (const index of this.ordered)
      for (const successor of this.successors(index)) predecessors[successor]?.push(index);
    for (const node of this.nodes) node.immediateDominator = -1;
    this.node(DISPATCHER).immediateDominator = DISPATCHER;
    for (let changed = true; changed; ) {
      changed = false;
      for (const index of this.ordered.slice(1)) {
        let dominator = -1;
        for (const predecessor of predecessors[index] ?? []) {
          if (this.node(predecessor).immediateDominator < 0) continue;
          dominator = dominator < 0 ? predecessor : this.#common(predecessor, dominator);
        }
        if (this.node(index).immediateDominator !== dominator) {
          this.node(index).immediateDominator = dominator;
          changed = true;
        }
      }
    }
  }

  #dominates(dominator: number, index: number): boolean {
    let at = index;
    while (this.node(at).order > this.node(dominator).order) at = this.node(at).immediateDominator;
    return at === dominator;
  }

  #isRetreating(from: number, to: number): boolean {
    return this.node(to).order <= this.node(from).order;
  }

  /**
   * Sends irreducible edges through the dispatcher and makes every loop header of the page an entry: so that a loop is entered
   * again after the interpreter has helped out. @returns whether anything changed.
   */
  #reduce(): boolean {
    let changed = false;
    for (const index of this.ordered.slice(1)) {
      for (const successor of this.successors(index)) {
        if (!this.#isRetreating(index, successor)) continue;
        if (!this.#dominates(successor, index)) this.#sendThroughDispatcher(index, successor);
        else if (this.entries.includes(successor) || this.node(successor).block?.distant != null) continue;
        if (!this.entries.includes(successor)) this.entries.push(successor);
        changed = true;
      }
    }
    return changed;
  }

  #sendThroughDispatcher(from: number, to: number): void {
    const node = this.node(from);
    node.viaDispatcher = new Set([...node.viaDispatcher, to]);
    this.#successors[from] = structuredSuccessors(node);
  }

  #mark(): void {
    const forward = new Uint32Array(this.nodes.length);
    for (const index of this.ordered) {
      for (const successor of this.successors(index)) {
        if (index !== DISPATCHER && this.#isRetreating(index, successor)) this.node(successor).backEdges += 1;
        else forward[successor] = (forward[successor] ?? 0) + 1;
      }
    }
    this.nodes.forEach((node, index) => {
      node.isMerge = (forward[index] ?? 0) > 1;
    });
    this.nodes.forEach((node, index) => {
      const behind = isSelfLoop(node, index) ? this.nodes[node.fall] : undefined;
      if (behind !== undefined && behind.order > node.order && !node.viaDispatcher.has(node.fall))
        behind.isMerge = true;
    });
    if (this.entries.length > 1) for (const entry of this.entries) this.node(entry).isMerge = true;
    for (const index of this.ordered) {
      const node = this.node(index);
      if (index !== DISPATCHER && node.isMerge) this.node(node.immediateDominator).mergeChildren.push(index);
    }
    for (const node of this.nodes) node.mergeChildren.sort((a, b) => this.node(b).order - this.node(a).order);
  }

  #measure(): void {
    for (const index of this.ordered.toReversed()) {
      const node = this.node(index);
      let longest = 0;
      // A repeated instruction takes any number of iterations; the budget is checked behind it.
      const successors = node.block?.end === "repeat" ? [] : this.successors(index);
      for (const successor of successors) {
        if (index !== DISPATCHER && this.#isRetreating(index, successor)) continue;
        longest = Math.max(longest, this.node(successor).longestPath);
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
    return { nodes: this.nodes, entries: this.entries, ordered: this.ordered };
  }
}

/** Makes the graph of a region: of the blocks of its page, and those of functions in other pages that it takes along. */
export const buildFlowGraph = (discovery: Discovery, distant: readonly RegionBlock[]): FlowGraph =>
  new GraphBuilder(discovery, distant).build();
