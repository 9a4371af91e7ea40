import { FEATURE_OF_MNEMONIC, FEATURES, type Feature } from "./features.ts";
import { REPEATABLE } from "./opcode-table.ts";
import type { OperandCode } from "./operand-codes.ts";
import { OPERAND_READERS, type OperandReader } from "./operands.ts";

/** One way to read an opcode. */
export interface Specification {
  readonly mnemonic: string;
  readonly operands: readonly OperandCode[];
  /** What reads the operands. */
  readonly readers: readonly OperandReader[];
  /** Whether prefixes, opcode or ModRM byte may make it another instruction, or its operands are not all listed. */
  readonly isIrregular: boolean;
  /** Whether F3 and F2 repeat it. */
  readonly isRepeatable: boolean;
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

/** Mnemonics of irregular specifications: NOP, x87, opcodes whose register or prefixed form means something else. */
const IRREGULAR: ReadonlySet<string> = new Set([
  "ud",
  "xchg",
  "x87",
  "cmpxchg8b",
  "sgdt",
  "sidt",
  "lgdt",
  "lidt",
  "invlpg",
  "bsf",
  "bsr",
  "rdrand",
  "rdseed",
]);

const USES_MODRM = /^[EGMRSCDTVWPQN]|^Uo/;
const SEGMENT_NAMES = new Set(["ES", "CS", "SS", "DS", "FS", "GS"]);
const BYTE_FIRST = new Set(["Eb", "Gb", "Zb", "AL", "Ob"]);

const usesModRm = (code: string): boolean =>
  USES_MODRM.test(code) && !SEGMENT_NAMES.has(code) && code !== "CL" && code !== "DX";

/** The feature that a mark names, if one does. */
const featureOf = (marks: ReadonlySet<string>): Feature | null =>
  FEATURES.find((feature) => marks.has(`:${feature}`)) ?? null;

/** A word cut out of a table as the name of a property is kept: comparing those that are the same takes no look at their text. */
const asName = (word: string): string => Object.keys({ [word]: null })[0] ?? word;

/**
 * Reads one specification: mnemonic, operands, marks.
 *
 * @param usual - what an instruction with certain operands needs where neither a mark nor its mnemonic says.
 */
export const parseSpecification = (
  text: string,
  usual: (operands: readonly string[]) => Feature = () => "base",
): Specification => {
  const words = text.trim().split(/\s+/);
  const marks = new Set(words.filter((word) => word.startsWith(":")));
  const [name = "ud", ...operands] = words.filter((word) => !word.startsWith(":"));
  const mnemonic = asName(name);
  const first = operands[0] ?? "";
  const isByte = marks.has(":b") || BYTE_FIRST.has(first);
  const isWide = marks.has(":y") || operands.some((code) => /^[EGBMT]y$/.test(code));
  return {
    mnemonic,
    operands: operands as OperandCode[],
    readers: (operands as OperandCode[]).map((code) => OPERAND_READERS[code]),
    isIrregular: IRREGULAR.has(mnemonic),
    isRepeatable: REPEATABLE.has(mnemonic),
    needsModRm: marks.has(":modrm") || operands.some(usesModRm),
    lockable: marks.has(":lock"),
    validIn64: !marks.has(":no64"),
    validOutside64: !marks.has(":only64"),
    size64: marks.has(":f64") ? "forced64" : marks.has(":d64") ? "default64" : "usual",
    fixedSize: isByte ? "b" : marks.has(":w") ? "w" : marks.has(":z") ? "z" : null,
    feature:
      featureOf(marks) ?? FEATURE_OF_MNEMONIC[mnemonic] ?? (mnemonic === "ud" ? "base" : usual(operands)),
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
    const group = usual.split("|").map((one) => parseSpecification(one));
    const group64 = in64 === usual ? group : in64.split("|").map((one) => parseSpecification(one));
    const entry = { group, group64, needsModRm: group.length > 1 || group.some((one) => one.needsModRm) };
    for (let opcode = Number.parseInt(first, 16); opcode <= Number.parseInt(last, 16); opcode++) {
      entries[opcode] = entry;
    }
  }
  return entries;
};
