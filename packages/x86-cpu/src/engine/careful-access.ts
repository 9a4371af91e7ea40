import { ACCESS, FRAME_WATCH, type MachineMemory, toMfn } from "@xenolith/machine-interface";
import { TRANSLATE } from "../interpreter/interpreter-machine.ts";
import { NOTHING_PENDING, STATE } from "../state/layout.ts";
import type { VcpuState } from "../state/vcpu-state.ts";
import type { SupportHost } from "../support/support-host.ts";
import type { VcpuMemory } from "./linear-memory.ts";
import { NOT_ADMITTED, type RunObserver } from "./run-observer.ts";
import { accessFault, isAccessFault, type ReadResult } from "./system-operations.ts";

const PAGE_BYTES = 4096;
const NO_HOST = -1;

/** Whose accesses they are. */
export interface CurrentVcpu {
  readonly state: VcpuState;
  readonly memory: VcpuMemory;
  /** What support functions ask of it. */
  readonly host: SupportHost;
}

/**
 * Accesses that generated code cannot make by itself. One that crosses a page is made in the bounce buffer of the state
 * block, and a store there is carried out afterwards; a store to a watched frame is made in place and announced afterwards.
 */
export class CarefulAccess {
  /** The VCPU that is running. */
  current: CurrentVcpu | null = null;
  /** Who wants to know of accesses. */
  observer: RunObserver | null = null;
  readonly #machine: MachineMemory;
  #firstHost = 0;
  #firstBytes = 0;
  #secondHost = 0;
  #secondBytes = 0;

  constructor(machine: MachineMemory) {
    this.#machine = machine;
  }

  /** As `TranslationImports.access`. After a fault it is in the state block. */
  access(address: number, flags: number): number {
    const { current } = this;
    if (current === null) return NO_HOST;
    const { memory, state } = current;
    const sizeBytes = flags & 0xff;
    const isWrite = (flags & TRANSLATE.write) !== 0;
    const kind = isWrite ? ACCESS.write : ACCESS.read;
    state.setU32(STATE.pendingStore, NOTHING_PENDING);
    const inPage = PAGE_BYTES - (address & (PAGE_BYTES - 1));
    if (sizeBytes > inPage) {
      const hole = memory.holeBehind(address);
      if (isAccessFault(hole)) return this.#fault(state, hole);
    }
    const host = memory.translate(address, kind);
    if (isAccessFault(host)) return this.#fault(state, host);
    this.#firstHost = host;
    this.#firstBytes = Math.min(sizeBytes, inPage);
    this.#secondBytes = sizeBytes - this.#firstBytes;
    if (this.#secondBytes === 0) {
      if (this.observer !== null && !this.#admit(this.observer, address, sizeBytes, isWrite)) return NO_HOST;
      if (isWrite) state.setU32(STATE.pendingStore, host);
      return host | 0;
    }
    this.#secondHost = memory.translateNext(address, kind);
    if (isAccessFault(this.#secondHost)) return this.#fault(state, this.#secondHost);
    if (this.observer !== null && !this.#admit(this.observer, address, sizeBytes, isWrite)) return NO_HOST;
    return this.#bounce(state, isWrite);
  }

  #admit(observer: RunObserver, address: number, sizeBytes: number, isWrite: boolean): boolean {
    const secondHost = this.#secondBytes === 0 ? -1 : this.#secondHost;
    const access = { address, sizeBytes, isWrite, host: this.#firstHost, secondHost };
    if (observer.admit(access)) return true;
    this.current?.state.setU32(STATE.fault, NOT_ADMITTED);
    return false;
  }

  #fault(state: VcpuState, failed: ReadResult): number {
    state.setU32(STATE.fault, accessFault(failed));
    return NO_HOST;
  }

  #bounce(state: VcpuState, isWrite: boolean): number {
    const bounce = state.base + STATE.bounce;
    const { bytes } = this.#machine;
    bytes.copyWithin(bounce, this.#firstHost, this.#firstHost + this.#firstBytes);
    bytes.copyWithin(bounce + this.#firstBytes, this.#secondHost, this.#secondHost + this.#secondBytes);
    if (isWrite) state.setU32(STATE.pendingStore, bounce);
    return bounce | 0;
  }

  /** Carries out or announces the store that was prepared. */
  commit(): void {
    const { current } = this;
    if (current === null) return;
    const { memory, state } = current;
    state.setU32(STATE.pendingStore, NOTHING_PENDING);
    if (this.#secondBytes === 0) {
      memory.announce(this.#firstHost, this.#firstBytes);
      return;
    }
    const bounce = state.base + STATE.bounce;
    const { bytes } = this.#machine;
    bytes.copyWithin(this.#firstHost, bounce, bounce + this.#firstBytes);
    bytes.copyWithin(
      this.#secondHost,
      bounce + this.#firstBytes,
      bounce + this.#firstBytes + this.#secondBytes,
    );
    memory.announce(this.#firstHost, this.#firstBytes);
    memory.announce(this.#secondHost, this.#secondBytes);
  }

  /**
   * As `TranslationImports.announceStore`. Where no RAM answers there is nothing to announce. A frame that is watched for code only may be announced before the store: whoever
   * keeps code forgets it, and nobody decodes in between. Any other watch wants to see the new bytes.
   */
  announceStore(host: number, sizeBytes: number): number {
    const frame = host >>> 12;
    if (frame >= this.#machine.frameCount) return host;
    const watch = this.#machine.bytes[this.#machine.watchTableOffset + frame] ?? 0;
    if (watch !== FRAME_WATCH.code) return NO_HOST;
    this.#machine.written(toMfn(frame), host & (PAGE_BYTES - 1), sizeBytes);
    return host;
  }
}
