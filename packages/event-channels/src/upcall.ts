import type { DomId, GuestWidth, VcpuIndex } from "@xenolith/xen-abi";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import type { EventHost } from "./types.ts";

/** The byte evtchn_upcall_pending of each VCPU, which all ABIs share. */
export interface UpcallFlag {
  /** Sets it, and tells the hypervisor when that is news. */
  raise(vcpu: VcpuIndex): void;
  clear(vcpu: VcpuIndex): void;
}

/** A class, not closures: a host has one for every domain. */
class SharedUpcallFlag implements UpcallFlag {
  readonly #host: EventHost;
  readonly #domain: DomId;
  readonly #offset: number;

  constructor(host: EventHost, domain: DomId, width: GuestWidth) {
    this.#host = host;
    this.#domain = domain;
    this.#offset = VCPU_INFO.layout[width].evtchnUpcallPending;
  }

  raise(vcpu: VcpuIndex): void {
    const info = this.#host.vcpuInfo(this.#domain, vcpu);
    const word = info?.readUint32(this.#wordOffset()) ?? 0;
    if (info === null || ((word >>> this.#shift()) & 0xff) !== 0) return;
    info.writeUint32(this.#wordOffset(), (word | (1 << this.#shift())) >>> 0);
    this.#host.upcallPending(this.#domain, vcpu);
  }

  clear(vcpu: VcpuIndex): void {
    const info = this.#host.vcpuInfo(this.#domain, vcpu);
    const word = info?.readUint32(this.#wordOffset()) ?? 0;
    info?.writeUint32(this.#wordOffset(), (word & ~(0xff << this.#shift())) >>> 0);
  }

  /** Place of the word that holds the byte. */
  #wordOffset(): number {
    return this.#offset & ~3;
  }

  /** Place of the byte in its word. */
  #shift(): number {
    return (this.#offset & 3) * 8;
  }
}

/** Makes access to the flags of a domain's VCPUs. */
export const createUpcallFlag = (host: EventHost, domain: DomId, width: GuestWidth): UpcallFlag =>
  new SharedUpcallFlag(host, domain, width);
