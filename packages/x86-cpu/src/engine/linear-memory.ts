import {
  ACCESS,
  type AddressTranslator,
  type Asid,
  type MachineMemory,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  TLB_ENTRY,
  TLB_ENTRY_BYTES,
  TLB_TAG,
  tlbIndex,
  toLinearAddress,
  toMfn,
} from "@xenolith/machine-interface";
import { type PackedFault, packFault, VECTOR } from "@xenolith/x86-architecture";
import { STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { RunObserver } from "./run-observer.ts";
import {
  type AccessPrivilege,
  accessFault,
  failedAccess,
  isAccessFault,
  type LinearMemory,
  type ReadResult,
} from "./system-operations.ts";

const PAGE_BYTES = 4096;
const LAST_NARROW = 0xffff_ffff;
/** First address above the lower canonical half. */
const CANONICAL_END = 2 ** 47;

/** Whether an address is that of a wide access, whatever the code: 32-bit code has none such. */
const isBeyondNarrow = (at: number): boolean => at < 0 || at > LAST_NARROW;

/** Offset within its page of an exact address. */
const pageOffset = (at: number): number => at & (PAGE_BYTES - 1);

/** Told of an access to memory before it is made. */
export type AccessWatcher = (address: number, sizeBytes: number, isWrite: boolean) => void;

/** Memory of one VCPU by linear address, for TypeScript. */
export class VcpuMemory implements LinearMemory {
  low = 0;
  high = 0;
  /** Space that accesses are made in. */
  space: Asid;
  /** Whether the space is the active one and `STATE.spaceTag` is in force, so that the TLB may be looked at. */
  isActive = false;
  /** Whether addresses are those of 32-bit code. */
  isNarrow = true;
  /**
   * Where an access last went beyond the limit that the space enforces for segments, or was not canonical; null: nowhere
   * since it was cleared.
   */
  beyondLimit: number | null = null;
  #observer: RunObserver | null = null;
  #watcher: AccessWatcher | null = null;
  #isNoted = false;
  readonly #machine: MachineMemory;
  readonly #translator: AddressTranslator;
  readonly #state: VcpuState;

  constructor(machine: MachineMemory, translator: AddressTranslator, state: VcpuState, space: Asid) {
    this.#machine = machine;
    this.#translator = translator;
    this.#state = state;
    this.space = space;
  }

  /** Who wants to know of accesses. */
  set observer(observer: RunObserver | null) {
    this.#observer = observer;
    this.#isNoted = observer !== null || this.#watcher !== null;
  }

  /** What the breakpoints of the debug registers see of accesses that TypeScript makes; null: they want none. */
  set watcher(watcher: AccessWatcher | null) {
    this.#watcher = watcher;
    this.#isNoted = watcher !== null || this.#observer !== null;
  }

  read8(at: number, privilege?: AccessPrivilege): ReadResult {
    const host = this.translate(at, ACCESS.read, privilege);
    if (isAccessFault(host)) return host;
    if (this.#isNoted) this.#note(at, 1, false, host);
    return this.#machine.view.getUint8(host);
  }

  read16(at: number, privilege?: AccessPrivilege): ReadResult {
    if (pageOffset(at) > PAGE_BYTES - 2) return this.#readAcross(at, 2, privilege);
    const host = this.translate(at, ACCESS.read, privilege);
    if (isAccessFault(host)) return host;
    if (this.#isNoted) this.#note(at, 2, false, host);
    return this.#machine.view.getUint16(host, true);
  }

  read32(at: number, privilege?: AccessPrivilege): ReadResult {
    if (pageOffset(at) > PAGE_BYTES - 4) return this.#readAcross(at, 4, privilege);
    const host = this.translate(at, ACCESS.read, privilege);
    if (isAccessFault(host)) return host;
    if (this.#isNoted) this.#note(at, 4, false, host);
    return this.#machine.view.getUint32(host, true);
  }

  read64(at: number, privilege?: AccessPrivilege): PackedFault | 0 {
    if (pageOffset(at) <= PAGE_BYTES - 8) {
      const host = this.translate(at, ACCESS.read, privilege);
      if (isAccessFault(host)) return accessFault(host);
      if (this.#isNoted) this.#note(at, 8, false, host);
      this.low = this.#machine.view.getUint32(host, true);
      this.high = this.#machine.view.getUint32(host + 4, true);
      return 0;
    }
    const fault = this.checkRead(at, 8, privilege);
    if (fault !== 0) return fault;
    this.low = this.read32(at, privilege);
    this.high = this.read32(this.#after(at, 4), privilege);
    return 0;
  }

  write8(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0 {
    const host = this.translate(at, ACCESS.write, privilege);
    if (isAccessFault(host)) return accessFault(host);
    if (this.#isNoted) this.#note(at, 1, true, host);
    this.#machine.view.setUint8(host, value);
    this.announce(host, 1);
    return 0;
  }

  write16(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0 {
    if (pageOffset(at) > PAGE_BYTES - 2) return this.#writeAcross(at, 2, value, privilege);
    const host = this.translate(at, ACCESS.write, privilege);
    if (isAccessFault(host)) return accessFault(host);
    if (this.#isNoted) this.#note(at, 2, true, host);
    this.#machine.view.setUint16(host, value, true);
    this.announce(host, 2);
    return 0;
  }

  write32(at: number, value: number, privilege?: AccessPrivilege): PackedFault | 0 {
    if (pageOffset(at) > PAGE_BYTES - 4) return this.#writeAcross(at, 4, value, privilege);
    const host = this.translate(at, ACCESS.write, privilege);
    if (isAccessFault(host)) return accessFault(host);
    if (this.#isNoted) this.#note(at, 4, true, host);
    this.#machine.view.setUint32(host, value, true);
    this.announce(host, 4);
    return 0;
  }

  write64(at: number, low: number, high: number, privilege?: AccessPrivilege): PackedFault | 0 {
    const fault = this.checkWrite(at, 8, privilege);
    if (fault !== 0) return fault;
    return this.write32(at, low, privilege) || this.write32(this.#after(at, 4), high, privilege);
  }

  checkWrite(at: number, lengthBytes: number, privilege?: AccessPrivilege): PackedFault | 0 {
    return this.#check(at, lengthBytes, ACCESS.write, privilege);
  }

  checkRead(at: number, lengthBytes: number, privilege?: AccessPrivilege): PackedFault | 0 {
    return this.#check(at, lengthBytes, ACCESS.read, privilege);
  }

  copyFrom(at: number, target: Uint8Array): boolean {
    const host = this.#wholeAt(at, target.length, ACCESS.read);
    if (host < 0) return false;
    target.set(this.#machine.bytes.subarray(host, host + target.length));
    return true;
  }

  copyTo(at: number, source: Uint8Array): boolean {
    const host = this.#wholeAt(at, source.length, ACCESS.write);
    if (host < 0) return false;
    this.#machine.bytes.set(source, host);
    this.announce(host, source.length);
    return true;
  }

  /** Offset in machine memory of bytes that can be accessed as a whole; negative: they cannot. */
  #wholeAt(at: number, lengthBytes: number, kind: number): number {
    if (this.#isNoted || pageOffset(at) + lengthBytes > PAGE_BYTES) return -1;
    const host = this.translate(at, kind);
    return isAccessFault(host) ? -1 : host;
  }

  #note(address: number, sizeBytes: number, isWrite: boolean, host: number): void {
    this.#observer?.note({ address, sizeBytes, isWrite, host, secondHost: -1 });
    this.#watcher?.(address, sizeBytes, isWrite);
  }

  /** Tells of a store that was made through a host address. Where no RAM answers there is nothing to tell. */
  announce(host: number, lengthBytes: number): void {
    if (host >= this.#machine.ramBytes) return;
    this.#machine.written(toMfn(host >>> 12), host & (PAGE_BYTES - 1), lengthBytes);
  }

  /**
   * Offset in machine memory of the byte at a linear address, valid within its page for one access; or a fault.
   * @param kind - `ACCESS.read`, `.write` or `.execute`.
   */
  translate(at: number, kind: number, privilege: AccessPrivilege = "current"): ReadResult {
    const isUser = privilege === "current" && this.#state.privilege === 3;
    const isNarrow = this.isNarrow && !isBeyondNarrow(at);
    if (this.isActive) {
      const host = this.#lookUp(at, kind, isUser, isNarrow);
      if (host >= 0) return host;
    }
    const access = kind | (isUser ? ACCESS.user : 0) | (isNarrow ? ACCESS.narrow : 0);
    const result = this.#translator.refill(this.space, toLinearAddress(at), access);
    const { mailbox } = this.#translator.tlb;
    const { view } = this.#machine;
    if (result !== REFILL.fault) return view.getUint32(mailbox + REFILL_MAILBOX.hostAddress, true);
    const reason = view.getUint32(mailbox + REFILL_MAILBOX.reason, true);
    if (reason !== REFILL_REASON.pageFault) return this.#beyond(at);
    this.#machine.view.setFloat64(
      this.#state.base + STATE.faultAddress,
      view.getFloat64(mailbox + REFILL_MAILBOX.address, true),
      true,
    );
    return failedAccess(
      packFault(VECTOR.pageFault, view.getUint32(mailbox + REFILL_MAILBOX.errorCode, true)),
    );
  }

  #beyond(at: number): ReadResult {
    this.beyondLimit = at;
    return failedAccess(packFault(VECTOR.generalProtection, 0));
  }

  /** What the TLB knows; negative: nothing. */
  #lookUp(at: number, kind: number, isUser: boolean, isNarrow: boolean): number {
    const { tlb } = this.#translator;
    const { view } = this.#machine;
    const table = kind === ACCESS.read ? tlb.read : kind === ACCESS.write ? tlb.write : tlb.execute;
    const entry = table + tlbIndex(at) * TLB_ENTRY_BYTES;
    const spaceTag = this.#state.u32(STATE.spaceTag) & ~(TLB_TAG.user | TLB_TAG.narrow);
    const tag = spaceTag | (isUser ? TLB_TAG.user : 0) | (isNarrow ? TLB_TAG.narrow : 0);
    if (view.getInt32(entry + TLB_ENTRY.tag, true) !== ((at & -PAGE_BYTES) | tag)) return -1;
    if (!isNarrow && view.getInt32(entry + TLB_ENTRY.tag + 4, true) !== Math.floor(at / 0x1_0000_0000)) {
      return -1;
    }
    return (at + view.getUint32(entry + TLB_ENTRY.addend, true)) >>> 0;
  }

  /** The address `distance` bytes behind one: 32-bit code wraps. */
  #after(at: number, distance: number): number {
    return this.isNarrow && !isBeyondNarrow(at) ? (at + distance) >>> 0 : at + distance;
  }

  /** Translates the page behind the one of `at`, where an access that begins there goes on. */
  translateNext(at: number, kind: number, privilege?: AccessPrivilege): ReadResult {
    return this.translate(this.#after(at, PAGE_BYTES - pageOffset(at)), kind, privilege);
  }

  /**
   * A fault where the page behind the one of `at` begins the hole between the canonical halves, else 0: an access that goes
   * on there faults before any page does.
   */
  holeBehind(at: number): ReadResult {
    const next = this.#after(at, PAGE_BYTES - pageOffset(at));
    return next === CANONICAL_END ? this.#beyond(next) : 0;
  }

  #check(at: number, lengthBytes: number, kind: number, privilege?: AccessPrivilege): PackedFault | 0 {
    const crosses = lengthBytes > PAGE_BYTES - pageOffset(at);
    const hole = crosses ? this.holeBehind(at) : 0;
    if (isAccessFault(hole)) return accessFault(hole);
    const first = this.translate(at, kind, privilege);
    if (isAccessFault(first)) return accessFault(first);
    if (!crosses) return 0;
    const second = this.translateNext(at, kind, privilege);
    return isAccessFault(second) ? accessFault(second) : 0;
  }

  #readAcross(at: number, sizeBytes: number, privilege?: AccessPrivilege): ReadResult {
    const fault = this.checkRead(at, sizeBytes, privilege);
    if (fault !== 0) return failedAccess(fault);
    let value = 0;
    for (let byte = sizeBytes - 1; byte >= 0; byte--) {
      value = value * 256 + this.read8(this.#after(at, byte), privilege);
    }
    return value;
  }

  #writeAcross(at: number, sizeBytes: number, value: number, privilege?: AccessPrivilege): PackedFault | 0 {
    const fault = this.checkWrite(at, sizeBytes, privilege);
    if (fault !== 0) return fault;
    for (let byte = 0; byte < sizeBytes; byte++) {
      this.write8(this.#after(at, byte), (value >>> (8 * byte)) & 0xff, privilege);
    }
    return 0;
  }
}
