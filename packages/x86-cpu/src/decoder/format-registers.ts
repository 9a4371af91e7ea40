const WORDS = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const BYTES = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
const HIGH_BYTES = ["ah", "ch", "dh", "bh"];
const SUFFIXES: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "d" };

/** Name of a general register of a size. [SDM1-3.4.1] */
export const registerName = (register: number, sizeBytes: number, isHigh: boolean): string => {
  if (isHigh) return HIGH_BYTES[register] ?? "?";
  const word = WORDS[register];
  if (word === undefined) return `r${register}${SUFFIXES[sizeBytes] ?? ""}`;
  if (sizeBytes === 1) return BYTES[register] ?? "?";
  if (sizeBytes === 2) return word;
  return `${sizeBytes === 8 ? "r" : "e"}${word}`;
};
