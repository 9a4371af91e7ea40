import { BitReader } from "./bit-reader.ts";
import { HuffmanCode } from "./huffman-code.ts";
import { Output } from "./output.ts";

/** "BZh", then the size of blocks in units of 100,000 bytes as a digit. */
const HEADER_BITS = 24;
const BLOCK_UNIT = 100_000;
/** What each block and the end begin with: digits of pi, and of its square root. */
const BLOCK_MAGIC = [0x31_4159, 0x26_5359] as const;
const END_MAGIC = [0x17_7245, 0x38_5090] as const;

/** Symbols that one table of codes is used for. */
const GROUP_SYMBOLS = 50;
const MOST_TABLES = 6;
/** After so many equal bytes a count of further ones follows. */
const RUN_BYTES = 4;

/** Bytes that occur in a block, ascending: 16 bits say which sixteenths have any, 16 bits each which of them. */
const readAlphabet = (bits: BitReader): number[] => {
  const used = bits.read(16);
  const alphabet: number[] = [];
  for (let high = 0; high < 16; high++) {
    if ((used & (0x8000 >> high)) === 0) continue;
    const inside = bits.read(16);
    for (let low = 0; low < 16; low++) if ((inside & (0x8000 >> low)) !== 0) alphabet.push(high * 16 + low);
  }
  return alphabet;
};

/** Takes the entry at an index of a list to its front. @returns it. */
const moveToFront = (list: number[], index: number): number => {
  const [entry = 0] = list.splice(index, 1);
  list.unshift(entry);
  return entry;
};

/** Which table each group of symbols uses. @returns null where one is named that there is not. */
const readSelectors = (bits: BitReader, tables: number): number[] | null => {
  const count = bits.read(15);
  const recent = Array.from({ length: tables }, (_unused, index) => index);
  const selectors: number[] = [];
  for (let group = 0; group < count; group++) {
    let index = 0;
    while (bits.read(1) === 1) if (++index >= tables) return null;
    selectors.push(moveToFront(recent, index));
  }
  return selectors;
};

/** A table of codes: their lengths, each told as steps from the one before. */
const readCode = (bits: BitReader, symbols: number): HuffmanCode | null => {
  const lengths: number[] = [];
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbols; symbol++) {
    while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
    if (length < 1 || length > 20) return null;
    lengths.push(length);
  }
  return new HuffmanCode(lengths);
};

/** Symbols of a block to the last column of its sorted rotations. @returns its bytes, or null where it makes no sense. */
const readColumn = (bits: BitReader, mostBytes: number): Uint8Array | null => {
  const alphabet = readAlphabet(bits);
  const tables = bits.read(3);
  if (alphabet.length === 0 || tables < 2 || tables > MOST_TABLES) return null;
  const selectors = readSelectors(bits, tables);
  const codes = Array.from({ length: tables }, () => readCode(bits, alphabet.length + 2));
  if (selectors === null) return null;
  const column = new Uint8Array(mostBytes);
  const endOfBlock = alphabet.length + 1;
  let length = 0;
  let run = 0;
  let runUnit = 1;
  for (let count = 0; ; count++) {
    const code = codes[selectors[Math.floor(count / GROUP_SYMBOLS)] ?? -1];
    if (code === undefined || code === null || bits.isExhausted) return null;
    const symbol = code.read(bits);
    if (symbol < 0) return null;
    if (symbol < 2) {
      run += runUnit << symbol;
      runUnit <<= 1;
      if (run > mostBytes) return null;
      continue;
    }
    if (length + run >= mostBytes + (symbol === endOfBlock ? 1 : 0)) return null;
    column.fill(alphabet[0] ?? 0, length, length + run);
    length += run;
    run = 0;
    runUnit = 1;
    if (symbol === endOfBlock) return column.subarray(0, length);
    column[length++] = moveToFront(alphabet, symbol - 1);
  }
};

/** For each place of the column, where the byte that follows it in the text stands. */
const followers = (column: Uint8Array): Uint32Array => {
  const first = new Uint32Array(257);
  for (const byte of column) first[byte + 1] = (first[byte + 1] ?? 0) + 1;
  for (let byte = 1; byte < 257; byte++) first[byte] = (first[byte] ?? 0) + (first[byte - 1] ?? 0);
  const next = new Uint32Array(column.length);
  for (const [at, byte] of column.entries()) {
    const place = first[byte] ?? 0;
    next[place] = at;
    first[byte] = place + 1;
  }
  return next;
};

/** Writes the text of a column, from its origin on, with runs expanded. */
const writeText = (column: Uint8Array, origin: number, output: Output): void => {
  const next = followers(column);
  let at = next[origin] ?? 0;
  let same = 0;
  let last = -1;
  for (let count = 0; count < column.length; count++) {
    const byte = column[at] ?? 0;
    at = next[at] ?? 0;
    if (same === RUN_BYTES) {
      for (let more = 0; more < byte; more++) output.put(last);
      same = 0;
      last = -1;
      continue;
    }
    same = byte === last ? same + 1 : 1;
    last = byte;
    output.put(byte);
  }
};

/** Unpacks a stream of bzip2. Checksums are not compared. @returns null where it makes no sense. */
export const unpackBzip2 = (bytes: Uint8Array): Uint8Array | null => {
  const bits = new BitReader(bytes);
  bits.read(HEADER_BITS);
  const digit = bits.read(8) - 0x30;
  if (digit < 1 || digit > 9) return null;
  const output = new Output(bytes.length * 4);
  for (;;) {
    const magic = [bits.read(24), bits.read(24)];
    bits.read(32);
    if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) return output.from(0);
    if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) return null;
    // A text shuffled beforehand is of versions older than any kernel.
    if (bits.read(1) !== 0) return null;
    const origin = bits.read(24);
    const column = readColumn(bits, digit * BLOCK_UNIT);
    if (column === null || origin >= column.length) return null;
    writeText(column, origin, output);
  }
};
