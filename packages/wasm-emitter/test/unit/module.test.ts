import { describe, expect, it } from "vitest";
import {
  add,
  displaced,
  displacement,
  EmitterError,
  eq,
  i32,
  i64,
  isZero,
  load,
  ModuleBuilder,
  mul,
  sub,
  TYPE,
  tee,
  toF64,
} from "../../src/index.ts";

const instantiate = (module: ModuleBuilder, imports: WebAssembly.Imports = {}): WebAssembly.Exports =>
  new WebAssembly.Instance(new WebAssembly.Module(module.finish()), imports).exports;

describe("ModuleBuilder", () => {
  it("shares memory, a table and functions with its importer", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const table = new WebAssembly.Table({ initial: 4, element: "anyfunc" });
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", 1);
    module.importTable("host", "table", 4);
    const twice = module.importFunction("host", "twice", [TYPE.i32], [TYPE.i32]);
    const body = module.function([TYPE.i32], [TYPE.i32], "run");
    body.store(4, i32(8), body.parameter(0), 4);
    body.call(twice, load(TYPE.i32, 4, false, i32(12)));
    const plusOne = module.function([TYPE.i32], [TYPE.i32]);
    plusOne.push(add(plusOne.parameter(0), 1));
    const indirect = module.function([TYPE.i32], [TYPE.i32], "indirect");
    indirect.callIndirect(module.type([TYPE.i32], [TYPE.i32]), i32(2), indirect.parameter(0));
    module.elements(2, [plusOne.index]);
    const exports = instantiate(module, { host: { memory, table, twice: (value: number) => 2 * value } });
    expect((exports["run"] as (value: number) => number)(21)).toBe(42);
    expect(new DataView(memory.buffer).getInt32(12, true)).toBe(21);
    expect((exports["indirect"] as (value: number) => number)(6)).toBe(7);
  });

  it("reads globals that it imports", () => {
    const module = new ModuleBuilder();
    module.importGlobal("host", "first", TYPE.i32);
    const second = module.importGlobal("host", "second", TYPE.i64);
    const body = module.function([], [TYPE.i64], "run");
    body.getGlobal(second);
    const value = (type: "i32" | "i64", of: number | bigint): WebAssembly.Global =>
      new WebAssembly.Global({ value: type }, of);
    const exports = instantiate(module, { host: { first: value("i32", 5), second: value("i64", 7n) } });
    expect((exports["run"] as () => bigint)()).toBe(7n);
  });

  it("has globals of its own behind those that it imports, and sets them", () => {
    const module = new ModuleBuilder();
    module.importGlobal("host", "first", TYPE.i32);
    const own = module.global(i64(-1));
    const other = module.global(i32(3));
    const run = module.function([TYPE.i64], [TYPE.i64], "run");
    run.getGlobal(own);
    run.push(run.parameter(0));
    run.setGlobal(own);
    const read = module.function([], [TYPE.i32], "read");
    read.getGlobal(other);
    const exports = instantiate(module, { host: { first: new WebAssembly.Global({ value: "i32" }, 5) } });
    const set = exports["run"] as (value: bigint) => bigint;
    expect([set(6n), set(7n)]).toEqual([-1n, 6n]);
    expect((exports["read"] as () => number)()).toBe(3);
    expect(() => module.global(run.parameter(0))).toThrow(EmitterError);
    expect(() => module.importGlobal("host", "late", TYPE.i32)).toThrow(EmitterError);
  });

  it("takes a distance along in loads and stores, which a sum by itself has too", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const view = new DataView(memory.buffer);
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", 1);
    const body = module.function([TYPE.i32], [TYPE.i32], "run");
    const place = displaced(displaced(body.parameter(0), 8), 4);
    body.store(4, place, load(TYPE.i32, 4, false, displaced(body.parameter(0), 4), 16), 100);
    body.push(place);
    view.setInt32(1020, 77, true);
    expect((instantiate(module, { host: { memory } })["run"] as (at: number) => number)(1000)).toBe(1012);
    expect(view.getInt32(1112, true)).toBe(77);
    expect(displaced(i32(5), 0)).toBe(i32(5));
    expect([displacement(place), displacement(add(body.parameter(0), 12))]).toEqual([12, 0]);
  });

  it("sets a local where its value is used", () => {
    const module = new ModuleBuilder();
    const body = module.function([TYPE.i32], [TYPE.i32], "run");
    const copy = body.local(TYPE.i32);
    body.push(mul(tee(copy, add(body.parameter(0), 1)), copy));
    expect((instantiate(module)["run"] as (value: number) => number)(6)).toBe(49);
    expect(() => tee(copy, i64(1))).toThrow(EmitterError);
  });

  it("copies and fills many bytes at once, overlapping or not", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const bytes = new Uint8Array(memory.buffer);
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", 1);
    const body = module.function([TYPE.i32, TYPE.i32], [], "run");
    body.fillMemory(i32(8), i32(0x1ab), i32(3));
    body.copyMemory(body.parameter(0), body.parameter(1), i32(4));
    (instantiate(module, { host: { memory } })["run"] as (to: number, from: number) => void)(9, 8);
    expect([...bytes.subarray(7, 14)]).toEqual([0, 0xab, 0xab, 0xab, 0xab, 0, 0]);
  });

  it("counts labels from the outside, whatever is nested within", () => {
    const module = new ModuleBuilder();
    const body = module.function([TYPE.i32], [TYPE.i32], "factorial");
    const n = body.parameter(0);
    const product = body.local(TYPE.i32);
    body.set(product, i32(1));
    const done = body.block();
    const again = body.loop();
    body.if(isZero(n));
    body.branch(done);
    body.end();
    body.set(product, mul(product, n));
    body.set(n, sub(n, 1));
    body.branch(again);
    body.end();
    body.end();
    body.push(product);
    expect((instantiate(module)["factorial"] as (n: number) => number)(10)).toBe(3628800);
  });

  it("branches by table, with a default", () => {
    const module = new ModuleBuilder();
    const body = module.function([TYPE.i32], [TYPE.i32], "choose");
    const otherwise = body.block();
    const second = body.block();
    const first = body.block();
    body.branchTable(body.parameter(0), [first, second], otherwise);
    body.end();
    body.return(i32(10));
    body.end();
    body.return(i32(20));
    body.end();
    body.push(i32(-1));
    const choose = instantiate(module)["choose"] as (which: number) => number;
    expect([choose(0), choose(1), choose(2), choose(-5)]).toEqual([10, 20, -1, -1]);
  });

  it("grows over many functions and long bodies", () => {
    const module = new ModuleBuilder();
    for (let f = 0; f < 300; f++) {
      const body = module.function([TYPE.i64], [TYPE.i64], `f${f}`);
      const sum = body.local(TYPE.i64);
      for (let i = 0; i < 50; i++) body.set(sum, add(sum, body.parameter(0)));
      body.push(add(sum, i64(f)));
    }
    const exports = instantiate(module);
    expect((exports["f299"] as (n: bigint) => bigint)(2n)).toBe(399n);
  });

  it("converts integers to doubles without loss up to 53 bits", () => {
    const module = new ModuleBuilder();
    const body = module.function([TYPE.i64, TYPE.i32], [TYPE.f64, TYPE.f64, TYPE.f64], "f");
    body.push(
      toF64(body.parameter(0), true),
      toF64(body.parameter(1), true),
      toF64(body.parameter(1), false),
    );
    const f = instantiate(module)["f"] as (a: bigint, b: number) => number[];
    expect(f(-0x8000_0000n, -1)).toEqual([-0x8000_0000, -1, 0xffff_ffff]);
  });

  it("refuses mixed types and blocks left open", () => {
    expect(() => add(i32(1), i64(2))).toThrow(EmitterError);
    expect(() => eq(i64(1), i32(2))).toThrow(EmitterError);
    const module = new ModuleBuilder();
    const body = module.function([TYPE.i64], []);
    expect(() => body.set(body.parameter(0), i32(0))).toThrow(EmitterError);
    body.block();
    expect(() => module.finish()).toThrow(EmitterError);
    expect(() => new ModuleBuilder().function([], []).end()).toThrow(EmitterError);
  });
});
