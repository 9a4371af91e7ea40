import { FLAG_EFFECT } from "./effects.ts";
import { type FlowGraph, type FlowNode, isDistantBeginning } from "./flow-graph.ts";

/** What a block says about flags at its entry by itself: needed, not needed, or up to what follows. */
const ownVerdict = (node: FlowNode): boolean | null => {
  // It may turn out to be another function by now, and is left before it has begun.
  if (isDistantBeginning(node)) return true;
  const instructions = node.block?.instructions;
  if (instructions === undefined) return null;
  for (let position = 0; position < instructions.length; position++) {
    const effects = instructions[position]?.effects;
    if (effects === undefined || effects.readsFlags || effects.mayLeave) return true;
    if (effects.flags === FLAG_EFFECT.full) return false;
  }
  return null;
};

/** Whether flags are needed where control goes from a node: outside, and wherever the budget is checked, they are. */
const neededBehind = (node: FlowNode, graph: FlowGraph, live: readonly boolean[]): boolean => {
  const { block, taken, fall, viaDispatcher } = node;
  if (block === null || viaDispatcher.size > 0) return true;
  const needs = (target: number): boolean => {
    const next = graph.nodes[target];
    return next === undefined || next.order <= node.order || live[target] === true;
  };
  if (block.end === "fall") return needs(fall);
  if (block.end === "jump") return needs(taken);
  return block.end === "branch" ? needs(taken) || needs(fall) : true;
};

/** For each node: whether the flags it finds may be looked at before all of them are set anew. */
export const liveFlags = (graph: FlowGraph): readonly boolean[] => {
  const verdicts = graph.nodes.map(ownVerdict);
  const live = verdicts.map((verdict) => verdict === true);
  const { ordered } = graph;
  for (let changed = true; changed; ) {
    changed = false;
    for (let order = ordered.length - 1; order >= 0; order--) {
      const index = ordered[order] ?? 0;
      const node = graph.nodes[index];
      if (node === undefined || live[index] === true || verdicts[index] === false) continue;
      if (neededBehind(node, graph, live)) {
        live[index] = true;
        changed = true;
      }
    }
  }
  return live;
};
