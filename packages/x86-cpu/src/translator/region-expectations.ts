import type { TlbRegion } from "@xenolith/machine-interface";
import { type FunctionBody, i32, type Label, TYPE, type Value, wrap } from "@xenolith/wasm-emitter";
import type { DistantChecks } from "./distant-checks.ts";
import { branchIfReturn } from "./distant-return.ts";
import type { DistantFunction } from "./region-block.ts";

/** What a region expects of other pages, as it has copies of code of theirs. */
export class RegionExpectations {
  readonly #body: FunctionBody;
  readonly #spaceTag: Value;
  readonly #tlb: TlbRegion;
  readonly #checks: DistantChecks;
  /** Number of the check of a function that was not found unchanged; 0: none was met. Null: the region takes none along. */
  #unproven: Value | null = null;

  constructor(body: FunctionBody, spaceTag: Value, tlb: TlbRegion, checks: DistantChecks) {
    this.#body = body;
    this.#spaceTag = spaceTag;
    this.#tlb = tlb;
    this.#checks = checks;
  }

  /** Goes on with the first block of a function, or leaves before it: it may not be the one any more that the region has a copy of. */
  expectFunction(distant: DistantFunction, leave: () => void): void {
    const { global, number } = this.#checks.of(distant);
    const unproven = this.#unproven ?? this.#body.local(TYPE.i32);
    this.#unproven = unproven;
    this.#expect(leave, (isThere) => {
      this.#checks.branchIfThere(this.#body, isThere, this.#spaceTag, distant, global);
      this.#body.set(unproven, i32(number));
    });
  }

  /** Goes on with a return at an offset in CS, or leaves before it where there is none any more. */
  expectReturn(at: number, leave: () => void): void {
    this.#expect(leave, (isThere) => branchIfReturn(this.#body, isThere, this.#tlb, this.#spaceTag, at));
  }

  /** Once the state is stored: what was left before is compared, for the next time. */
  finish(): void {
    if (this.#unproven === null) return;
    this.#body.if(this.#unproven);
    this.#body.call(this.#checks.compare, this.#unproven, wrap(this.#spaceTag));
    this.#body.end();
  }

  /** Leaves unless a check branches to the label that it is given. */
  #expect(leave: () => void, check: (isThere: Label) => void): void {
    const isThere = this.#body.block();
    check(isThere);
    leave();
    this.#body.end();
  }
}
