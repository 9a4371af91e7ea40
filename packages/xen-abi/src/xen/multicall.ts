import { address, array } from "../fields.ts";
import { writeSignedLong } from "../internal/words.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "../struct.ts";
import type { GuestWidth } from "../width.ts";

/** One call of a multicall: `xen_ulong_t op, result, args[6]`. [XEN xen.h] */
export interface MulticallEntry {
  /** Hypercall number. */
  readonly op: number;
  /** Written by the hypervisor. */
  readonly result: number;
  /** Six arguments as addresses: unsigned on x86_32, sign-extended on x86_64. */
  readonly args: readonly number[];
}

/** Layout of `struct multicall_entry`: op @0, result @4/8, args @8/16; 32 or 64 bytes. */
export const MULTICALL_ENTRY: Struct<MulticallEntry> = struct<MulticallEntry>({
  op: address,
  result: address,
  args: array(address, 6),
});

/** Decodes a `struct multicall_entry`. */
export const readMulticallEntry: StructReader<MulticallEntry> = MULTICALL_ENTRY.read;

/** Encodes a `struct multicall_entry`. */
export const writeMulticallEntry: StructWriter<MulticallEntry> = MULTICALL_ENTRY.write;

/** Writes only the result of a call; negative errnos are sign-extended. */
export const writeMulticallResult = (view: DataView, at: number, width: GuestWidth, result: number): void =>
  writeSignedLong(view, at + MULTICALL_ENTRY.layout[width].result, width, result);
