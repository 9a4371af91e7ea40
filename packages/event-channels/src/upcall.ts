import type { DomId, GuestWidth, VcpuIndex } from "@xenolith/xen-abi";
import { VCPU_INFO } from "@xenolith/xen-abi/shared-info";
import type { EventHost } from "./types.ts";

/** The byte evtchn_upcall_pending of each VCPU, which all ABIs share. */
export interface UpcallFlag {
  /** Sets it, and tells the hypervisor when that is news. */
  raise(vcpu: VcpuIndex): void;
  clear(vcpu: VcpuIndex): void;
}

/** Makes access to the flags of a domain's VCPUs. */
export const createUpcallFlag = (host: EventHost, domain: DomId, width: GuestWidth): UpcallFlag => {
  const { evtchnUpcallPending } = VCPU_INFO.layout[width];
  const at = evtchnUpcallPending & ~3;
  const shift = (evtchnUpcallPending & 3) * 8;
  return {
    raise(vcpu) {
      const info = host.vcpuInfo(domain, vcpu);
      const word = info?.readUint32(at) ?? 0;
      if (info === null || ((word >>> shift) & 0xff) !== 0) return;
      info.writeUint32(at, (word | (1 << shift)) >>> 0);
      host.upcallPending(domain, vcpu);
    },
    clear(vcpu) {
      const info = host.vcpuInfo(domain, vcpu);
      info?.writeUint32(at, (info.readUint32(at) & ~(0xff << shift)) >>> 0);
    },
  };
};
