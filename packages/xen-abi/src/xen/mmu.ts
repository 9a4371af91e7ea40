import { address, u32, type Word64 } from "../fields.ts";
import { readSignedLong, readU64 } from "../internal/words.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "../struct.ts";

/** Commands of mmu_update, in the low two bits of `ptr`. [XEN xen.h] */
export const MMU_NORMAL_PT_UPDATE = 0;
export const MMU_MACHPHYS_UPDATE = 1;
export const MMU_PT_UPDATE_PRESERVE_AD = 2;
export const MMU_PT_UPDATE_NO_TRANSLATE = 3;

/** Commands of mmuext_op. [XEN xen.h] */
export const MMUEXT_PIN_L1_TABLE = 0;
export const MMUEXT_PIN_L2_TABLE = 1;
export const MMUEXT_PIN_L3_TABLE = 2;
export const MMUEXT_PIN_L4_TABLE = 3;
export const MMUEXT_UNPIN_TABLE = 4;
export const MMUEXT_NEW_BASEPTR = 5;
export const MMUEXT_TLB_FLUSH_LOCAL = 6;
export const MMUEXT_INVLPG_LOCAL = 7;
export const MMUEXT_TLB_FLUSH_MULTI = 8;
export const MMUEXT_INVLPG_MULTI = 9;
export const MMUEXT_TLB_FLUSH_ALL = 10;
export const MMUEXT_INVLPG_ALL = 11;
export const MMUEXT_FLUSH_CACHE = 12;
export const MMUEXT_SET_LDT = 13;
export const MMUEXT_NEW_USER_BASEPTR = 15;
export const MMUEXT_CLEAR_PAGE = 16;
export const MMUEXT_COPY_PAGE = 17;
export const MMUEXT_FLUSH_CACHE_GLOBAL = 18;
export const MMUEXT_MARK_SUPER = 19;
export const MMUEXT_UNMARK_SUPER = 20;

/** Flags of update_va_mapping. With `UVMF_MULTI` the other bits are the address of a VCPU bitmap. [XEN xen.h] */
export const UVMF_NONE = 0;
export const UVMF_TLB_FLUSH = 1;
export const UVMF_INVLPG = 2;
export const UVMF_FLUSHTYPE_MASK = 3;
export const UVMF_MULTI = 0;
export const UVMF_LOCAL = 0;
export const UVMF_ALL = 4;

/** Top bit of the count of mmu_update, mmuext_op and multicall: the call goes on with a batch it was preempted in. */
export const MMU_UPDATE_PREEMPTED = 0x8000_0000;

/** One request of mmu_update. */
export interface MmuUpdate {
  /** What to do: one of `MMU_*`. */
  readonly command: number;
  /** Machine address of the entry (for MACHPHYS: of the frame), its low two bits cleared. */
  readonly address: number;
  /** New entry; for MACHPHYS the pseudo-physical frame number. A two-level guest uses the low word. */
  readonly value: Word64;
}

/** Bytes of a `struct mmu_update`: u64 ptr @0, u64 val @8, alike in every width. */
export const MMU_UPDATE_BYTES = 16;

/** Decodes a `struct mmu_update`. */
export const readMmuUpdate = (view: DataView, at: number): MmuUpdate => {
  const command = view.getUint32(at, true) & 3;
  return {
    command,
    address: readU64(view, at) - command,
    value: { low: view.getUint32(at + 8, true), high: view.getUint32(at + 12, true) },
  };
};

/** Encodes a `struct mmu_update`. */
export const writeMmuUpdate = (view: DataView, at: number, update: MmuUpdate): void => {
  view.setUint32(at, ((update.address % 0x1_0000_0000) + update.command) >>> 0, true);
  view.setUint32(at + 4, Math.floor(update.address / 0x1_0000_0000), true);
  view.setUint32(at + 8, update.value.low, true);
  view.setUint32(at + 12, update.value.high, true);
};

/**
 * One request of mmuext_op. The two arguments are unions; each meaning of the second has its own field, read from the
 * same place.
 */
export interface MmuExtOp {
  /** One of `MMUEXT_*`. */
  readonly command: number;
  /** A frame number or a linear address, as an address (sign-extended on x86_64). */
  readonly arg1: number;
  /** A frame number or the address of a VCPU bitmap. For a count of entries take the low 32 bits. */
  readonly arg2: number;
}

/** Layout of `struct mmuext_op`: command @0, arg1 @4/8, arg2 @8/16; 12 or 24 bytes. [XEN xen.h] */
export const MMUEXT_OP: Struct<MmuExtOp> = struct<MmuExtOp>({ command: u32, arg1: address, arg2: address });

/** Decodes a `struct mmuext_op`. */
export const readMmuExtOp: StructReader<MmuExtOp> = (view, at, width) => {
  const { arg1, arg2 } = width === "x86_64" ? MMUEXT_OP.layout.x86_64 : MMUEXT_OP.layout.x86_32;
  return {
    command: view.getUint32(at, true),
    arg1: readSignedLong(view, at + arg1, width),
    arg2: readSignedLong(view, at + arg2, width),
  };
};

/** Encodes a `struct mmuext_op`. */
export const writeMmuExtOp: StructWriter<MmuExtOp> = MMUEXT_OP.write;
