import {
  createEventChannels,
  type EventChannels,
  type EventHost,
  type SharedWords,
} from "@xenolith/event-channels";
import { type DomId, type GuestWidth, toDomId, toVcpuIndex, type VcpuIndex } from "@xenolith/xen-abi";
import { SHARED_INFO, VCPU_INFO, VCPU_INFO_BYTES } from "@xenolith/xen-abi/shared-info";

/** A page that counts what is written to it. */
export const createPage = (
  offset = 0,
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096),
): SharedWords & { readonly bytes: Uint8Array } => {
  const view = new DataView(bytes.buffer);
  return {
    bytes,
    readUint32: (at) => view.getUint32(offset + at, true),
    writeUint32: (at, value) => view.setUint32(offset + at, value, true),
  };
};

/** A hypervisor made of nothing but shared pages and notes of what it was told. */
export interface FakeHost extends EventHost {
  readonly notes: string[];
  readonly pages: Map<DomId, Uint8Array<ArrayBuffer>>;
  readonly paused: Set<DomId>;
  /** Guest frames that can be held, by number, and those that are held now. */
  readonly frames: Map<number, Uint8Array<ArrayBuffer>>;
  readonly held: number[];
}

export const createFakeHost = (): FakeHost => {
  const pages = new Map<DomId, Uint8Array<ArrayBuffer>>();
  const notes: string[] = [];
  const paused = new Set<DomId>();
  const frames = new Map<number, Uint8Array<ArrayBuffer>>();
  const held: number[] = [];
  const pageOf = (domain: DomId): Uint8Array<ArrayBuffer> => {
    const page = pages.get(domain) ?? new Uint8Array(4096);
    pages.set(domain, page);
    return page;
  };
  return {
    notes,
    pages,
    paused,
    frames,
    held,
    holdPage: (_domain, frame) => {
      const bytes = frames.get(frame);
      if (bytes === undefined) return null;
      held.push(frame);
      return {
        words: createPage(0, bytes),
        release: () => {
          held.splice(held.indexOf(frame), 1);
        },
      };
    },
    sharedInfo: (domain) => createPage(0, pageOf(domain)),
    vcpuInfo: (domain, vcpu) => createPage(vcpu * VCPU_INFO_BYTES, pageOf(domain)),
    upcallPending: (domain, vcpu) => notes.push(`upcall ${domain}.${vcpu}`),
    wakePolling: (domain, vcpu) => notes.push(`wake ${domain}.${vcpu}`),
    isPaused: (domain) => paused.has(domain),
  };
};

/** A guest's view of its shared_info. */
export interface GuestView {
  pending(port: number): boolean;
  setMask(port: number, masked: boolean): void;
  upcall(vcpu?: number): boolean;
  selector(vcpu?: number): bigint;
  clearUpcall(vcpu?: number): void;
}

export const guestView = (host: FakeHost, domain: DomId, width: GuestWidth): GuestView => {
  const bytes = host.pages.get(domain) ?? new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  const layout = SHARED_INFO[width];
  const info = VCPU_INFO.layout[width];
  return {
    pending: (port) => (((bytes[layout.evtchnPending + (port >>> 3)] ?? 0) >>> (port & 7)) & 1) === 1,
    setMask: (port, masked) => {
      const at = layout.evtchnMask + (port >>> 3);
      const bit = 1 << (port & 7);
      bytes[at] = masked ? (bytes[at] ?? 0) | bit : (bytes[at] ?? 0) & ~bit;
    },
    upcall: (vcpu = 0) => bytes[vcpu * VCPU_INFO_BYTES + info.evtchnUpcallPending] !== 0,
    selector: (vcpu = 0) => {
      const at = vcpu * VCPU_INFO_BYTES + info.evtchnPendingSel;
      return width === "x86_64" ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    },
    clearUpcall: (vcpu = 0) => {
      bytes[vcpu * VCPU_INFO_BYTES + info.evtchnUpcallPending] = 0;
      const at = vcpu * VCPU_INFO_BYTES + info.evtchnPendingSel;
      bytes.fill(0, at, at + (width === "x86_64" ? 8 : 4));
    },
  };
};

export const DOM0: DomId = toDomId(0);
export const DOM1: DomId = toDomId(1);
export const DOM2: DomId = toDomId(2);
export const VCPU0: VcpuIndex = toVcpuIndex(0);
export const VCPU1: VcpuIndex = toVcpuIndex(1);

/** Three domains: 0 privileged, 1 and 2 not; two VCPUs each. */
export const createThreeDomains = (
  width: GuestWidth = "x86_32p",
): {
  readonly host: FakeHost;
  readonly events: EventChannels;
  readonly guest: (domain: DomId) => GuestView;
} => {
  const host = createFakeHost();
  const events = createEventChannels(host);
  for (const domain of [DOM0, DOM1, DOM2]) {
    events.addDomain(domain, { width, vcpuCount: 2, privileged: domain === DOM0 });
  }
  return { host, events, guest: (domain) => guestView(host, domain, width) };
};

/** A channel between two domains: `[port of the first, port of the second]`, nothing pending. */
export const connect = (events: EventChannels, first: DomId, second: DomId): readonly [number, number] => {
  const offered = events.allocUnbound(first, first, second);
  const bound = events.bindInterdomain(second, first, offered);
  events.takePending(second, VCPU0);
  return [offered, bound];
};
