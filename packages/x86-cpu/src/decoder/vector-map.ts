import type { Feature } from "./features.ts";
import { parseSpecification, type Specification } from "./specification.ts";
import {
  VECTOR_MAP_0F,
  VECTOR_MAP_0F3A,
  VECTOR_MAP_0F38,
  VEX_MAP_0F3A,
  VEX_MAP_0F38,
} from "./vector-table.ts";

/** What an opcode is behind one mandatory prefix: one specification or eight by ModRM.reg, by the ModRM byte's mode field. */
export interface Column {
  readonly memory: readonly Specification[];
  readonly register: readonly Specification[];
}

/** The four columns of an opcode: no prefix, 66, F3, F2. */
export type Row = readonly (Column | null)[];

const DEFAULT_FEATURE: readonly Feature[] = ["sse", "sse2", "sse", "sse2"];

const isMmxOnly = (operands: readonly string[]): boolean =>
  operands.some((code) => /^[PQN]/.test(code)) && !operands.some((code) => /^([VW]|Uo)/.test(code));

/** What an instruction of a column needs that the table says nothing of, by its operands. */
const usualFeature = (operands: readonly string[], column: number, fallback: Feature | null): Feature =>
  fallback ?? (column === 0 && isMmxOnly(operands) ? "mmx" : (DEFAULT_FEATURE[column] ?? "base"));

const parseColumn = (text: string, column: number, fallback: Feature | null): Column | null => {
  if (text.trim() === "-") return null;
  const [usual = "", register = usual] = text.split("~");
  const group = (part: string): Specification[] =>
    part
      .split("|")
      .map((one) => parseSpecification(one, (operands) => usualFeature(operands, column, fallback)));
  return { memory: group(usual), register: group(register) };
};

/** A map of vector opcodes. Most programs use few of them: what the table says of an opcode is read when {@link rowOf} is first asked. */
export interface VectorMap {
  /** By opcode: its line in the table, and then what it says; null where an opcode is none. */
  readonly rows: (string | Row | null)[];
  /** What an opcode needs that the table says nothing of; null: what its column usually needs. */
  readonly fallback: Feature | null;
}

const linesOf = (text: string): readonly (readonly [opcode: number, columns: string])[] =>
  text
    .trim()
    .split("\n")
    .map((line) => [Number.parseInt(line, 16), line.slice(line.indexOf(" ") + 1)]);

const openMap = (text: string, fallback: Feature | null): VectorMap => {
  const rows: (string | null)[] = new Array(256).fill(null);
  for (const [opcode, columns] of linesOf(text)) rows[opcode] = columns;
  return { rows, fallback };
};

/** What an opcode of a map is; null: none. */
export const rowOf = ({ rows, fallback }: VectorMap, opcode: number): Row | null => {
  const row = rows[opcode] ?? null;
  if (typeof row !== "string") return row;
  const read = row.split(" / ").map((column, index) => parseColumn(column, index, fallback));
  rows[opcode] = read;
  return read;
};

/** The maps behind 0F, 0F 38 and 0F 3A, and the two of VEX. */
export const VECTOR_MAP: Readonly<Record<"0f" | "0f38" | "0f3a" | "vex38" | "vex3a", VectorMap>> = {
  "0f": openMap(VECTOR_MAP_0F, null),
  "0f38": openMap(VECTOR_MAP_0F38, "ssse3"),
  "0f3a": openMap(VECTOR_MAP_0F3A, "sse41"),
  vex38: openMap(VEX_MAP_0F38, "bmi1"),
  vex3a: openMap(VEX_MAP_0F3A, "bmi2"),
};

/** Number of the column for mandatory prefixes: F3 and F2 (0xf3, 0xf2, or 0) go before 66. */
export const columnOf = (repeat: number, operandSize: boolean): number => {
  if (repeat !== 0) return repeat === 0xf3 ? 2 : 3;
  return operandSize ? 1 : 0;
};

/** What an opcode of a map is behind a mandatory prefix, with a ModRM byte; null: undefined. */
export const vectorSpecification = (
  map: VectorMap,
  opcode: number,
  column: number,
  modRm: number,
): Specification | null => {
  const found = rowOf(map, opcode)?.[column];
  if (!found) return null;
  const group = modRm >= 0xc0 ? found.register : found.memory;
  return (group.length === 1 ? group[0] : group[(modRm >> 3) & 7]) ?? null;
};

/** Every mnemonic of the maps: what stands first in each alternative of each column. */
export const VECTOR_MNEMONICS: ReadonlySet<string> = new Set(
  [VECTOR_MAP_0F, VECTOR_MAP_0F38, VECTOR_MAP_0F3A, VEX_MAP_0F38, VEX_MAP_0F3A]
    .flatMap(linesOf)
    .flatMap(([, columns]) => columns.match(/(?<=^ *|[/~|] *)[a-z]\w*/g) ?? []),
);
