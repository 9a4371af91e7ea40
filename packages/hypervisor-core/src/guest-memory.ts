import {
  ACCESS,
  type AddressTranslator,
  type Asid,
  type LinearAddress,
  type MachineMemory,
  PAGE_SHIFT,
  PAGE_SIZE,
  REFILL,
  REFILL_MAILBOX,
  toLinearAddress,
  toMfn,
} from "@xenolith/machine-interface";
import type { GuestWidth } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";

/** First address behind the lower canonical half of a 64-bit space. [SDM1-3.3.7] */
const LOWER_HALF_END = 0x8000_0000_0000;

/**
 * Guest memory as its kernel may use it: every access goes through the guest's own page tables with the guest kernel's
 * rights, sets accessed and dirty bits, and a pointer into the monitor's range is refused even where the guest could read
 * (the M2P table). What is read is a copy, taken once: the guest cannot change it between check and use. Stores are
 * announced to the frame watch. A failure has touched at most the bytes before the failing page; the caller answers
 * -EFAULT.
 *
 * Addresses are linear addresses as plain numbers, since they come from guests: 32-bit ones unsigned, 64-bit ones
 * sign-extended. Anything else is refused.
 */
export interface GuestMemory {
  /** Fills a buffer from guest memory. @returns false when a byte is not readable. */
  copyFrom(address: number, into: Uint8Array): boolean;
  /** Writes a buffer to guest memory. @returns false when a byte is not writable. */
  copyTo(address: number, bytes: Uint8Array): boolean;
  /** A fresh copy of `lengthBytes` bytes, or null. The caller bounds the length. */
  read(address: number, lengthBytes: number): DataView | null;
  /** Writes all bytes of a view. */
  write(address: number, view: DataView): boolean;
  /** An unsigned 32-bit value, or null. */
  readUint32(address: number): number | null;
  writeUint32(address: number, value: number): boolean;
  /** An `unsigned long` of the guest: unsigned on 32-bit, sign-extended on x86_64. */
  readLong(address: number): number | null;
  writeLong(address: number, value: number): boolean;
  /** What the last access that failed met: a page fault, or null when the pointer was refused. */
  readonly fault: GuestFault | null;
  /** Whether all of an array lies in the range that guests may use, and neither size nor end wraps. Does not touch it. */
  isAllowed(address: number, count: number, elementBytes: number): boolean;
}

/** A page fault of an access on a guest's behalf. */
export interface GuestFault {
  readonly address: LinearAddress;
  /** Page-fault error code, without the user bit on 32-bit widths: the access had the kernel's rights. */
  readonly errorCode: number;
}

/** What guest memory is made from. */
export interface GuestMemoryParts {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  readonly width: GuestWidth;
  /** The space to look through now; null before the guest has one. */
  readonly space: () => Asid | null;
}

const TWO_32 = 0x1_0000_0000;

/** A place that is two places, because it crosses into another page. */
const SPLIT = -2;

/** Whether the bytes from `address` to `address + lengthBytes - 1` may be handed to the monitor by a guest of this width. */
export const isGuestRange = (width: GuestWidth, address: number, lengthBytes: number): boolean => {
  if (!Number.isSafeInteger(address) || !Number.isSafeInteger(lengthBytes) || lengthBytes < 0) return false;
  const end = address + lengthBytes;
  if (width !== "x86_64") return address >= 0 && end <= HYPERVISOR_RANGE[width].virtStart;
  // The monitor has the bottom of the upper half: below it lies the hole between the canonical halves.
  return address >= 0 ? end <= LOWER_HALF_END : address >= HYPERVISOR_RANGE.x86_64.virtEnd && end <= 0;
};

/** A class, not closures: a host has one for every VCPU. */
class TranslatedMemory implements GuestMemory {
  fault: GuestFault | null = null;
  readonly #parts: GuestMemoryParts;
  readonly #memory: MachineMemory;
  readonly #isWide: boolean;
  /** Answers of the translator. */
  readonly #mailbox: number;

  constructor(parts: GuestMemoryParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#isWide = parts.width === "x86_64";
    this.#mailbox = parts.translator.tlb.mailbox;
  }

