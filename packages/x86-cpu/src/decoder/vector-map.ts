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

const isMmxOnly = ({ operands }: Specification): boolean =>
  operands.some((code) => /^[PQN]/.test(code)) && !operands.some((code) => /^([VW]|Uo)/.test(code));

const withFeature = (
  specification: Specification,
  column: number,
  fallback: Feature | null,
): Specification => {
  if (specification.feature !== "base" || specification.mnemonic === "ud") return specification;
  const usual = fallback ?? DEFAULT_FEATURE[column] ?? "base";
  return {
    ...specification,
    feature: column === 0 && isMmxOnly(specification) && fallback === null ? "mmx" : usual,
  };
};

const parseColumn = (text: string, column: number, fallback: Feature | null): Column | null => {
  if (text.trim() === "-") return null;
  const [usual = "", register = usual] = text.split("~");
  const group = (part: string): Specification[] =>
    part.split("|").map((one) => withFeature(parseSpecification(one), column, fallback));
  return { memory: group(usual), register: group(register) };
};

const parse = (text: string, fallback: Feature | null): VectorMap => {
  const rows: (Row | null)[] = new Array(256).fill(null);
  for (const line of text.trim().split("\n")) {
    const space = line.indexOf(" ");
    const columns = line.slice(space + 1).split(" / ");
    rows[Number.parseInt(line.slice(0, space), 16)] = columns.map((column, index) =>
      parseColumn(column, index, fallback),
    );
  }
  return rows;
};

/** A map of vector opcodes; null where an opcode is none. */
export type VectorMap = readonly (Row | null)[];

/** The maps behind 0F, 0F 38 and 0F 3A, and the two of VEX. */
export const VECTOR_MAP: Readonly<Record<"0f" | "0f38" | "0f3a" | "vex38" | "vex3a", VectorMap>> = {
  "0f": parse(VECTOR_MAP_0F, null),
  "0f38": parse(VECTOR_MAP_0F38, "ssse3"),
  "0f3a": parse(VECTOR_MAP_0F3A, "sse41"),
  vex38: parse(VEX_MAP_0F38, "bmi1"),
  vex3a: parse(VEX_MAP_0F3A, "bmi2"),
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
  const found = map[opcode]?.[column];
  if (!found) return null;
  const group = modRm >= 0xc0 ? found.register : found.memory;
  return (group.length === 1 ? group[0] : group[(modRm >> 3) & 7]) ?? null;
};

/** Every mnemonic of the maps. */
export const VECTOR_MNEMONICS: ReadonlySet<string> = new Set(
  Object.values(VECTOR_MAP).flatMap((rows) =>
    rows.flatMap((row) =>
      (row ?? []).flatMap((column) =>
        column === null ? [] : [...column.memory, ...column.register].map(({ mnemonic }) => mnemonic),
      ),
    ),
  ),
);
