import { NO_LARGE_PAGES, type Space } from "./space.ts";
import type { SoftwareTlb } from "./tlb.ts";

/**
 * Largest number of a space in tags. 1023 is left out: with both low bits set it would make the tag of the last page of
 * 4 GiB equal, in its low 32 bits, to the tag of an empty entry.
 */
export const LAST_SPACE_TAG = 1022;

/**
 * Numbers of spaces in TLB tags. A space gets one when it is activated and loses it when all it has cached is to be
 * forgotten: forgetting costs nothing. A number is not used again before the whole TLB has been emptied.
 */
export class SpaceTags {
  readonly #tlb: Pick<SoftwareTlb, "setListed">;
  readonly #emptyTlb: () => void;
  #holders: Space[] = [];
  #next = 1;

  /** @param emptyTlb empties all entries of the TLB; called when the numbers have run out */
  constructor(tlb: Pick<SoftwareTlb, "setListed">, emptyTlb: () => void) {
    this.#tlb = tlb;
    this.#emptyTlb = emptyTlb;
  }

  /** Gives a space a number that no entry of the TLB carries. */
  assign(space: Space): void {
    if (this.#next > LAST_SPACE_TAG) {
      for (const holder of this.#holders) this.retire(holder);
      this.#holders = [];
      this.#emptyTlb();
      this.#next = 1;
    }
    space.tag = this.#next++;
    if (space.listsLowerHalf) this.#tlb.setListed(space.tag, true);
    this.#holders.push(space);
  }

  /** Takes a space's number away, and with it everything cached for the space. */
  retire(space: Space): void {
    if (space.listsLowerHalf) this.#tlb.setListed(space.tag, false);
    space.tag = 0;
    space.largeFirst = NO_LARGE_PAGES.first;
    space.largeLast = NO_LARGE_PAGES.last;
  }
}
