import { createStreamPair } from "@xenolith/backend-interface";
import { type Blkback, createBlkback } from "@xenolith/blkback";
import type { DomainControl } from "@xenolith/domain-interface/control";
import { HostError } from "@xenolith/machine-interface";
import type { ConsoleService, DiskService, ToolstackStore } from "@xenolith/toolstack";
import type { TraceSink } from "@xenolith/trace";
import { createKernelExecutor, defineKernel } from "@xenolith/typescript-kernel";
import { type DomId, toDomId, toVcpuIndex } from "@xenolith/xen-abi";
import { createStoreClient, promiseStore, StoreError } from "@xenolith/xenbus";
import { createXenstored, type Xenstored } from "@xenolith/xenstored";
import { createConsoles } from "./consoles.ts";
import { createDisks } from "./disks.ts";
import type { Holds } from "./holds.ts";
import type { DiskTiming } from "./timed-store.ts";

/** Pages of the control domain's own: it needs few, back ends keep their data in the host's memory. */
const CONTROL_DOMAIN_PAGES = 64;

/** What the control domain is made from. */
export interface ControlDomainParts {
  readonly control: DomainControl;
  readonly scheduling: Readonly<Record<string, number | boolean>>;
  readonly holds: Holds;
  readonly diskTiming: DiskTiming;
  readonly trace: TraceSink;
  /** Told what went wrong inside it: it cannot go on then. */
  readonly onFailure: (error: unknown) => void;
}

/** Domain 0: a TypeScript kernel with the store, consoles and block back end. */
export interface ControlDomain {
  readonly id: DomId;
  readonly store: ToolstackStore;
  readonly consoles: ConsoleService;
  readonly disks: DiskService;
  readonly xenstored: Xenstored;
}

/** A privileged connection to the store for the toolstack, within the control domain. */
const openStore = (connect: (end: ReturnType<typeof createStreamPair>[0]) => void): ToolstackStore => {
  const [client, server] = createStreamPair();
  connect(server);
  const store = promiseStore(createStoreClient(client));
  /** What is not there need not be removed. */
  const unlessAbsent = async (operation: Promise<void>): Promise<void> => {
    try {
      await operation;
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "ENOENT")) throw error;
    }
  };
  return {
    ...store,
    remove: (path) => unlessAbsent(store.remove(path)),
    release: (domain) => unlessAbsent(store.release(domain)),
  };
};

const granted = (result: number, what: string): number => {
  if (result < 0) throw new HostError("control-domain", `control domain: ${what} failed (error ${result})`);
  return result;
};

/** Makes the control domain and lets it run. @throws HostError when the hypervisor has no room for it. */
export const createControlDomain = (parts: ControlDomainParts): ControlDomain => {
  const { control, trace } = parts;
  const id = toDomId(
    granted(
      control.create({
        id: toDomId(0),
        width: "x86_64",
        vcpus: 1,
        maximumPages: CONTROL_DOMAIN_PAGES,
        privileged: true,
        scheduling: parts.scheduling,
        uuid: new Uint8Array(16),
      }),
      "creation",
    ),
  );
  const [storeEnd, ownStoreServer] = createStreamPair();
  const [consoleEnd] = createStreamPair();
  const executor = createKernelExecutor({
    kernel: defineKernel({ name: "control domain", start: () => {} }),
    services: control.inside(id),
    connect: () => ({ store: storeEnd, console: consoleEnd }),
    commandLine: "",
    onFailure: parts.onFailure,
  });
  const { domain } = executor;
  const xenstored = createXenstored({ domain, trace });
  const identity = { domain: id, privileged: true };
  xenstored.connect(ownStoreServer, identity);
  const store = openStore((end) => xenstored.connect(end, identity));
  const blkback: Blkback = createBlkback({ domain, store: createStoreClient(domain.store), trace });
  const consoles = createConsoles({ domain, trace });
  const disks = createDisks({ blkback, domain, holds: parts.holds, timing: parts.diskTiming });
  control.onChange((changed, change) => {
    if (change === "shutdown") xenstored.domainStopped(changed);
  });
  granted(control.attachExecutor(id, toVcpuIndex(0), executor), "executor");
  granted(control.unpause(id), "start");
  return { id, store, consoles, disks, xenstored };
};
