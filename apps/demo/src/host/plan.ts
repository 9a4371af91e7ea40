import { createMemoryStore } from "@xenolith/block-stores";
import { kernelPayload } from "@xenolith/host";
import { pebbleImage } from "@xenolith/pebble";
import type { DiskConfig, DomainConfig } from "@xenolith/toolstack";
import { createReaderDisk } from "../reader/reader-disk.ts";
import { readerKernel } from "../reader/reader-kernel.ts";

/** What decides what the demo's domains do. */
export interface PlanOptions {
  /** Loop iterations, in millions, that the lighter of the two competing kernels burns; the heavier one twice as many. */
  readonly spinMillions: number;
  /** Told what the reader's kernel threw. */
  readonly onFailure: (error: unknown) => void;
}

/** Work that is over after a quarter of a virtual second: runs without a view should be short. */
export const HEADLESS_SPIN_MILLIONS = 50;
/** Work for some 20 seconds: somebody who looks sees the shares, and then has the prompts. */
export const INTERACTIVE_SPIN_MILLIONS = 800;

const SCRATCH_DISK_SECTORS = 2048;

const disk = (store: DiskConfig["store"], description: string): DiskConfig => ({
  store,
  virtualDevice: "xvda",
  writable: !store.readOnly,
  cdrom: false,
  description,
});

/**
 * The guests of the demo: two kernels in machine code that compete for the processor, `basalt` with twice the weight and
 * twice the work of `granite`, and a kernel written in TypeScript.
 */
export const planDomains = ({ spinMillions, onFailure }: PlanOptions): DomainConfig[] => [
  {
    name: "granite",
    payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
    commandLine: `name=granite run=info; write 1 hello from granite; read 1; sum; spin ${spinMillions}`,
    memoryMiB: 8,
    vcpus: 1,
    disks: [disk(createMemoryStore({ sectorCount: SCRATCH_DISK_SECTORS }), "memory")],
    scheduling: { weight: 256 },
  },
  {
    name: "basalt",
    payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
    commandLine: `name=basalt tick=1000 run=syscall 1000; spin ${2 * spinMillions}`,
    memoryMiB: 8,
    vcpus: 1,
    disks: [],
    scheduling: { weight: 512 },
  },
  {
    name: "reader",
    payload: kernelPayload(readerKernel, { onFailure }),
    commandLine: "",
    memoryMiB: 1,
    vcpus: 1,
    disks: [disk(createReaderDisk(), "memory")],
    scheduling: { weight: 128 },
  },
];
