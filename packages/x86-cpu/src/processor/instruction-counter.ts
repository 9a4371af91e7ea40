/** A time-stamp counter that counts instructions, over all runs. */
export class InstructionCounter {
  /** Instructions retired by runs that are over. */
  total = 0;

  /** The count when `retired` instructions of the present run have retired. */
  at(retired: number): number {
    return this.total + retired;
  }

  /** A run is over in which so many have retired. */
  finish(retired: number): void {
    this.total += retired;
  }
}