  copyFrom(address: number, into: Uint8Array): boolean {
    if (this.#isRefused(address, into.length)) return false;
    for (let done = 0; done < into.length; ) {
      const count = Math.min(into.length - done, bytesToPageEnd(address + done));
      const at = this.#translate(address + done, ACCESS.read);
      if (at < 0) return false;
      copyBytes(this.#memory.bytes, at, into, done, count);
      done += count;
    }
    return true;
  }

  copyTo(address: number, bytes: Uint8Array): boolean {
    if (this.#isRefused(address, bytes.length)) return false;
    const memory = this.#memory;
    for (let done = 0; done < bytes.length; ) {
      const count = Math.min(bytes.length - done, bytesToPageEnd(address + done));
      const at = this.#translate(address + done, ACCESS.write);
      if (at < 0) return false;
      copyBytes(bytes, done, memory.bytes, at, count);
      memory.written(toMfn(at >>> PAGE_SHIFT), at & (PAGE_SIZE - 1), count);
      done += count;
    }
    return true;
  }

  read(address: number, lengthBytes: number): DataView | null {
    if (this.#isRefused(address, lengthBytes)) return null;
    const copy = new Uint8Array(lengthBytes);
    return this.copyFrom(address, copy) ? new DataView(copy.buffer) : null;
  }

  write(address: number, view: DataView): boolean {
    return this.copyTo(address, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  readUint32(address: number): number | null {
    const at = this.#place(address, 4, ACCESS.read);
    if (at >= 0) return this.#memory.view.getUint32(at, true);
    return at === SPLIT ? (this.read(address, 4)?.getUint32(0, true) ?? null) : null;
  }

  writeUint32(address: number, value: number): boolean {
    return this.#writeWords(address, value, 0, 4);
  }

  writeLong(address: number, value: number): boolean {
    return this.#writeWords(address, value >>> 0, Math.floor(value / TWO_32) >>> 0, this.#isWide ? 8 : 4);
  }

  readLong(address: number): number | null {
    const isWide = this.#isWide;
    const lengthBytes = isWide ? 8 : 4;
    const valueAt = (view: DataView, at: number): number =>
      isWide ? view.getInt32(at + 4, true) * TWO_32 + view.getUint32(at, true) : view.getUint32(at, true);
    const at = this.#place(address, lengthBytes, ACCESS.read);
    if (at >= 0) return valueAt(this.#memory.view, at);
    const copy = at === SPLIT ? this.read(address, lengthBytes) : null;
    return copy === null ? null : valueAt(copy, 0);
  }

  isAllowed(address: number, count: number, elementBytes: number): boolean {
    return isGuestRange(this.#parts.width, address, count * elementBytes);
  }

  /** Writes 4 or 8 bytes. */
  #writeWords(address: number, low: number, high: number, lengthBytes: 4 | 8): boolean {
    const memory = this.#memory;
    const at = this.#place(address, lengthBytes, ACCESS.write);
    if (at === SPLIT) {
      const value = new DataView(new ArrayBuffer(lengthBytes));
      value.setUint32(0, low, true);
      if (lengthBytes === 8) value.setUint32(4, high, true);
      return this.write(address, value);
    }
    if (at < 0) return false;
    memory.view.setUint32(at, low, true);
    if (lengthBytes === 8) memory.view.setUint32(at + 4, high, true);
    memory.written(toMfn(at >>> PAGE_SHIFT), at & (PAGE_SIZE - 1), lengthBytes);
    return true;
  }

  /** Offset in machine memory of a few bytes that lie in one page; {@link SPLIT} if they lie in two, -1 if they are not there. */
  #place(address: number, lengthBytes: number, kind: number): number {
    if (this.#isRefused(address, lengthBytes)) return -1;
    return bytesToPageEnd(address) < lengthBytes ? SPLIT : this.#translate(address, kind);
  }

  /** Offset in machine memory behind a guest address, or -1. */
  #translate(address: number, kind: number): number {
    const { view } = this.#memory;
    const mailbox = this.#mailbox;
    const space = this.#parts.space();
    this.fault = null;
    if (space === null) return -1;
    const rights = this.#isWide ? ACCESS.user : ACCESS.narrow;
    if (this.#parts.translator.refill(space, toLinearAddress(address), kind | rights) === REFILL.fault) {
      this.fault = {
        address: toLinearAddress(view.getFloat64(mailbox + REFILL_MAILBOX.address, true)),
        errorCode: view.getUint32(mailbox + REFILL_MAILBOX.errorCode, true),
      };
      return -1;
    }
    return view.getUint32(mailbox + REFILL_MAILBOX.hostAddress, true);
  }

  #isRefused(address: number, lengthBytes: number): boolean {
    if (isGuestRange(this.#parts.width, address, lengthBytes)) return false;
    this.fault = null;
    return true;
  }
}

/** From so many bytes on a call that copies them all is quicker than a loop. */
const LONG_COPY = 256;

const copyBytes = (
  from: Uint8Array,
  fromStart: number,
  to: Uint8Array,
  toStart: number,
  count: number,
): void => {
  if (count >= LONG_COPY) to.set(from.subarray(fromStart, fromStart + count), toStart);
  else for (let index = 0; index < count; index++) to[toStart + index] = from[fromStart + index] ?? 0;
};

const bytesToPageEnd = (address: number): number =>
  PAGE_SIZE - (((address % PAGE_SIZE) + PAGE_SIZE) % PAGE_SIZE);

/** Makes the accessor of one VCPU. */
export const createGuestMemory = (parts: GuestMemoryParts): GuestMemory => new TranslatedMemory(parts);
