import { TLB_ENTRY, TLB_ENTRY_BYTES } from "@xenolith/machine-interface";
import {
  add,
  and,
  eq,
  type FunctionBody,
  i32,
  i64,
  isZero,
  load,
  shl,
  shrU,
  TYPE,
  wrap,
} from "@xenolith/wasm-emitter";
import { PLACES, type SoftwareTlb } from "./tlb.ts";

/**
 * Emits what forgets everything that leads to a frame, the parameter, as `SoftwareTlb.forgetFrame` does: that function has the index
 * `slow`, and is left the frames that were entered at many places.
 */
export const emitForgetFrame = (body: FunctionBody, tlb: SoftwareTlb, slow: number): void => {
  const frame = body.parameter(0);
  const places = body.local(TYPE.i64);
  const entry = body.local(TYPE.i32);
  const at = shl(frame, Math.log2(PLACES.frameBytes));
  body.set(places, load(TYPE.i64, 8, false, at, tlb.placesOffset));
  body.if(isZero(places));
  body.return();
  body.end();
  body.if(eq(places, i64(-1)));
  body.call(slow, frame);
  body.return();
  body.end();
  body.store(8, at, i64(0), tlb.placesOffset);
  const again = body.loop();
  body.set(entry, shl(add(and(wrap(places), PLACES.mask), -1), Math.log2(TLB_ENTRY_BYTES)));
  const { read, write, execute } = tlb.region;
  for (const array of [read, write, execute]) {
    body.if(eq(load(TYPE.i32, 4, false, entry, array + TLB_ENTRY.frame), frame));
    body.store(8, entry, i64(-1), array + TLB_ENTRY.tag);
    body.store(4, entry, i32(-1), array + TLB_ENTRY.frame);
    body.end();
  }
  body.set(places, shrU(places, PLACES.bits));
  body.branchIf(again, isZero(isZero(places)));
  body.end();
};
