import {
  type Mfn,
  type OverlayMapping,
  type PagingContext,
  type PagingFormat,
  toLinearAddress,
} from "@xenolith/machine-interface";
import { CR0, CR4, EFER } from "@xenolith/x86-architecture";
import { MSR_SLOT } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import { keptRootEntries } from "../system/root-entries.ts";

const formatOf = (control0: number, control4: number, efer: number): PagingFormat => {
  if ((control0 & CR0.pg) === 0) return "none";
  if ((control4 & CR4.pae) === 0) return "two-level";
  return efer & EFER.lme ? "long" : "pae";
};

/** Low bits of CR3 that are flags, by format. */
const rootMask = (format: PagingFormat): number => (format === "pae" ? 0x1f : 0xfff);

/** First byte behind the addresses of 32 bits. */
const END_OF_NARROW = 0x1_0000_0000;

/** Firmware that answers at the end of the 32-bit addresses too, where a reset begins. */
const firmwareOverlay = (frames: readonly Mfn[]): readonly OverlayMapping[] =>
  frames.length === 0
    ? []
    : [
        {
          start: toLinearAddress(END_OF_NARROW - 4096 * frames.length),
          frames,
          writable: true,
          user: true,
          executable: true,
        },
      ];

/** What decides about translation besides control registers. */
export interface PagingOptions {
  /** Frames that lie at the end of the 32-bit addresses while paging is off. */
  readonly firmware: readonly Mfn[];
  /** Pages of 1 GiB. */
  readonly hugePages: boolean;
}

/** How a processor without a monitor translates addresses, by its control registers. [SDM3A-4.1] */
export const pagingContextOf = (state: VcpuState, { firmware, hugePages }: PagingOptions): PagingContext => {
  const control0 = state.control(0);
  const control4 = state.control(4);
  const efer = Number(state.msr(MSR_SLOT.efer) & 0xffffn);
  const format = formatOf(control0, control4, efer);
  const root = state.control(3);
  return {
    format,
    rootAddress: root - (root & rootMask(format)),
    ...(format === "pae" ? { rootEntries: keptRootEntries(state) } : {}),
    writeProtect: (control0 & CR0.wp) !== 0,
    noExecute: (efer & EFER.nxe) !== 0,
    largePages: (control4 & CR4.pse) !== 0,
    hugePages,
    globalPages: (control4 & CR4.pge) !== 0,
    supervisorExecutionPrevention: (control4 & CR4.smep) !== 0,
    linearLimit: null,
    overlays: format === "none" ? firmwareOverlay(firmware) : [],
  };
};

/** Whether two contexts translate alike, apart from what may have been cached. */
export const isSamePaging = (a: PagingContext, b: PagingContext): boolean =>
  a.format === b.format &&
  a.rootAddress === b.rootAddress &&
  (a.rootEntries ?? []).every((entry, index) => entry === b.rootEntries?.[index]) &&
  a.writeProtect === b.writeProtect &&
  a.noExecute === b.noExecute &&
  a.largePages === b.largePages &&
  a.globalPages === b.globalPages &&
  a.supervisorExecutionPrevention === b.supervisorExecutionPrevention;
