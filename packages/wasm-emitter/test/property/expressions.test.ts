import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ArithmeticName,
  arithmetic,
  type ComparisonName,
  compare,
  constant,
  convert,
  ModuleBuilder,
  select,
  signExtend,
  TYPE,
  type Value,
  type ValueType,
  zeroExtend,
} from "../../src/index.ts";

/** A tree as data: emitted one way, evaluated on bigints another. Two parameters of each type feed the leaves. */
type Tree =
  | { readonly kind: "constant"; readonly type: 32 | 64; readonly value: bigint }
  | { readonly kind: "parameter"; readonly type: 32 | 64; readonly index: number }
  | {
      readonly kind: "arithmetic";
      readonly type: 32 | 64;
      readonly name: ArithmeticName;
      readonly a: Tree;
      readonly b: Tree;
    }
  | {
      readonly kind: "compare";
      readonly type: 32;
      readonly name: ComparisonName;
      readonly a: Tree;
      readonly b: Tree;
    }
  | {
      readonly kind: "select";
      readonly type: 32 | 64;
      readonly a: Tree;
      readonly b: Tree;
      readonly condition: Tree;
    }
  | { readonly kind: "convert"; readonly type: 32 | 64; readonly isSigned: boolean; readonly a: Tree }
  | {
      readonly kind: "extend";
      readonly type: 32 | 64;
      readonly bytes: number;
      readonly isSigned: boolean;
      readonly a: Tree;
    };

const ARITHMETIC: readonly ArithmeticName[] = [
  "add",
  "sub",
  "mul",
  "and",
  "or",
  "xor",
  "shl",
  "shrS",
  "shrU",
  "rotl",
  "rotr",
];
const COMPARISONS: readonly ComparisonName[] = [
  "eq",
  "ne",
  "ltS",
  "ltU",
  "gtS",
  "gtU",
  "leS",
  "leU",
  "geS",
  "geU",
];

const interesting = (bits: 32 | 64): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }),
    fc.constantFrom(0n, 1n, -1n, 2n ** BigInt(bits - 1) - 1n, -(2n ** BigInt(bits - 1)), 0xffn, -0x80n),
  );

const trees = new Map<string, fc.Arbitrary<Tree>>();

/** Trees of a type up to a depth; made once, because making arbitraries is what costs. */
const treeOf = (type: 32 | 64, depth: number): fc.Arbitrary<Tree> => {
  const key = `${type}:${depth}`;
  const known = trees.get(key) ?? makeTrees(type, depth);
  trees.set(key, known);
  return known;
};

const makeTrees = (type: 32 | 64, depth: number): fc.Arbitrary<Tree> => {
  const leaf: fc.Arbitrary<Tree> = fc.oneof(
    interesting(type).map((value): Tree => ({ kind: "constant", type, value })),
    fc.integer({ min: 0, max: 1 }).map((index): Tree => ({ kind: "parameter", type, index })),
  );
  if (depth === 0) return leaf;
  const sub = (of: 32 | 64): fc.Arbitrary<Tree> => treeOf(of, depth - 1);
  const inner: fc.Arbitrary<Tree>[] = [
    fc
      .tuple(fc.constantFrom(...ARITHMETIC), sub(type), sub(type))
      .map(([name, a, b]): Tree => ({ kind: "arithmetic", type, name, a, b })),
    fc
      .tuple(sub(type), sub(type), sub(32))
      .map(([a, b, condition]): Tree => ({ kind: "select", type, a, b, condition })),
    fc
      .tuple(fc.boolean(), sub(type === 32 ? 64 : 32))
      .map(([isSigned, a]): Tree => ({ kind: "convert", type, isSigned, a })),
    fc
      .tuple(fc.constantFrom(1, 2, 4), fc.boolean(), sub(type))
      .map(([bytes, isSigned, a]): Tree => ({ kind: "extend", type, bytes, isSigned, a })),
  ];
  if (type === 32) {
    for (const of of [32, 64] as const) {
      const comparison = fc.tuple(fc.constantFrom(...COMPARISONS), sub(of), sub(of));
      inner.push(comparison.map(([name, a, b]): Tree => ({ kind: "compare", type: 32, name, a, b })));
    }
  }
  return fc.oneof(leaf, ...inner);
};

const typeOf = (bits: 32 | 64): ValueType => (bits === 32 ? TYPE.i32 : TYPE.i64);

