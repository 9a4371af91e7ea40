import type { TlbRefillFunction } from "@xenolith/machine-interface";
import { ModuleBuilder, TYPE } from "@xenolith/wasm-emitter";
import { type GeneratedRefillPlaces, RefillEmitter } from "./refill-emitter.ts";

/**
 * Builds the refill of the active space as a WebAssembly function. It walks the tables, judges rights, sets accessed and dirty
 * bits, fills the TLB and reports faults; overlays, memory outside RAM and tables that are watched it leaves to `slow`.
 */
export const generateRefill = (places: GeneratedRefillPlaces, slow: TlbRefillFunction): TlbRefillFunction => {
  const builder = new ModuleBuilder();
  const parameters = [TYPE.f64, TYPE.i32];
  const slowIndex = builder.importFunction("mmu", "slow", parameters, [TYPE.i32]);
  builder.importMemory("mmu", "memory", 1);
  const body = builder.function(parameters, [TYPE.i32], "refill");
  const leave = body.block();
  new RefillEmitter(body, places).emit(leave);
  body.end();
  body.call(slowIndex, body.parameter(0), body.parameter(1));
  const module = new WebAssembly.Module(builder.finish());
  const instance = new WebAssembly.Instance(module, { mmu: { memory: places.memory.memory, slow } });
  return instance.exports["refill"] as TlbRefillFunction;
};
