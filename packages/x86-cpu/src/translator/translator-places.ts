import type { TlbRegion } from "@xenolith/machine-interface";

/** Fixed places that translated code refers to. */
export interface TranslatorPlaces {
  readonly tlb: TlbRegion;
  /** Offset in memory of the state window. */
  readonly state: number;
  readonly entryCache: number;
  /** Offset in memory of the table of decoded chunks; see `DecodedChunks`. */
  readonly decodedChunks: number;
  /** Offset in memory of the stamps of frames; see `CodeStamps`. */
  readonly codeStamps: number;
}
