import { EINVAL, type VcpuIndex } from "@xenolith/xen-abi";
import {
  EVTCHN_FIFO_BUSY,
  EVTCHN_FIFO_LINK_BITS,
  EVTCHN_FIFO_LINKED,
  EVTCHN_FIFO_MASKED,
  EVTCHN_FIFO_NR_CHANNELS,
  EVTCHN_FIFO_PENDING,
  EVTCHN_FIFO_PRIORITY_DEFAULT,
  EVTCHN_FIFO_PRIORITY_MIN,
} from "@xenolith/xen-abi/event-channel";
import type { EventDelivery } from "./delivery.ts";
import type { HeldPage, SharedWords } from "./types.ts";
import type { UpcallFlag } from "./upcall.ts";

/** Event words in a page of the array. */
export const WORDS_PER_PAGE = 1024;
/** Pages that an array may have. */
export const MAXIMUM_PAGES: number = EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE;

/** Queues of a VCPU, one for each priority. */
const QUEUES = EVTCHN_FIFO_PRIORITY_MIN + 1;

/** `struct evtchn_fifo_control_block`: ready @0, head[16] @8; 72 bytes. [XEN event_channel.h] */
export const CONTROL_BLOCK_BYTES: number = 8 + 4 * QUEUES;
const HEAD_AT = 8;

const PENDING = (1 << EVTCHN_FIFO_PENDING) >>> 0;
const MASKED = 1 << EVTCHN_FIFO_MASKED;
const LINKED = 1 << EVTCHN_FIFO_LINKED;
const BUSY = 1 << EVTCHN_FIFO_BUSY;
const LINK_MASK = (1 << EVTCHN_FIFO_LINK_BITS) - 1;

/** The control block of a VCPU, and the last event of each of its queues, as far as the hypervisor knows. */
interface ControlBlock {
  readonly page: HeldPage;
  readonly at: number;
}

/** Where a port was put into a queue last, and how it is to be queued. All of it outlives the channel in the port. */
interface PortState {
  priority: number;
  lastVcpu: VcpuIndex;
  lastPriority: number;
  /** Became pending while the array had no word for it. */
  waits: boolean;
}

/** FIFO delivery with what it takes to set it up. */
export interface FifoDelivery extends EventDelivery {
  hasControlBlock(vcpu: VcpuIndex): boolean;
  setControlBlock(vcpu: VcpuIndex, page: HeldPage, offset: number): void;
  readonly pages: number;
  /** Adds a page to the event array; what became pending before it was there is delivered. `vcpuOf`: where ports go to. */
  addPage(page: HeldPage, vcpuOf: (port: number) => VcpuIndex | null): void;
  /** Remembers a port that was pending when the ABI changed. */
  keepPending(port: number): void;
}

/**
 * FIFO delivery: a word for each port in pages of the guest, linked into one queue per VCPU and priority, whose heads lie in
 * the VCPU's control block. The guest takes events off; only the hypervisor adds them. Both write the words at any time:
 * whatever is read here is used as bits and as a link only after it has been compared with the size of the array.
 * [XEN event_channel.h]
 */
