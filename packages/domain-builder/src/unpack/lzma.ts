import type { Output } from "./output.ts";
import { RangeDecoder } from "./range-decoder.ts";

/** What comes instead of an offset where the stream ends without having said its length. */
const END_MARK = 0xffff_ffff;
const STATES = 12;
/** States below this one followed a literal. */
const LITERAL_STATES = 7;
const LEAST_MATCH = 2;
const DISTANCE_SLOT_BITS = 6;
const ALIGN_BITS = 4;
/** Slots from this one on have bits without a model of their own. */
const FIRST_DIRECT_SLOT = 14;
const LITERAL_CONTEXT = 0x300;
const LONGEST_POSITION_BITS = 4;

/** Lengths of matches in three ranges: 8 from 0, 8 from 8, 256 from 16, the first two by position. */
class LengthModel {
  readonly choice: Uint16Array = RangeDecoder.model(2);
  readonly low: Uint16Array = RangeDecoder.model(8 << LONGEST_POSITION_BITS);
  readonly middle: Uint16Array = RangeDecoder.model(8 << LONGEST_POSITION_BITS);
  readonly high: Uint16Array = RangeDecoder.model(256);

  read(decoder: RangeDecoder, position: number): number {
    if (decoder.bit(this.choice, 0) === 0) return decoder.tree(this.low, position << 3, 3);
    if (decoder.bit(this.choice, 1) === 0) return 8 + decoder.tree(this.middle, position << 3, 3);
    return 16 + decoder.tree(this.high, 0, 8);
  }
}

/** Properties of a stream, packed into one byte: (pb * 5 + lp) * 9 + lc. */
export interface LzmaProperties {
  readonly literalContextBits: number;
  readonly literalPositionBits: number;
  readonly positionBits: number;
}

/** Unpacks that byte. @returns null where it makes no sense. */
export const lzmaProperties = (byte: number): LzmaProperties | null =>
  byte >= 9 * 5 * 5
    ? null
    : {
        literalContextBits: byte % 9,
        literalPositionBits: Math.floor(byte / 9) % 5,
        positionBits: Math.floor(byte / 45),
      };

/** Decodes LZMA into an output, which is the dictionary as well. One decoder goes on over the chunks of a stream. */
export class LzmaDecoder {
  readonly #output: Output;
  readonly #properties: LzmaProperties;
  /** Where the dictionary begins in the output. */
  readonly #start: number;
  #state = 0;
  readonly #recent = [0, 0, 0, 0];
  readonly #literals: Uint16Array;
  readonly #isMatch: Uint16Array = RangeDecoder.model(STATES << LONGEST_POSITION_BITS);
  readonly #isRepeat: Uint16Array = RangeDecoder.model(STATES);
  readonly #isOlder: Uint16Array = RangeDecoder.model(STATES * 3);
  readonly #isLongRepeat: Uint16Array = RangeDecoder.model(STATES << LONGEST_POSITION_BITS);
  readonly #slots: Uint16Array = RangeDecoder.model(4 << DISTANCE_SLOT_BITS);
  readonly #distances: Uint16Array = RangeDecoder.model(128);
  readonly #align: Uint16Array = RangeDecoder.model(1 << ALIGN_BITS);
  readonly #lengths: LengthModel = new LengthModel();
  readonly #repeatLengths: LengthModel = new LengthModel();

  constructor(output: Output, properties: LzmaProperties, dictionaryStart: number) {
    this.#output = output;
    this.#properties = properties;
    this.#start = dictionaryStart;
    const { literalContextBits, literalPositionBits } = properties;
    this.#literals = RangeDecoder.model(LITERAL_CONTEXT << (literalContextBits + literalPositionBits));
  }

  /**
   * Decodes until the output has `end` bytes, or the stream's own end mark.
   * @returns whether it made sense.
   */
  decode(decoder: RangeDecoder, end: number): boolean {
    const output = this.#output;
    const positionMask = (1 << this.#properties.positionBits) - 1;
    while (output.length < end) {
      if (decoder.isExhausted) return false;
      const position = (output.length - this.#start) & positionMask;
      const context = (this.#state << LONGEST_POSITION_BITS) + position;
      if (decoder.bit(this.#isMatch, context) === 0) {
        this.#literal(decoder);
        continue;
      }
      const length =
        decoder.bit(this.#isRepeat, this.#state) === 0
          ? this.#match(decoder, position)
          : this.#repeat(decoder, position, context);
      if (length === 0) continue;
      if (length < 0) return true;
      const distance = (this.#recent[0] ?? 0) + 1;
      if (distance > output.length - this.#start || output.length + length > end) return false;
      output.repeat(distance, length);
    }
    return true;
  }

  #literal(decoder: RangeDecoder): void {
    const output = this.#output;
    const { literalContextBits, literalPositionBits } = this.#properties;
    const at = output.length - this.#start;
    const before = at === 0 ? 0 : output.back(1);
    const row =
      ((at & ((1 << literalPositionBits) - 1)) << literalContextBits) + (before >> (8 - literalContextBits));
    const model = row * LITERAL_CONTEXT;
    let symbol = 1;
    if (this.#state >= LITERAL_STATES) {
      // After a match, the byte that would have continued it says what is unlikely.
      let expected = output.back((this.#recent[0] ?? 0) + 1);
      do {
        const wanted = (expected >> 7) & 1;
        expected <<= 1;
        const bit = decoder.bit(this.#literals, model + ((1 + wanted) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== wanted) break;
      } while (symbol < 0x100);
    }
    while (symbol < 0x100) symbol = (symbol << 1) | decoder.bit(this.#literals, model + symbol);
    output.put(symbol & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** A match at a new distance. @returns its length, or -1 for the end mark. */
  #match(decoder: RangeDecoder, position: number): number {
    const length = this.#lengths.read(decoder, position) + LEAST_MATCH;
    this.#state = this.#state < LITERAL_STATES ? 7 : 10;
    this.#recent.pop();
    this.#recent.unshift(this.#distance(decoder, Math.min(length - LEAST_MATCH, 3)));
    return this.#recent[0] === END_MARK ? -1 : length;
  }

  #distance(decoder: RangeDecoder, lengthClass: number): number {
    const slot = decoder.tree(this.#slots, lengthClass << DISTANCE_SLOT_BITS, DISTANCE_SLOT_BITS);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const high = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < FIRST_DIRECT_SLOT) return high + decoder.reverseTree(this.#distances, high - slot, bits);
    const direct = decoder.direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS);
    return high + direct + decoder.reverseTree(this.#align, 0, ALIGN_BITS);
  }

  /** A match at one of the last four distances. @returns its length, or 0 where it was one byte and is done. */
  #repeat(decoder: RangeDecoder, position: number, context: number): number {
    let which = 0;
    if (decoder.bit(this.#isOlder, this.#state) === 0) {
      if (decoder.bit(this.#isLongRepeat, context) === 0) {
        this.#state = this.#state < LITERAL_STATES ? 9 : 11;
        this.#output.put(this.#output.back((this.#recent[0] ?? 0) + 1));
        return 0;
      }
    } else if (decoder.bit(this.#isOlder, STATES + this.#state) === 0) which = 1;
    else which = 2 + decoder.bit(this.#isOlder, 2 * STATES + this.#state);
    const [distance = 0] = this.#recent.splice(which, 1);
    this.#recent.unshift(distance);
    this.#state = this.#state < LITERAL_STATES ? 8 : 11;
    return this.#repeatLengths.read(decoder, position) + LEAST_MATCH;
  }
}
