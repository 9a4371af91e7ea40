import type { BlockStore, ByteStream } from "@xenolith/backend-interface";
import type { DomainControl, DomainServices } from "@xenolith/domain-interface/control";
import type { EntropySource, Executor, Mfn } from "@xenolith/machine-interface";
import type { DomId, GrantRef, GuestWidth, Port } from "@xenolith/xen-abi";

/** A privileged connection to xenstore. Each operation fails with an Error that names operation, path and xenstore's error. */
export interface ToolstackStore {
  write(path: string, value: string): Promise<void>;
  /** Removes a path and all below it; a path that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Permissions in the wire's form, owner first: `n0`, `r5` … [XEN io/xs_wire.h] */
  setPermissions(path: string, permissions: readonly string[]): Promise<void>;
  /** Tells the store that a domain's ring is there: its reserved grant and the domain's port. */
  introduce(domain: DomId, frame: Mfn, port: Port): Promise<void>;
  /** Tells the store that a domain is gone; one that it does not know is no error. */
  release(domain: DomId): Promise<void>;
  /** Tells the store that a domain goes on that had stopped. */
  resume(domain: DomId): Promise<void>;
}

/** A console back end. */
export interface ConsoleService {
  /** Serves the console whose page the domain has granted under `reference`. */
  attach(domain: DomId, reference: GrantRef, port: Port): void;
  detach(domain: DomId): void;
  /** The console of a domain, or null. */
  find(domain: DomId): DomainConsole | null;
}

/** A domain's console as a person uses it. */
export interface DomainConsole {
  /** Connects a terminal in place of the present one, or (null) disconnects it. It first gets what no terminal has seen. */
  attach(terminal: ByteStream | null): void;
  /** The last output, up to `maximumBytes`. */
  tail(maximumBytes: number): Uint8Array;
  /** Input that the guest has not taken. */
  readonly unreadInputBytes: number;
}

/** A block back end: serves disks whose xenstore nodes have been written. */
export interface DiskService {
  attach(disk: DiskAttachment): void;
  /** Ends the service of all disks of a domain. Stores are closed by whoever opened them. */
  detach(domain: DomId): void;
}

/** A disk to be served. */
export interface DiskAttachment {
  readonly domain: DomId;
  /** Number of the device, as in its paths. */
  readonly device: number;
  readonly width: GuestWidth;
  readonly store: BlockStore;
  readonly writable: boolean;
  readonly cdrom: boolean;
  readonly frontendPath: string;
  readonly backendPath: string;
}

/** What the toolstack works with. It makes none of these itself. */
export interface ToolstackParts {
  readonly control: DomainControl;
  readonly store: ToolstackStore;
  readonly consoles: ConsoleService;
  readonly disks: DiskService;
  /** Draws UUIDs. */
  readonly entropy: EntropySource;
  /** The domain in which store, consoles and disks are served. */
  readonly backendDomain: DomId;
}

/** A disk of a new domain: the open store and how the guest sees it. */
export interface DiskConfig {
  readonly store: BlockStore;
  /** Name in the guest: `xvda`; null: the next free one. */
  readonly virtualDevice: string | null;
  readonly writable: boolean;
  readonly cdrom: boolean;
  /** Shown as `params` in xenstore: what the disk was opened from. */
  readonly description: string;
}

/** What runs in a domain: a kernel image, or an executor such as a TypeScript kernel. */
export type DomainPayload =
  | { readonly kind: "image"; readonly kernel: Uint8Array; readonly ramdisk: Uint8Array | null }
  | { readonly kind: "executor"; readonly make: (parts: ExecutorParts) => Executor };

/** What an executor of a new domain is made with. Console and store pages are the domain's own and granted already. */
export interface ExecutorParts {
  readonly services: DomainServices;
  readonly consoleFrame: Mfn;
  readonly consolePort: Port;
  readonly storeFrame: Mfn;
  readonly storePort: Port;
  readonly commandLine: string;
}

/** A domain to be created. */
export interface DomainConfig {
  /** Unique among living domains; letters, digits and `._+-`. */
  readonly name: string;
  readonly payload: DomainPayload;
  readonly commandLine: string;
  /** Memory it starts with. */
  readonly memoryMiB: number;
  /** Memory its balloon driver may ever have; `memoryMiB` when absent. */
  readonly maximumMemoryMiB?: number;
  readonly vcpus: number;
  /** Whether its kernel may make `alarm_op`, which Xen has not: alarms of real and of virtual time. Default false. */
  readonly alarms?: boolean;
  readonly disks: readonly DiskConfig[];
  /** Scheduling parameters by name; those not given have the policy's defaults. */
  readonly scheduling: Readonly<Record<string, number | boolean>>;
}