export const createFifoDelivery = (upcall: UpcallFlag): FifoDelivery => {
  const array: HeldPage[] = [];
  const blocks = new Map<VcpuIndex, ControlBlock>();
  /** Last event of each queue: the hypervisor's own knowledge, by VCPU and priority. 0: none. */
  const tails = new Map<number, number>();
  const states = new Map<number, PortState>();

  const stateOf = (port: number): PortState => {
    const known = states.get(port);
    if (known !== undefined) return known;
    const fresh: PortState = {
      priority: EVTCHN_FIFO_PRIORITY_DEFAULT,
      lastVcpu: 0 as VcpuIndex,
      lastPriority: EVTCHN_FIFO_PRIORITY_DEFAULT,
      waits: false,
    };
    states.set(port, fresh);
    return fresh;
  };

  const wordsOf = (port: number): SharedWords | null =>
    array[Math.floor(port / WORDS_PER_PAGE)]?.words ?? null;
  const offsetOf = (port: number): number => (port % WORDS_PER_PAGE) * 4;
  const read = (port: number): number => wordsOf(port)?.readUint32(offsetOf(port)) ?? 0;
  const write = (port: number, word: number): void => wordsOf(port)?.writeUint32(offsetOf(port), word >>> 0);
  const has = (port: number, bits: number): boolean => (read(port) & bits) !== 0;

  const queueOf = (vcpu: VcpuIndex, priority: number): number => vcpu * QUEUES + priority;

  /** Lets the word of a queue's last event lead to another, if it is still in the queue. @returns whether it was. */
  const link = (tail: number, port: number): boolean => {
    const word = read(tail);
    if ((word & LINKED) === 0) return false;
    write(tail, (word & ~(BUSY | LINK_MASK)) | port);
    return true;
  };

  /** Puts a port at the end of the queue where it belongs now. @returns whether the queue had been empty. */
  const enqueue = (port: number, vcpu: VcpuIndex, block: ControlBlock): boolean => {
    const state = stateOf(port);
    const queue = queueOf(vcpu, state.priority);
    const old = queueOf(state.lastVcpu, state.lastPriority);
    // The last event of a queue has been taken off it: the queue is empty.
    if (tails.get(old) === port) tails.set(old, 0);
    state.lastVcpu = vcpu;
    state.lastPriority = state.priority;
    const tail = tails.get(queue) ?? 0;
    const isLinked = tail !== 0 && link(tail, port);
    if (!isLinked) block.page.words.writeUint32(block.at + HEAD_AT + 4 * state.priority, port);
    tails.set(queue, port);
    return !isLinked;
  };

  /** Says that a queue has news. */
  const announce = (vcpu: VcpuIndex, priority: number, { page, at }: ControlBlock): void => {
    const ready = page.words.readUint32(at);
    if ((ready & (1 << priority)) !== 0) return;
    page.words.writeUint32(at, (ready | (1 << priority)) >>> 0);
    upcall.raise(vcpu);
  };

  const setPending = (port: number, vcpu: VcpuIndex): boolean => {
    if (wordsOf(port) === null) {
      const state = stateOf(port);
      const isNews = !state.waits;
      state.waits = true;
      return isNews;
    }
    const before = read(port);
    const block = blocks.get(vcpu);
    const isQueued = (before & (MASKED | LINKED)) !== 0 || block === undefined;
    write(port, before | PENDING | (isQueued ? 0 : LINKED));
    if (!isQueued) {
      const { priority } = stateOf(port);
      if (enqueue(port, vcpu, block)) announce(vcpu, priority, block);
    }
    return (before & PENDING) === 0;
  };

  /** Takes one queue apart, as a guest does. */
  const takeQueue = (priority: number, { page, at }: ControlBlock, into: number[]): void => {
    let port = page.words.readUint32(at + HEAD_AT + 4 * priority) & LINK_MASK;
    for (let steps = array.length * WORDS_PER_PAGE; port !== 0 && steps > 0; steps--) {
      const word = read(port);
      const isDue = (word & PENDING) !== 0 && (word & MASKED) === 0;
      write(port, word & ~(LINKED | LINK_MASK | (isDue ? PENDING : 0)));
      if (isDue) into.push(port);
      port = word & LINK_MASK;
    }
    page.words.writeUint32(at + HEAD_AT + 4 * priority, 0);
  };

  return {
    abi: "fifo",
    portLimit: EVTCHN_FIFO_NR_CHANNELS,
    opened(port) {
      const state = states.get(port);
      if (state !== undefined) state.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    },
    isBusy: (port) => has(port, LINKED),
    setPending,
    clearPending(port) {
      const state = states.get(port);
      if (state !== undefined) state.waits = false;
      if (has(port, PENDING)) write(port, read(port) & ~PENDING);
    },
    isPending: (port) => has(port, PENDING),
    isMasked: (port) => wordsOf(port) === null || has(port, MASKED),
    unmask(port, vcpu) {
      if (wordsOf(port) === null) return;
      write(port, read(port) & ~MASKED);
      if (has(port, PENDING)) setPending(port, vcpu);
    },
    setPriority(port, priority) {
      if (!(priority <= EVTCHN_FIFO_PRIORITY_MIN)) return -EINVAL;
      stateOf(port).priority = priority;
      return 0;
    },
    take(vcpu) {
      upcall.clear(vcpu);
      const block = blocks.get(vcpu);
      const ports: number[] = [];
      if (block === undefined) return ports;
      const ready = block.page.words.readUint32(block.at);
      block.page.words.writeUint32(block.at, 0);
      for (let priority = 0; priority < QUEUES; priority++)
        if ((ready & (1 << priority)) !== 0) takeQueue(priority, block, ports);
      return ports;
    },
    close() {
      for (const page of array.splice(0)) page.release();
      for (const { page } of blocks.values()) page.release();
      blocks.clear();
    },
    hasControlBlock: (vcpu) => blocks.has(vcpu),
    setControlBlock: (vcpu, page, offset) => {
      blocks.set(vcpu, { page, at: offset });
    },
    get pages() {
      return array.length;
    },
    addPage(page, vcpuOf) {
      const first = array.length * WORDS_PER_PAGE;
      array.push(page);
      for (const [port, state] of states) {
        const vcpu = state.waits && port >= first && wordsOf(port) !== null ? vcpuOf(port) : null;
        if (vcpu === null) continue;
        state.waits = false;
        setPending(port, vcpu);
      }
    },
    keepPending: (port) => {
      stateOf(port).waits = true;
    },
  };
};
