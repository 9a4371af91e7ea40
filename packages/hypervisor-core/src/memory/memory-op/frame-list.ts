import { type GuestWidth, longBytes } from "@xenolith/xen-abi";
import type { HypercallContext } from "../../hypercalls/context.ts";

/** Reads one number of a list of frame numbers (`unsigned long`) in guest memory, or null. */
export const readFrameNumber = (call: HypercallContext, list: number, index: number): number | null => {
  const view = call.guest.read(list + index * longBytes(call.width), longBytes(call.width));
  if (view === null) return null;
  return call.width === "x86_64" ? Number(view.getBigUint64(0, true)) : view.getUint32(0, true);
};

/** Writes one number of such a list. @returns whether it could be written */
export const writeFrameNumber = (
  call: HypercallContext,
  list: number,
  index: number,
  frame: number,
): boolean => call.guest.write(list + index * longBytes(call.width), encodeLong(call.width, frame));

const encodeLong = (width: GuestWidth, value: number): DataView => {
  const view = new DataView(new ArrayBuffer(longBytes(width)));
  if (width === "x86_64") view.setBigUint64(0, BigInt(value), true);
  else view.setUint32(0, value, true);
  return view;
};
