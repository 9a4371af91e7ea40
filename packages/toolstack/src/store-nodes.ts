import type { DomId, Port } from "@xenolith/xen-abi";
import type { DiskConfig } from "./parts.ts";

/** A node the toolstack writes, with permissions where they differ from the parent's. */
export interface StoreNode {
  readonly path: string;
  readonly value: string;
  readonly permissions?: readonly string[];
}

/** Home of a domain in xenstore. */
export const domainPath = (domain: DomId): string => `/local/domain/${domain}`;

/** Home of a virtual machine, which a domain belongs to. */
export const machinePath = (uuid: string): string => `/vm/${uuid}`;

/** What a domain's balloon driver aims at, in KiB. */
export const memoryTargetPath = (domain: DomId): string => `${domainPath(domain)}/memory/target`;

/** Paths of the two ends of a disk. */
export const diskPaths = (
  domain: DomId,
  device: number,
  backendDomain: DomId,
): { frontend: string; backend: string } => ({
  frontend: `${domainPath(domain)}/device/vbd/${device}`,
  backend: `${domainPath(backendDomain)}/backend/vbd/${domain}/${device}`,
});

const XENBUS_INITIALISING = "1";

/** What the nodes of a new domain tell. */
export interface DomainNodes {
  readonly domain: DomId;
  readonly backendDomain: DomId;
  readonly name: string;
  readonly uuid: string;
  readonly memoryKiB: number;
  readonly maximumMemoryKiB: number;
  readonly vcpus: number;
  readonly consolePort: Port;
  readonly consoleFrame: number;
  readonly storePort: Port;
  readonly storeFrame: number;
}

/** Nodes of a domain without its devices, parents first. The guest reads all of them and owns those it is meant to write. */
export const domainNodes = (nodes: DomainNodes): StoreNode[] => {
  const home = domainPath(nodes.domain);
  const readable = [`n${nodes.backendDomain}`, `r${nodes.domain}`];
  const owned = [`n${nodes.domain}`];
  const machine = machinePath(nodes.uuid);
  return [
    { path: machine, value: "", permissions: readable },
    { path: `${machine}/uuid`, value: nodes.uuid },
    { path: `${machine}/name`, value: nodes.name },
    { path: home, value: "", permissions: readable },
    { path: `${home}/vm`, value: machine },
    { path: `${home}/name`, value: nodes.name },
    { path: `${home}/domid`, value: `${nodes.domain}` },
    ...Array.from({ length: nodes.vcpus }, (_, vcpu) => ({
      path: `${home}/cpu/${vcpu}/availability`,
      value: "online",
    })),
    { path: `${home}/memory/static-max`, value: `${nodes.maximumMemoryKiB}` },
    { path: memoryTargetPath(nodes.domain), value: `${nodes.memoryKiB}` },
    { path: `${home}/device`, value: "" },
    { path: `${home}/control`, value: "" },
    ...["shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"].map((name) => ({
      path: `${home}/control/${name}`,
      value: "",
      permissions: owned,
    })),
    { path: `${home}/control/platform-feature-multiprocessor-suspend`, value: "1" },
    ...["attr", "data", "drivers", "feature", "error"].map((name) => ({
      path: `${home}/${name}`,
      value: "",
      permissions: owned,
    })),
    { path: `${home}/store/port`, value: `${nodes.storePort}` },
    { path: `${home}/store/ring-ref`, value: `${nodes.storeFrame}` },
    { path: `${home}/console/backend-id`, value: `${nodes.backendDomain}` },
    { path: `${home}/console/type`, value: "xenconsoled" },
    { path: `${home}/console/limit`, value: "1048576" },
    { path: `${home}/console/port`, value: `${nodes.consolePort}` },
    { path: `${home}/console/ring-ref`, value: `${nodes.consoleFrame}` },
  ];
};

/** Nodes of both ends of a disk, parents first. [XEN io/blkif.h] */
export const diskNodes = (
  domain: DomId,
  device: number,
  name: string,
  backendDomain: DomId,
  disk: DiskConfig,
): StoreNode[] => {
  const { frontend, backend } = diskPaths(domain, device, backendDomain);
  const type = disk.cdrom ? "cdrom" : "disk";
  return [
    { path: frontend, value: "", permissions: [`n${domain}`, `r${backendDomain}`] },
    { path: `${frontend}/backend`, value: backend },
    { path: `${frontend}/backend-id`, value: `${backendDomain}` },
    { path: `${frontend}/state`, value: XENBUS_INITIALISING },
    { path: `${frontend}/virtual-device`, value: `${device}` },
    { path: `${frontend}/device-type`, value: type },
    { path: backend, value: "", permissions: [`n${backendDomain}`, `r${domain}`] },
    { path: `${backend}/frontend`, value: frontend },
    { path: `${backend}/frontend-id`, value: `${domain}` },
    { path: `${backend}/online`, value: "1" },
    { path: `${backend}/removable`, value: disk.cdrom ? "1" : "0" },
    { path: `${backend}/bootable`, value: "1" },
    { path: `${backend}/dev`, value: name },
    { path: `${backend}/type`, value: "vbd" },
    { path: `${backend}/mode`, value: disk.writable ? "w" : "r" },
    { path: `${backend}/device-type`, value: type },
    { path: `${backend}/params`, value: disk.description },
    { path: `${backend}/state`, value: XENBUS_INITIALISING },
  ];
};
