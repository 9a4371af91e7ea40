import type { MachineMemory } from "@xenolith/machine-interface";
import type { CodeCache } from "../engine/code-cache.ts";
import type { Mode } from "../engine/mode.ts";
import { rangesOf } from "./code-range.ts";
import type { Discovery } from "./discovery.ts";
import type { ExploredPages } from "./explored-pages.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import { PAGE_BYTES } from "./page-offset.ts";
import type { BlockEnd, DistantFunction, RegionBlock } from "./region-block.ts";

/** Largest function that a region takes along from another page. */
const LIMITS = { blocks: 20, instructions: 64 };

/** How blocks of a function that calls no other may end. */
const SIMPLE: ReadonlySet<BlockEnd> = new Set([
  "fall",
  "branch",
  "jump",
  "jump-indirect",
  "repeat",
  "return",
]);
/** How a function ends. */
const LAST: ReadonlySet<BlockEnd> = new Set(["return", "jump-indirect"]);

const NONE: readonly RegionBlock[] = [];

/** What functions are looked for in. */
export interface ExecutedFunctions {
  readonly machine: MachineMemory;
  readonly code: Pick<CodeCache, "frameOf">;
  readonly pages: ExploredPages;
  readonly mode: Mode;
}

/** Functions that are small and simple enough to be taken along, each looked for once for all regions of a module. */
export class DistantFunctions {
  readonly #options: ExecutedFunctions;
  readonly #known = new Map<number, readonly RegionBlock[]>();

  constructor(options: ExecutedFunctions) {
    this.#options = options;
  }

  /** The blocks of the function that begins at an offset in CS; none where it is not simple enough. */
  of(at: number): readonly RegionBlock[] {
    let blocks = this.#known.get(at);
    if (blocks === undefined) {
      blocks = this.#find(at);
      this.#known.set(at, blocks);
    }
    return blocks;
  }

  #find(at: number): readonly RegionBlock[] {
    const { machine, code, pages, mode } = this.#options;
    const frame = code.frameOf(mode.number, at);
    if (frame === null) return NONE;
    const page = pages.of(frame, at, mode);
    const discovery = page.explore([at], { limits: LIMITS });
    if (!isSimple(discovery)) return NONE;
    const ranges = rangesOf(discovery.blocks, page.at, machine.bytes, frame * PAGE_BYTES);
    const distant: DistantFunction = { at, ranges };
    return discovery.blocks.map((block) => ({ ...block, distant }));
  }
}

/** Whether blocks are a function that calls no other, and comes back or leads on to another one. */
const isSimple = (discovery: Discovery): boolean =>
  discovery.blocks.some(({ end }) => LAST.has(end)) &&
  discovery.blocks.every(({ end }) => SIMPLE.has(end)) &&
  isReducible(discovery);

/** Whether structured code can express blocks. It can where nothing goes backwards. */
const isReducible = (discovery: Discovery): boolean =>
  discovery.blocks.every(({ at, target }) => target === null || target > at) ||
  buildFlowGraph(discovery, NONE).nodes.every(({ viaDispatcher }) => viaDispatcher.size === 0);
