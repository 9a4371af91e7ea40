import type { DomId, GuestWidth, VcpuIndex } from "@xenolith/xen-abi";
import { ENOSYS, longBytes } from "@xenolith/xen-abi";
import { evtchn2lChannels } from "@xenolith/xen-abi/event-channel";
import { SHARED_INFO, VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import type { EventDelivery } from "./delivery.ts";
import type { EventHost, SharedWords } from "./types.ts";
import { createUpcallFlag } from "./upcall.ts";

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

/**
 * Two-level delivery: evtchn_pending and evtchn_mask in shared_info, one selector word per VCPU whose bit n says that
 * `unsigned long` n of evtchn_pending has news, and evtchn_upcall_pending. All of it may be scribbled over by the guest at
 * any time; nothing read here is used as anything but a bit. [XEN xen.h]
 */
export const createTwoLevelDelivery = (host: EventHost, domain: DomId, width: GuestWidth): EventDelivery => {
  const shared = host.sharedInfo(domain);
  const { evtchnPending, evtchnMask } = SHARED_INFO[width];
  const { evtchnPendingSel } = VCPU_INFO.layout[width];
  const upcall = createUpcallFlag(host, domain, width);
  const bitsPerLong = longBytes(width) * 8;
  const wordsPerLong = bitsPerLong / BITS_PER_WORD;

  /** Announces news of a port's word to a VCPU. */
  const announce = (port: number, vcpu: VcpuIndex): void => {
    const info = host.vcpuInfo(domain, vcpu);
    if (info === null || testAndSetBit(info, evtchnPendingSel, Math.floor(port / bitsPerLong))) return;
    upcall.raise(vcpu);
  };

  /** Takes the ports of one `unsigned long` of evtchn_pending that a selector bit stands for. */
  const takeLong = (long: number, into: number[]): void => {
    for (let index = long * wordsPerLong; index < (long + 1) * wordsPerLong; index++) {
      const at = evtchnPending + index * 4;
      const pending = shared.readUint32(at);
      const due = pending & ~shared.readUint32(evtchnMask + index * 4);
      if (due === 0) continue;
      shared.writeUint32(at, (pending & ~due) >>> 0);
      for (const bit of bitsOf(due)) into.push(index * BITS_PER_WORD + bit);
    }
  };

  return {
    abi: "two-level",
    portLimit: evtchn2lChannels(width),
    opened: () => {},
    isBusy: () => false,
    setPriority: () => -ENOSYS,
    close: () => {},
    setPending: (port, vcpu) => {
      if (testAndSetBit(shared, evtchnPending, port)) return false;
      if (!hasBit(shared, evtchnMask, port)) announce(port, vcpu);
      return true;
    },
    clearPending: (port) => {
      testAndClearBit(shared, evtchnPending, port);
    },
    isPending: (port) => hasBit(shared, evtchnPending, port),
    isMasked: (port) => hasBit(shared, evtchnMask, port),
    unmask: (port, vcpu) => {
      if (testAndClearBit(shared, evtchnMask, port) && hasBit(shared, evtchnPending, port)) {
        announce(port, vcpu);
      }
    },
    take: (vcpu) => {
      const info = host.vcpuInfo(domain, vcpu);
      if (info === null) return [];
      // Cleared before the selector is looked at: an event that comes meanwhile is announced again.
      upcall.clear(vcpu);
      const ports: number[] = [];
      for (let word = 0; word < wordsPerLong; word++) {
        const selector = takeWord(info, evtchnPendingSel + word * 4);
        for (const bit of bitsOf(selector)) takeLong(word * BITS_PER_WORD + bit, ports);
      }
      return ports;
    },
  };
};
