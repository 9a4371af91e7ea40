import { add, i32, isZero, ModuleBuilder, sub, TYPE } from "@xenolith/wasm-emitter";

// sum(n) = n + (n - 1) + ... + 1, as a loop.
const module = new ModuleBuilder();
const body = module.function([TYPE.i32], [TYPE.i32], "sum");
const n = body.parameter(0);
const total = body.local(TYPE.i32);
body.set(total, i32(0));
const done = body.block();
const next = body.loop();
body.branchIf(done, isZero(n));
body.set(total, add(total, n));
body.set(n, sub(n, 1));
body.branch(next);
body.end();
body.end();
body.push(total);

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()));
console.log((exports["sum"] as (n: number) => number)(100));
