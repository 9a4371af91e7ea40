import type { AddressTranslator, MachineMemory } from "@xenolith/machine-interface";
import { type FunctionBody, i32, ModuleBuilder, TYPE, type Value } from "@xenolith/wasm-emitter";
import type { SupportContext, SupportFunction } from "./support-function.ts";
import { BRIEF_SUPPORT } from "./support-functions.ts";
import type { SupportHost } from "./support-host.ts";

/**
 * Says, before it happens, that `sizeBytes` of one frame are stored to at an offset in memory. @returns that offset, or -1
 * where the store has to be seen as it happens, by TypeScript alone.
 */
export type AnnounceStore = (host: number, sizeBytes: number) => number;

/** What the support module of an engine is made for. */
export interface SupportEnvironment {
  readonly machine: MachineMemory;
  readonly translator: AddressTranslator;
  /** Offset in memory of the state window. */
  readonly state: number;
  readonly host: SupportHost;
  readonly announceStore: AnnounceStore;
}

/** Name under which generated modules import support functions. */
export const SUPPORT_IMPORT = "support";

/** Support functions of one engine by name, compiled. Looking at one generates it and those of its group. */
export type SupportExports = Readonly<Record<string, CallableFunction>>;

/** A support function of i32 parameters and one i32 result, as TypeScript calls it. */
export type SupportCall = (...values: number[]) => number;

/** A support function, to be called from TypeScript. */
export const supportFunctionOf = (exports: SupportExports, { name }: SupportFunction): SupportCall => {
  const found = exports[name];
  if (found === undefined) throw new RangeError(`there is no support function ${name}`);
  return found as SupportCall;
};

/** Bytes for what all support functions together keep in memory. */
const CONSTANT_BYTES = 4608;

/** Generates and instantiates the module of a group of support functions. Bodies are compiled when they are first called. */
const createGroup = (
  environment: SupportEnvironment,
  functions: readonly SupportFunction[],
  constants: SupportContext["constants"],
): SupportExports => {
  const module = new ModuleBuilder();
  const { host } = environment;
  module.importMemory("machine", "memory", 1);
  const refill = module.importFunction("machine", "refill", [TYPE.f64, TYPE.i32], [TYPE.i32]);
  const word = TYPE.i32;
  const interruptRequested = module.importFunction("machine", "interruptRequested", [], [word]);
  const portOut = module.importFunction("machine", "portOut", [word, word], []);
  const portIn = module.importFunction("machine", "portIn", [word, word], [word]);
  const readTimestamp = module.importFunction("machine", "readTimestamp", [], [word]);
  const fetchDescriptor = module.importFunction("machine", "fetchDescriptor", [word], []);
  const enterSide = module.importFunction("machine", "enterSide", [word], [word]);
  const forgetFrame = module.importFunction("machine", "forgetFrame", [word], []);
  const announceStore = module.importFunction("machine", "announceStore", [word, word], [word]);
  const bodies = new Map<string, FunctionBody>();
  for (const { name, parameters, results } of functions) {
    bodies.set(name, module.function(parameters, results, name));
  }
  const context: SupportContext = {
    state: environment.state,
    tlb: environment.translator.tlb,
    ramBytes: environment.machine.ramBytes,
    refill,
    interruptRequested,
    portOut,
    portIn,
    readTimestamp,
    fetchDescriptor,
    enterSide,
    forgetFrame,
    watchTable: environment.machine.watchTableOffset,
    announceStore,
    constants,
    indexOf({ name }) {
      const index = bodies.get(name)?.index;
      if (index === undefined) throw new RangeError(`the support function ${name} is not of this group`);
      return index;
    },
  };
  for (const support of functions) {
    const body = bodies.get(support.name);
    if (body !== undefined) support.emit(body, context);
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), {
    machine: {
      memory: environment.machine.memory,
      refill: environment.translator.refillActive,
      interruptRequested: () => host.interruptRequested(),
      portOut: (port: number, sizeBytes: number) => host.portOut(port, sizeBytes),
      portIn: (port: number, sizeBytes: number) => host.portIn(port, sizeBytes),
      readTimestamp: () => host.readTimestamp(),
      fetchDescriptor: (selector: number) => host.fetchDescriptor(selector),
      enterSide: (side: number) => host.enterSide(side),
      forgetFrame: environment.translator.invalidateFrame,
      announceStore: environment.announceStore,
    },
  });
  return instance.exports as SupportExports;
};

