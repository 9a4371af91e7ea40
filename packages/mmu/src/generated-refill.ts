import { type Mfn, type TlbRefillFunction, toMfn } from "@xenolith/machine-interface";
import { ModuleBuilder, TYPE } from "@xenolith/wasm-emitter";
import { emitForgetFrame } from "./forget-frame.ts";
import { type GeneratedRefillPlaces, RefillEmitter } from "./refill-emitter.ts";

/** What translators do in WebAssembly. */
export interface GeneratedFunctions {
  /**
   * The refill of the active space. It walks the tables, judges rights, sets accessed and dirty bits, fills the TLB and reports
   * faults; overlays, memory outside RAM and tables that are watched it leaves to TypeScript.
   */
  readonly refill: TlbRefillFunction;
  /** Forgets everything that leads to a frame. */
  readonly forgetFrame: (frame: Mfn) => void;
}

/** Builds them. What they leave over goes to `slow`, or to the TLB. */
export const generateFunctions = (
  places: GeneratedRefillPlaces,
  slow: TlbRefillFunction,
): GeneratedFunctions => {
  const builder = new ModuleBuilder();
  const parameters = [TYPE.f64, TYPE.i32];
  const slowIndex = builder.importFunction("mmu", "slow", parameters, [TYPE.i32]);
  const slowForget = builder.importFunction("mmu", "forgetFrame", [TYPE.i32], []);
  builder.importMemory("mmu", "memory", 1);
  const body = builder.function(parameters, [TYPE.i32], "refill");
  const leave = body.block();
  new RefillEmitter(body, places).emit(leave);
  body.end();
  body.call(slowIndex, body.parameter(0), body.parameter(1));
  emitForgetFrame(builder.function([TYPE.i32], [], "forgetFrame"), places.tlb, slowForget);
  const module = new WebAssembly.Module(builder.finish());
  const instance = new WebAssembly.Instance(module, {
    mmu: {
      memory: places.memory.memory,
      slow,
      forgetFrame: (frame: number) => places.tlb.forgetFrame(toMfn(frame)),
    },
  });
  return {
    refill: instance.exports["refill"] as TlbRefillFunction,
    forgetFrame: instance.exports["forgetFrame"] as GeneratedFunctions["forgetFrame"],
  };
};
