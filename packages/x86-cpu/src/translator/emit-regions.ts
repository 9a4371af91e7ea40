import { type FunctionBody, ModuleBuilder, TYPE, type ValueType } from "@xenolith/wasm-emitter";
import type { Mode } from "../engine/mode.ts";
import { TRANSLATION_PARAMETERS } from "../interpreter/build-interpreter.ts";
import type { SupportFunction } from "../support/support-function.ts";
import { linkSupport, SUPPORT_IMPORT } from "../support/support-module.ts";
import { DistantChecks } from "./distant-checks.ts";
import { buildFlowGraph } from "./flow-graph.ts";
import { GroupFinder } from "./group-finder.ts";
import type { RegionBlock } from "./region-block.ts";
import { RegionEmitter } from "./region-emitter.ts";
import type { TranslatorPlaces } from "./translator-places.ts";

/** All that a region's function is made from. */
export interface RegionPlan {
  /** Offset in CS of the region's page. */
  readonly page: number;
  readonly blocks: readonly RegionBlock[];
  /** Offsets in CS at which control may enter. */
  readonly entries: readonly number[];
  /** Blocks of functions in other pages that the region takes along. */
  readonly distant: readonly RegionBlock[];
}

/** What modules of one engine are emitted for. */
export interface ModuleEnvironment {
  readonly places: TranslatorPlaces;
  /** Least size of machine memory, in pages of WebAssembly. */
  readonly memoryPages: number;
}

/**
 * A module of regions: the function of the first is its export `t0`, and so on. It imports machine memory, the number that the first
 * has in the table of translations, and support functions; see {@link moduleImports}.
 */
export interface EmittedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Names of the support functions that it is linked to, in the order of `supportImports`. */
  readonly support: readonly string[];
  /** Offsets in CS of the entries of each region, in the order of their numbers: those of its plan, and heads of loops. */
  readonly entries: readonly (readonly number[])[];
}

const RESULTS: readonly ValueType[] = [TYPE.i32];

/** What a module imports. `firstSlot`: number in the table of its first region. */
export const moduleImports = (
  memory: WebAssembly.Memory,
  firstSlot: number,
  support: WebAssembly.ModuleImports,
): WebAssembly.Imports => ({
  machine: { memory, firstSlot: new WebAssembly.Global({ value: "i32" }, firstSlot) },
  [SUPPORT_IMPORT]: support,
});

/** Name of the export that is the function of a region, by its position among the plans. */
export const regionExport = (position: number): string => `t${position}`;

/** Adds the support functions that blocks call. */
const addSupport = (called: Set<SupportFunction>, blocks: readonly RegionBlock[]): void => {
  for (let index = 0; index < blocks.length; index++) {
    const instructions = blocks[index]?.instructions ?? [];
    for (let position = 0; position < instructions.length; position++) {
      const effects = instructions[position]?.effects;
      if (effects !== undefined && effects.support.length > 0)
        for (const support of effects.support) called.add(support);
    }
  }
};

/** The support functions that regions call. */
const supportOf = (plans: readonly RegionPlan[]): readonly SupportFunction[] => {
  const called = new Set<SupportFunction>();
  for (const { blocks, distant } of plans) {
    addSupport(called, blocks);
    addSupport(called, distant);
  }
  return [...called];
};

/** Makes one module of regions of one mode. What comes out depends on nothing but what is given. */
export const emitRegions = (
  plans: readonly RegionPlan[],
  mode: Mode,
  { places, memoryPages }: ModuleEnvironment,
): EmittedModule => {
  const module = new ModuleBuilder();
  module.importMemory("machine", "memory", memoryPages);
  const global = module.importGlobal("machine", "firstSlot", TYPE.i32);
  const support = supportOf(plans);
  const callSupport = linkSupport(module, support);
  const checks = new DistantChecks(module, places, mode.codeBytes === 8 ? TYPE.i64 : TYPE.i32);
  const groups = new GroupFinder(mode);
  const entries = plans.map(({ page, blocks, entries: wanted, distant }, position) => {
    const graph = buildFlowGraph({ blocks, entries: wanted }, distant);
    const body: FunctionBody = module.function(TRANSLATION_PARAMETERS, RESULTS, regionExport(position));
    new RegionEmitter(
      { graph, mode, places, page, slot: { global, position }, callSupport, checks, groups },
      body,
    ).emit();
    return graph.entries.map((entry) => graph.nodes[entry]?.block?.at ?? 0);
  });
  checks.finish();
  return { bytes: module.finish(), support: support.map(({ name }) => name), entries };
};
