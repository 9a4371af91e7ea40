import { toLinearAddress } from "@xenolith/machine-interface";
import { isCanonical, SEGMENT } from "@xenolith/x86-architecture";
import type { Vcpu } from "../vcpu.ts";

/** A base that 64-bit guests set apart from a descriptor: of FS, of GS now, and of GS in the other mode. */
export type SegmentBase = "fs" | "gs" | "other-gs";

/** Sets a base, in the guest's kernel mode. @returns whether it is canonical; if not, nothing has changed. */
export const setSegmentBase = (vcpu: Vcpu, which: SegmentBase, base: number): boolean => {
  if (!isCanonical(base)) return false;
  const context = vcpu.x86?.context;
  if (which === "other-gs") vcpu.otherGsBase = toLinearAddress(base);
  else if (context !== undefined) {
    const index = which === "fs" ? SEGMENT.fs : SEGMENT.gs;
    context.setSegment(index, { ...context.segment(index), base });
  }
  return true;
};