const build = (tree: Tree, parameter: (type: 32 | 64, index: number) => Value): Value => {
  const of = (inner: Tree): Value => build(inner, parameter);
  switch (tree.kind) {
    case "constant":
      return constant(typeOf(tree.type), tree.value);
    case "parameter":
      return parameter(tree.type, tree.index);
    case "arithmetic":
      return arithmetic(tree.name, of(tree.a), of(tree.b));
    case "compare":
      return compare(tree.name, of(tree.a), of(tree.b));
    case "select":
      return select(of(tree.a), of(tree.b), of(tree.condition));
    case "convert":
      return convert(of(tree.a), typeOf(tree.type), tree.isSigned);
    default:
      return tree.isSigned ? signExtend(tree.bytes, of(tree.a)) : zeroExtend(tree.bytes, of(tree.a));
  }
};

const evaluateArithmetic = (name: ArithmeticName, bits: number, a: bigint, b: bigint): bigint => {
  const unsigned = BigInt.asUintN(bits, a);
  const count = BigInt.asUintN(bits, b) % BigInt(bits);
  const rotated = (by: bigint): bigint => (unsigned << by) | (unsigned >> (BigInt(bits) - by));
  switch (name) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return a << count;
    case "shrS":
      return a >> count;
    case "shrU":
      return unsigned >> count;
    case "rotl":
      return rotated(count);
    default:
      return rotated(BigInt(bits) - count);
  }
};

const evaluateComparison = (name: ComparisonName, bits: number, a: bigint, b: bigint): boolean => {
  const [x, y] = name.endsWith("U") ? [BigInt.asUintN(bits, a), BigInt.asUintN(bits, b)] : [a, b];
  if (name === "eq") return x === y;
  if (name === "ne") return x !== y;
  if (name.startsWith("lt")) return x < y;
  if (name.startsWith("gt")) return x > y;
  return name.startsWith("le") ? x <= y : x >= y;
};

/** Signed value of a tree. */
const evaluate = (
  tree: Tree,
  parameters: { readonly 32: readonly bigint[]; readonly 64: readonly bigint[] },
): bigint => {
  const of = (inner: Tree): bigint => evaluate(inner, parameters);
  const signed = (value: bigint): bigint => BigInt.asIntN(tree.type, value);
  switch (tree.kind) {
    case "constant":
      return tree.value;
    case "parameter":
      return parameters[tree.type][tree.index] ?? 0n;
    case "arithmetic":
      return signed(evaluateArithmetic(tree.name, tree.type, of(tree.a), of(tree.b)));
    case "compare":
      return evaluateComparison(tree.name, tree.a.type, of(tree.a), of(tree.b)) ? 1n : 0n;
    case "select":
      return of(tree.condition) !== 0n ? of(tree.a) : of(tree.b);
    case "convert":
      return signed(tree.isSigned ? of(tree.a) : BigInt.asUintN(tree.a.type, of(tree.a)));
    default: {
      const bits = Math.min(8 * tree.bytes, tree.type);
      const value = of(tree.a);
      return signed(tree.isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
    }
  }
};

const run = (
  tree: Tree,
  narrow: readonly [bigint, bigint],
  wide: readonly [bigint, bigint],
): number | bigint => {
  const module = new ModuleBuilder();
  const result = typeOf(tree.type);
  const body = module.function([TYPE.i32, TYPE.i32, TYPE.i64, TYPE.i64], [result], "f");
  body.push(build(tree, (type, index) => body.parameter(type === 32 ? index : 2 + index)));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.finish()));
  const f = exports["f"] as (a: number, b: number, c: bigint, d: bigint) => number | bigint;
  return f(Number(narrow[0]), Number(narrow[1]), wide[0], wide[1]);
};

describe("expressions", () => {
  it("have in WebAssembly the value that integers of unlimited size give, however they were folded", () => {
    const anyTree = fc.oneof(treeOf(32, 4), treeOf(64, 4));
    const pair = (bits: 32 | 64): fc.Arbitrary<[bigint, bigint]> =>
      fc.tuple(interesting(bits), interesting(bits));
    fc.assert(
      fc.property(anyTree, pair(32), pair(64), (tree, narrow, wide) => {
        expect(BigInt(run(tree, narrow, wide))).toBe(evaluate(tree, { 32: narrow, 64: wide }));
      }),
      { numRuns: 600 },
    );
  });
});
