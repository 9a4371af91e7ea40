import { CONDITIONS } from "../decoder/opcode-table.ts";
import type { Form } from "../machine/form.ts";
import type { Definition } from "../meanings/definition.ts";
import { PART, type Part } from "../meanings/part.ts";

const BINARY = "rr rm mr ri mi";
const STRINGS = ["movs", "stos", "lods", "repne-scas"];

const named = (names: readonly string[], operands: string): readonly (readonly [string, string])[] =>
  names.map((name) => [name, operands]);

/**
 * Operands of the common forms, by size of the operation: 4 and (in 64-bit code) 8, 1, 2 bytes. A miss in the TLB begins a common
 * instruction again, so none is here that reads two places, as CMPS does.
 */
const COMMON: Readonly<Record<"full" | "byte" | "word", ReadonlyMap<string, string>>> = {
  full: new Map([
    ...named(["add", "sub", "cmp", "and", "or", "xor", "test", "mov"], BINARY),
    ...named(["adc", "sbb"], "rr rm ri"),
    ...named(["inc", "dec"], "r m"),
    ...named(["neg", "not", "div"], "r"),
    ...named(["movzx", "movsx", "movsxd", "lea"], "rr rm"),
    ...named(["shl", "shr", "sar"], "ri rr"),
    ...named(["rol", "ror"], "ri"),
    ...named(["bt"], "rr ri"),
    ...named(["xchg", "bsf", "bsr", "popcnt"], "rr"),
    ...named(["imul"], "r rr rm rri"),
    ...named(["mul"], "r m"),
    ...named(["push"], "r m i"),
    ...named(["pop", "bswap"], "r"),
    ...named(["jmp", "call"], " r m"),
    ...named(["ret"], " i"),
    ...named(["cbw", "cwd", "leave", "nop", "loop", "clc", "stc", "cld"], ""),
    ...named(
      CONDITIONS.map((name) => `j${name}`),
      "",
    ),
    ...named(
      CONDITIONS.map((name) => `cmov${name}`),
      "rr",
    ),
    ...named(STRINGS, ""),
    ...named(["xadd", "cmpxchg"], "mr"),
  ]),
  byte: new Map([
    ...named(["cmp", "test", "mov"], BINARY),
    ...named(["add", "sub", "and", "or", "xor"], "rr rm ri"),
    ...named(
      CONDITIONS.map((name) => `set${name}`),
      "r",
    ),
    ...named(["inc", "dec"], "r"),
    ...named(STRINGS, ""),
  ]),
  word: new Map([...named(["mov"], "rm mr mi"), ...named(["cmp"], "rm ri mi")]),
};

const setOf = (names: string): ReadonlySet<string> => new Set(names.split(" "));

/** Instructions that kernels and compilers have little use for. */
const RARE = setOf(
  "rcl rcr shld no-shift btc xadd cmpxchg8b pusha popa loope loopne jcxz cmc std lahf sahf salc " +
    "rep-lods scas rep-scas cmps rep-cmps repne-cmps lzcnt tzcnt movbe andn blsr blsmsk blsi bzhi bextr pdep pext " +
    "mulx shlx shrx sarx rorx crc32 clflush clflushopt clwb",
);

/** Those that are rare with words. */
const RARE_WITH_WORDS = setOf(
  `adc neg not movzx movsx movsxd lea xchg cbw cwd bswap ror shrd bt bts btr bsf bsr mul imul div idiv cmpxchg popcnt push pop ${CONDITIONS.map(
    (name) => `cmov${name}`,
  ).join(" ")}`,
);

const isRare = ({ mnemonic, sizeBytes }: Form): boolean =>
  RARE.has(mnemonic) || (sizeBytes === 2 && RARE_WITH_WORDS.has(mnemonic));

/** The part that an instruction's handler belongs to. */
export const partOf = (form: Form, { part }: Definition): Part => {
  if (part !== undefined) return part;
  const table = form.sizeBytes === 1 ? COMMON.byte : form.sizeBytes === 2 ? COMMON.word : COMMON.full;
  const operands = form.operands.map(({ kind }) => kind.charAt(0)).join("");
  if (table.get(form.mnemonic)?.split(" ").includes(operands) === true) return PART.common;
  return isRare(form) ? PART.rare : PART.general;
};