/** Places constants one behind the other. Their room is taken at once: what is reserved later has its place whatever was needed. */
const placeConstants = (machine: MachineMemory): SupportContext["constants"] => {
  let next = machine.reserve(CONSTANT_BYTES);
  const end = next + CONSTANT_BYTES;
  return (words) => {
    const at = next;
    next += 8 * words.length;
    if (next > end) throw new RangeError("support functions keep more constants than there is room for");
    words.forEach((word, index) => {
      machine.view.setBigUint64(at + 8 * index, BigInt.asUintN(64, word), true);
    });
    return at;
  };
};

/** Makes the support functions of an engine. A group is generated when one of its functions is first looked at. */
export const createSupport = (
  environment: SupportEnvironment,
  groups: readonly (readonly SupportFunction[])[],
): SupportExports => {
  const constants = placeConstants(environment.machine);
  const support: Record<string, CallableFunction> = {};
  for (const functions of groups) {
    let made: SupportExports | null = null;
    for (const { name } of functions) {
      const get = (): CallableFunction | undefined => {
        made ??= createGroup(environment, functions, constants);
        return made[name];
      };
      Object.defineProperty(support, name, { get, enumerable: true });
    }
  }
  return support;
};

/**
 * Imports support functions into a module under construction: no more than it calls, as the compiler makes an adapter for each
 * type of them, which takes longer than a small module.
 * @returns gives the index of each. @throws RangeError for one that was not imported.
 */
export const importSupport = (
  module: ModuleBuilder,
  functions: readonly SupportFunction[],
): ((support: SupportFunction) => number) => {
  const indices = new Map(
    functions.map(({ name, parameters, results }) => [
      name,
      module.importFunction(SUPPORT_IMPORT, name, parameters, results),
    ]),
  );
  return ({ name }) => {
    const index = indices.get(name);
    if (index === undefined) throw new RangeError(`the support function ${name} is not imported`);
    return index;
  };
};

/** Emits a call of a support function, whose results stay on the operand stack. */
export type SupportCaller = (body: FunctionBody, support: SupportFunction, values: readonly Value[]) => void;

const isBrief = ({ name }: SupportFunction): boolean => BRIEF_SUPPORT.has(name);

/**
 * Lets a small module under construction call support functions: brief ones as imports, the others through a table. For every type
 * of imported functions the compiler first makes an adapter, in case they are JavaScript, which takes longer than all the rest of
 * such a module; but a call through a table takes a nanosecond more. The module then imports {@link supportImports}.
 */
export const linkSupport = (module: ModuleBuilder, functions: readonly SupportFunction[]): SupportCaller => {
  const others = functions.filter((one) => !isBrief(one));
  if (others.length > 0) module.importTable(SUPPORT_IMPORT, "table", others.length);
  const indexOf = importSupport(module, functions.filter(isBrief));
  const places = new Map(others.map(({ name }, index) => [name, index]));
  return (body, support, values) => {
    const place = places.get(support.name);
    if (place === undefined) body.call(indexOf(support), ...values);
    else body.callIndirect(module.type(support.parameters, support.results), i32(place), ...values);
  };
};

/** What a module imports as {@link SUPPORT_IMPORT} to which {@link linkSupport} has linked functions of these names, in this order. */
export const supportImports = (
  exports: SupportExports,
  names: readonly string[],
): WebAssembly.ModuleImports => {
  const others = names.filter((name) => !BRIEF_SUPPORT.has(name));
  const table = new WebAssembly.Table({ initial: others.length, element: "anyfunc" });
  others.forEach((name, index) => {
    table.set(index, exports[name]);
  });
  const brief = names.filter((name) => BRIEF_SUPPORT.has(name));
  return {
    table,
    ...Object.fromEntries(brief.map((name) => [name, exports[name] as CallableFunction])),
  };
};
