import { address, u8, u16 } from "../fields.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "../struct.ts";

/**
 * One exception handler: vector @0, flags @1, cs @2, address @4/8; 8 or 16 bytes. An entry with address 0 ends a table
 * given to set_trap_table. [XEN arch-x86/xen.h]
 */
export interface TrapInfo {
  readonly vector: number;
  /** {@link TI_DPL_MASK}, {@link TI_IF}. */
  readonly flags: number;
  readonly cs: number;
  readonly address: number;
}

/** Bits of `flags`: least privileged ring that may raise the vector by INT n. */
export const TI_DPL_MASK = 3;
/** Bit of `flags`: events are masked on entry. */
export const TI_IF = 4;

/** Layout and codec of {@link TrapInfo}. */
export const TRAP_INFO: Struct<TrapInfo> = struct<TrapInfo>({ vector: u8, flags: u8, cs: u16, address });

/** Decodes a trap_info. */
export const readTrapInfo: StructReader<TrapInfo> = TRAP_INFO.read;

/** Encodes a trap_info. */
export const writeTrapInfo: StructWriter<TrapInfo> = TRAP_INFO.write;
