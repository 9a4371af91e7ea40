import type { DomId, GuestWidth, VcpuIndex } from "@xenolith/xen-abi";
import { ENOSYS, longBytes } from "@xenolith/xen-abi";
import { evtchn2lChannels } from "@xenolith/xen-abi/event-channel";
import { SHARED_INFO, VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import type { EventDelivery } from "./delivery.ts";
import type { EventHost, SharedWords } from "./types.ts";
import { createUpcallFlag, type UpcallFlag } from "./upcall.ts";

const BITS_PER_WORD = 32;

/** A bit array in shared memory, as little-endian 32-bit words. */
const hasBit = (words: SharedWords, base: number, bit: number): boolean =>
  ((words.readUint32(base + (bit >>> 5) * 4) >>> (bit & 31)) & 1) === 1;

/** Sets a bit; says whether it was set already. */
const testAndSetBit = (words: SharedWords, base: number, bit: number): boolean => {
  const at = base + (bit >>> 5) * 4;
  const word = words.readUint32(at);
  const mask = 1 << (bit & 31);
  if ((word & mask) !== 0) return true;
  words.writeUint32(at, (word | mask) >>> 0);
  return false;
};

/** Clears a bit; says whether it was set. */
const testAndClearBit = (words: SharedWords, base: number, bit: number): boolean => {
  const at = base + (bit >>> 5) * 4;
  const word = words.readUint32(at);
  const mask = 1 << (bit & 31);
  if ((word & mask) === 0) return false;
  words.writeUint32(at, (word & ~mask) >>> 0);
  return true;
};

/** Exchanges a word with 0. */
const takeWord = (words: SharedWords, at: number): number => {
  const word = words.readUint32(at);
  if (word !== 0) words.writeUint32(at, 0);
  return word;
};

/** Positions of the bits of a 32-bit word, ascending. */
const bitsOf = (word: number): number[] => {
  const bits: number[] = [];
  for (let rest = word; rest !== 0; rest &= rest - 1) bits.push(31 - Math.clz32(rest & -rest));
  return bits;
};

/** A class, not closures: a host has one for every domain. */
class TwoLevelDelivery implements EventDelivery {
  readonly abi = "two-level";
  readonly #host: EventHost;
  readonly #domain: DomId;
  readonly #width: GuestWidth;
  readonly #shared: SharedWords;
  readonly #upcall: UpcallFlag;

  constructor(host: EventHost, domain: DomId, width: GuestWidth) {
    this.#host = host;
    this.#domain = domain;
    this.#width = width;
    this.#shared = host.sharedInfo(domain);
    this.#upcall = createUpcallFlag(host, domain, width);
  }

  get portLimit(): number {
    return evtchn2lChannels(this.#width);
  }

  opened(): void {}

  isBusy(): boolean {
    return false;
  }

  setPriority(): number {
    return -ENOSYS;
  }

  close(): void {}

  setPending(port: number, vcpu: VcpuIndex): boolean {
    const { evtchnPending, evtchnMask } = SHARED_INFO[this.#width];
    if (testAndSetBit(this.#shared, evtchnPending, port)) return false;
    if (!hasBit(this.#shared, evtchnMask, port)) this.#announce(port, vcpu);
    return true;
  }

  clearPending(port: number): void {
    testAndClearBit(this.#shared, SHARED_INFO[this.#width].evtchnPending, port);
  }

  isPending(port: number): boolean {
    return hasBit(this.#shared, SHARED_INFO[this.#width].evtchnPending, port);
  }

  isMasked(port: number): boolean {
    return hasBit(this.#shared, SHARED_INFO[this.#width].evtchnMask, port);
  }

  unmask(port: number, vcpu: VcpuIndex): void {
    const { evtchnMask } = SHARED_INFO[this.#width];
    if (testAndClearBit(this.#shared, evtchnMask, port) && this.isPending(port)) this.#announce(port, vcpu);
  }

  take(vcpu: VcpuIndex): number[] {
    const info = this.#host.vcpuInfo(this.#domain, vcpu);
    if (info === null) return [];
    const { evtchnPendingSel } = VCPU_INFO.layout[this.#width];
    // Cleared before the selector is looked at: an event that comes meanwhile is announced again.
    this.#upcall.clear(vcpu);
    const ports: number[] = [];
    for (let word = 0; word < this.#wordsPerLong(); word++) {
      const selector = takeWord(info, evtchnPendingSel + word * 4);
      for (const bit of bitsOf(selector)) this.#takeLong(word * BITS_PER_WORD + bit, ports);
    }
    return ports;
  }

  #wordsPerLong(): number {
    return longBytes(this.#width) / 4;
  }

  /** Announces news of a port's word to a VCPU. */
  #announce(port: number, vcpu: VcpuIndex): void {
    const info = this.#host.vcpuInfo(this.#domain, vcpu);
    const { evtchnPendingSel } = VCPU_INFO.layout[this.#width];
    const long = Math.floor(port / (this.#wordsPerLong() * BITS_PER_WORD));
    if (info === null || testAndSetBit(info, evtchnPendingSel, long)) return;
    this.#upcall.raise(vcpu);
  }

  /** Takes the ports of one `unsigned long` of evtchn_pending that a selector bit stands for. */
  #takeLong(long: number, into: number[]): void {
    const shared = this.#shared;
    const { evtchnPending, evtchnMask } = SHARED_INFO[this.#width];
    for (let index = long * this.#wordsPerLong(); index < (long + 1) * this.#wordsPerLong(); index++) {
      const at = evtchnPending + index * 4;
      const pending = shared.readUint32(at);
      const due = pending & ~shared.readUint32(evtchnMask + index * 4);
      if (due === 0) continue;
      shared.writeUint32(at, (pending & ~due) >>> 0);
      for (const bit of bitsOf(due)) into.push(index * BITS_PER_WORD + bit);
    }
  }
}

/**
 * Two-level delivery: evtchn_pending and evtchn_mask in shared_info, one selector word per VCPU whose bit n says that
 * `unsigned long` n of evtchn_pending has news, and evtchn_upcall_pending. All of it may be scribbled over by the guest at
 * any time; nothing read here is used as anything but a bit. [XEN xen.h]
 */
export const createTwoLevelDelivery = (host: EventHost, domain: DomId, width: GuestWidth): EventDelivery =>
  new TwoLevelDelivery(host, domain, width);
