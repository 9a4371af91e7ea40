import { buildDomain, type KernelImage, readKernelImage, unpackKernel } from "@xenolith/domain-builder";
import type { DomainControl } from "@xenolith/domain-interface/control";
import type { Mfn } from "@xenolith/machine-interface";
import { type DomId, type GuestWidth, type Port, toDomId, toGrantRef, toVcpuIndex } from "@xenolith/xen-abi";
import { ConfigError } from "./config-error.ts";
import type { DomainConfig, ToolstackParts } from "./parts.ts";
import { diskNodes, diskPaths, domainNodes, type StoreNode } from "./store-nodes.ts";
import { drawUuid, formatUuid } from "./uuid.ts";
import { defaultDiskName, virtualDeviceNumber } from "./virtual-device.ts";

/** Pages of a mebibyte. */
export const PAGES_PER_MIB = 256;
const CONSOLE_GRANT = toGrantRef(0);
const STORE_GRANT = toGrantRef(1);
/** Width of domains whose executor is not the x86 engine: it decides only the layout of their shared_info. */
const EXECUTOR_WIDTH: GuestWidth = "x86_64";

/** Memory a domain may ever have. */
export const maximumMemoryMiB = ({ memoryMiB, maximumMemoryMiB: most }: DomainConfig): number =>
  most ?? memoryMiB;

/** A configuration whose parts have all been looked at: nothing in it can be refused any more for what it says. */
interface CheckedConfig {
  readonly config: DomainConfig;
  readonly image: KernelImage | null;
  readonly disks: readonly { readonly name: string; readonly device: number }[];
}

const readKernel = async (file: Uint8Array): Promise<KernelImage> => {
  const kernel = await unpackKernel(file);
  const image = "kind" in kernel ? kernel : readKernelImage(kernel);
  if (image.kind === "problem") throw new ConfigError(image.message);
  return image;
};

const checkConfig = async (config: DomainConfig): Promise<CheckedConfig> => {
  if (!/^[A-Za-z0-9._+-]{1,80}$/.test(config.name))
    throw new ConfigError(`name '${config.name}': letters, digits and . _ + - only`);
  if (!Number.isInteger(config.memoryMiB) || config.memoryMiB < 1)
    throw new ConfigError(`memory: ${config.memoryMiB} MiB is not a size a domain can have`);
  const most = maximumMemoryMiB(config);
  if (!Number.isInteger(most) || most < config.memoryMiB)
    throw new ConfigError(`maxmem: ${most} MiB is less than the ${config.memoryMiB} MiB of memory`);
  if (!Number.isInteger(config.vcpus) || config.vcpus < 1 || config.vcpus > 32)
    throw new ConfigError(`vcpus: ${config.vcpus} is not between 1 and 32`);
  const image = config.payload.kind === "image" ? await readKernel(config.payload.kernel) : null;
  let nextName = 0;
  const taken = new Set(config.disks.map((disk) => disk.virtualDevice));
  const disks = config.disks.map((disk) => {
    while (disk.virtualDevice === null && taken.has(defaultDiskName(nextName))) nextName++;
    const name = disk.virtualDevice ?? defaultDiskName(nextName++);
    return { name, device: virtualDeviceNumber(name) };
  });
  const repeated = disks.find(
    (disk, index) => disks.findIndex((other) => other.device === disk.device) !== index,
  );
  if (repeated !== undefined) throw new ConfigError(`disk ${repeated.name}: two disks have this name`);
  return { config, image, disks };
};

/** Turns a refusal of the hypervisor into an error with the operation's name. */
const granted = (result: number, what: string): number => {
  if (result < 0) throw new ConfigError(`${what}: refused by the hypervisor (error ${result})`);
  return result;
};

interface Started {
  readonly consoleFrame: Mfn;
  readonly storeFrame: Mfn;
  readonly begin: () => void;
}

const startImage = (
  control: DomainControl,
  domain: DomId,
  checked: CheckedConfig,
  image: KernelImage,
  ports: Ports,
): Started => {
  const { config } = checked;
  const built = buildDomain(control, {
    domain,
    image,
    ramdisk: config.payload.kind === "image" ? config.payload.ramdisk : null,
    commandLine: config.commandLine,
    memoryPages: config.memoryMiB * PAGES_PER_MIB,
    ...ports,
  });
  if (built.kind === "problem") throw new ConfigError(built.message);
  return { ...built, begin: () => {} };
};

