import { FEATURES, type Feature } from "./features.ts";

/**
 * Operand codes of the opcode table, after [SDM2D-A.2]: a capital says where the operand is, a small letter its size.
 *
 * E: register or memory by ModRM. G: register by ModRM.reg. M: memory only. R: register by ModRM.rm whatever the mode field
 * for C and D, else register only. Z: register in the opcode. I: immediate, sign-extended; U: immediate byte, unsigned;
 * J: relative target. A: far pointer in the instruction. O: address in the instruction. S, C, D: segment, control and debug
 * register by ModRM.reg. V: vector register by ModRM.reg; W: vector register by ModRM.rm, or
 * memory; Uo: vector register by ModRM.rm; P, Q and N: the same three for MMX. B: general register by VEX.vvvv. T: general
 * register by ModRM.rm. Yd: memory at DS:rDI.
 *
 * b, w, d, q, o: 1, 2, 4, 8, 16 bytes (of W and Q: in memory). v: operand size. z: operand size, at most 4. y: 4, or 8 with
 * REX.W; of R, C and D: 4, or 8 in 64-bit code. p: far pointer. a: two operands of the operand size. qo: 8, or 16 with REX.W.
 */
export type OperandCode =
  | "Eb"
  | "Ew"
  | "Ed"
  | "Ev"
  | "Gb"
  | "Gw"
  | "Gv"
  | "M"
  | "Md"
  | "Mq"
  | "Mb"
  | "Mo"
  | "Mv"
  | "My"
  | "Mqo"
  | "Ma"
  | "Mp"
  | "Rv"
  | "Ry"
  | "Zb"
  | "Zv"
  | "Ib"
  | "Ibs"
  | "Iw"
  | "Iz"
  | "Iv"
  | "Ub"
  | "Jb"
  | "Jz"
  | "Ap"
  | "Ob"
  | "Ov"
  | "Sw"
  | "Cy"
  | "Dy"
  | "Ey"
  | "Gd"
  | "Gy"
  | "By"
  | "Ty"
  | "Vo"
  | "Ydq"
  | "Ydo"
  | "Wo"
  | "Wq"
  | "Wd"
  | "Ww"
  | "Uo"
  | "Pq"
  | "Qq"
  | "Qd"
  | "Nq"
  | "Rd/Mb"
  | "Rd/Mw"
  | "Rd/Md"
  | "Mw/Rv"
  | "AL"
  | "rAX"
  | "zAX"
  | "CL"
  | "DX"
  | "1"
  | "ES"
  | "CS"
  | "SS"
  | "DS"
  | "FS"
  | "GS";

/** One way to read an opcode. */
export interface Specification {
  readonly mnemonic: string;
  readonly operands: readonly OperandCode[];
  readonly needsModRm: boolean;
  readonly lockable: boolean;
  readonly validIn64: boolean;
  readonly validOutside64: boolean;
  /** Operand size in 64-bit code: 66 and REX.W decide, default 64 bits, or always 64 bits. */
  readonly size64: "usual" | "default64" | "forced64";
  /** Operation size where no prefix decides: 1 or 2 bytes, `z` (at most 4), or by operand size. */
  readonly fixedSize: "b" | "w" | "z" | null;
  /** What a processor must have for it. */
  readonly feature: Feature;
  /** Of a vector opcode: size of the operation by the usual rules, 8 with REX.W and else 4, or always 4. */
  readonly vectorSize: "usual" | "wide" | "none";
}

/** What stands in a table: one specification, or eight by ModRM.reg; the second set for 64-bit code where it differs. */
export interface OpcodeEntry {
  readonly group: readonly Specification[];
  readonly group64: readonly Specification[];
  readonly needsModRm: boolean;
}

const USES_MODRM = /^[EGMRSCDTVWPQN]|^Uo/;
const SEGMENT_NAMES = new Set(["ES", "CS", "SS", "DS", "FS", "GS"]);
const BYTE_FIRST = new Set(["Eb", "Gb", "Zb", "AL", "Ob"]);

const usesModRm = (code: string): boolean =>
  USES_MODRM.test(code) && !SEGMENT_NAMES.has(code) && code !== "CL" && code !== "DX";

/** The feature that a mark names, if one does. */
const featureOf = (marks: ReadonlySet<string>): Feature | null =>
  FEATURES.find((feature) => marks.has(`:${feature}`)) ?? null;

/** Reads one specification: mnemonic, operands, marks. */
export const parseSpecification = (text: string): Specification => {
  const words = text.trim().split(/\s+/);
  const marks = new Set(words.filter((word) => word.startsWith(":")));
  const [mnemonic = "ud", ...operands] = words.filter((word) => !word.startsWith(":"));
  const first = operands[0] ?? "";
  const isByte = marks.has(":b") || BYTE_FIRST.has(first);
  const isWide = marks.has(":y") || operands.some((code) => /^[EGBMT]y$/.test(code));
  return {
    mnemonic,
    operands: operands as OperandCode[],
    needsModRm: marks.has(":modrm") || operands.some(usesModRm),
    lockable: marks.has(":lock"),
    validIn64: !marks.has(":no64"),
    validOutside64: !marks.has(":only64"),
    size64: marks.has(":f64") ? "forced64" : marks.has(":d64") ? "default64" : "usual",
    fixedSize: isByte ? "b" : marks.has(":w") ? "w" : marks.has(":z") ? "z" : null,
    feature: featureOf(marks) ?? "base",
    vectorSize: marks.has(":v") || isByte ? "usual" : isWide ? "wide" : "none",
  };
};

/** Reads a map of opcode-table.ts into 256 entries; null where nothing is defined. */
export const parseOpcodeMap = (text: string): readonly (OpcodeEntry | null)[] => {
  const entries: (OpcodeEntry | null)[] = new Array(256).fill(null);
  for (const line of text.trim().split("\n")) {
    const space = line.indexOf(" ");
    const [first = "", last = first] = line.slice(0, space).split("-");
    const [usual = "", in64 = usual] = line.slice(space + 1).split(";");
    const group = usual.split("|").map(parseSpecification);
    const group64 = in64 === usual ? group : in64.split("|").map(parseSpecification);
    const entry = { group, group64, needsModRm: group.length > 1 || group.some((one) => one.needsModRm) };
    for (let opcode = Number.parseInt(first, 16); opcode <= Number.parseInt(last, 16); opcode++) {
      entries[opcode] = entry;
    }
  }
  return entries;
};
