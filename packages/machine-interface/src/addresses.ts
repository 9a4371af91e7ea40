/**
 * Brands for the addresses and numbers that must never be mixed up. All of them are exact JavaScript numbers.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Number of a machine frame of 4096 bytes: machine address divided by 4096. */
export type Mfn = Branded<"Mfn">;

/** Byte offset into machine memory, 0 up to (not including) 2^32. Equal to the offset in the one WebAssembly memory. */
export type MachineAddress = Branded<"MachineAddress">;

/**
 * Linear (virtual) address after segmentation. 32-bit addresses are 0 to 2^32 - 1; 64-bit addresses are canonical and
 * sign-extended, so that 0xffff_ffff_8000_0000 is -0x8000_0000. Exact as a number in both cases. [SDM1-3.3.7]
 */
export type LinearAddress = Branded<"LinearAddress">;

/** Name of an address space known to a translator. Opaque; 0 is never given out. */
export type Asid = Branded<"Asid">;

/** A duration or a point in time in nanoseconds. Points in time count from the start of the host's clock. */
export type Nanoseconds = Branded<"Nanoseconds">;

/** Bytes in a page and in a machine frame. */
export const PAGE_SIZE = 4096;

/** log2 of {@link PAGE_SIZE}. */
export const PAGE_SHIFT = 12;

/** Marks a plain number as a frame number. Unchecked. */
export const toMfn = (value: number): Mfn => value as Mfn;

/** Marks a plain number as a machine address. Unchecked. */
export const toMachineAddress = (value: number): MachineAddress => value as MachineAddress;

/** Marks a plain number as a linear address. Unchecked: the caller has wrapped or sign-extended it. */
export const toLinearAddress = (value: number): LinearAddress => value as LinearAddress;

/** Marks a plain number as an address-space name. For translators only. */
export const toAsid = (value: number): Asid => value as Asid;

/** Marks a plain number as nanoseconds. Unchecked. */
export const toNanoseconds = (value: number): Nanoseconds => value as Nanoseconds;

/** First byte of a frame. */
export const frameAddress = (frame: Mfn): MachineAddress => (frame * PAGE_SIZE) as MachineAddress;

/** Frame that holds a machine address. */
export const frameOf = (address: MachineAddress): Mfn => Math.floor(address / PAGE_SIZE) as Mfn;