const startExecutor = (
  control: DomainControl,
  domain: DomId,
  { config }: CheckedConfig,
  ports: Ports,
): Started => {
  if (config.payload.kind !== "executor") throw new ConfigError("the domain has no kernel");
  const { make } = config.payload;
  const services = control.inside(domain);
  const [consoleFrame, storeFrame] = services.takeFrames(2) ?? [];
  if (consoleFrame === undefined || storeFrame === undefined)
    throw new ConfigError("memory: too little for console and store");
  const begin = (): void => {
    const executor = make({ services, consoleFrame, storeFrame, ...ports, commandLine: config.commandLine });
    granted(control.attachExecutor(domain, toVcpuIndex(0), executor), "executor");
  };
  return { consoleFrame, storeFrame, begin };
};

interface Ports {
  readonly consolePort: Port;
  readonly storePort: Port;
}

const writeNodes = async (parts: ToolstackParts, nodes: readonly StoreNode[]): Promise<void> => {
  for (const node of nodes) {
    await parts.store.write(node.path, node.value);
    if (node.permissions !== undefined) await parts.store.setPermissions(node.path, node.permissions);
  }
};

const populate = async (
  parts: ToolstackParts,
  domain: DomId,
  uuid: Uint8Array,
  checked: CheckedConfig,
): Promise<void> => {
  const { control, backendDomain, store, consoles, disks } = parts;
  const { config, image } = checked;
  const port = (what: string): Port => granted(control.allocateUnbound(domain, backendDomain), what) as Port;
  const ports: Ports = { storePort: port("store port"), consolePort: port("console port") };
  const started =
    image === null
      ? startExecutor(control, domain, checked, ports)
      : startImage(control, domain, checked, image, ports);
  granted(control.seedGrant(domain, CONSOLE_GRANT, backendDomain, started.consoleFrame), "console grant");
  granted(control.seedGrant(domain, STORE_GRANT, backendDomain, started.storeFrame), "store grant");
  await writeNodes(
    parts,
    domainNodes({
      domain,
      backendDomain,
      name: config.name,
      uuid: formatUuid(uuid),
      memoryKiB: config.memoryMiB * 1024,
      maximumMemoryKiB: maximumMemoryMiB(config) * 1024,
      vcpus: config.vcpus,
      ...ports,
      consoleFrame: started.consoleFrame,
      storeFrame: started.storeFrame,
    }),
  );
  await store.introduce(domain, started.storeFrame, ports.storePort);
  consoles.attach(domain, CONSOLE_GRANT, ports.consolePort);
  for (const [index, disk] of config.disks.entries()) {
    const place = checked.disks[index];
    if (place === undefined) continue;
    await writeNodes(parts, diskNodes(domain, place.device, place.name, backendDomain, disk));
    const { frontend, backend } = diskPaths(domain, place.device, backendDomain);
    disks.attach({
      domain,
      device: place.device,
      width: image?.width ?? EXECUTOR_WIDTH,
      store: disk.store,
      writable: disk.writable,
      cdrom: disk.cdrom,
      frontendPath: frontend,
      backendPath: backend,
    });
  }
  started.begin();
};

/** A domain that has been made, still paused. */
export interface CreatedDomain {
  readonly domain: DomId;
  readonly uuid: string;
}

/**
 * Makes a domain: checks the configuration, builds the domain, writes its nodes in xenstore, connects console, store and
 * disks. It is left paused.
 * @throws ConfigError with one line for the person who asked. Then nothing is left behind.
 */
export const createDomain = async (
  parts: ToolstackParts,
  config: DomainConfig,
  undo: (domain: DomId, uuid: string) => Promise<void>,
): Promise<CreatedDomain> => {
  const checked = await checkConfig(config);
  const uuid = drawUuid(parts.entropy);
  const id = parts.control.create({
    id: null,
    width: checked.image?.width ?? EXECUTOR_WIDTH,
    vcpus: config.vcpus,
    maximumPages: maximumMemoryMiB(config) * PAGES_PER_MIB,
    privileged: false,
    alarms: config.alarms === true,
    scheduling: config.scheduling,
    uuid,
  });
  const domain = toDomId(granted(id, `domain ${config.name}`));
  try {
    await populate(parts, domain, uuid, checked);
  } catch (error) {
    await undo(domain, formatUuid(uuid));
    throw error;
  }
  return { domain, uuid: formatUuid(uuid) };
};
