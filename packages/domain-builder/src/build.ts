import type { MappedPages } from "@xenolith/domain-interface";
import type { DomainControl } from "@xenolith/domain-interface/control";
import { frameAddress, type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import { type DomId, EOPNOTSUPP, longBytes, type Port, toPfn, toVcpuIndex } from "@xenolith/xen-abi";
import { SIF_MOD_START_PFN, START_INFO, startInfoMagic, writeStartInfo } from "@xenolith/xen-abi/start-info";
import { buildBootstrapTables } from "./bootstrap-tables.ts";
import type { KernelImage } from "./kernel-image.ts";
import { type MemoryPlan, planMemory, usedPages } from "./memory-plan.ts";
import { type BuildProblem, buildProblem } from "./problem.ts";

/** What to build a domain from. The domain exists already, paused and without memory. */
export interface BuildRequest {
  readonly domain: DomId;
  readonly image: KernelImage;
  readonly ramdisk: Uint8Array | null;
  readonly commandLine: string;
  readonly memoryPages: number;
  /** The domain's ports for its console and for xenstore. */
  readonly consolePort: Port;
  readonly storePort: Port;
}

/** A domain that can be unpaused. */
export interface BuiltDomain {
  readonly kind: "built";
  /** Frames of the console and the xenstore page, for whoever serves them. */
  readonly consoleFrame: Mfn;
  readonly storeFrame: Mfn;
}

const encodeFrameList = (frames: readonly Mfn[], bytesPerEntry: 4 | 8): Uint8Array => {
  const bytes = new Uint8Array(frames.length * bytesPerEntry);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < frames.length; index++)
    view.setUint32(index * bytesPerEntry, frames[index] ?? 0, true);
  return bytes;
};

/** The pages of a list of frames that lies apart, its tables among them, as start_info names them. */
const listPages = ({ frameList, frameListTables }: MemoryPlan) => ({
  firstP2mPfn: toPfn(frameListTables.count > 0 ? frameList.first : 0),
  nrP2mFrames: frameListTables.count > 0 ? frameList.count + frameListTables.count : 0,
});

const encodeStartInfo = (
  control: DomainControl,
  request: BuildRequest,
  plan: MemoryPlan,
  frames: readonly Mfn[],
): Uint8Array => {
  const { image, ramdisk } = request;
  const linear = (page: number): number => image.virtualBase + page * PAGE_SIZE;
  const hasModule = ramdisk !== null;
  const bytes = new Uint8Array(START_INFO.size(image.width));
  writeStartInfo(new DataView(bytes.buffer), 0, image.width, {
    magic: startInfoMagic(image.width),
    nrPages: request.memoryPages,
    sharedInfo: frameAddress(control.sharedInfoFrame(request.domain)),
    flags: hasModule && image.modStartPfn ? SIF_MOD_START_PFN : 0,
    storeMfn: frames[plan.store] ?? 0,
    storeEvtchn: request.storePort,
    console: { mfn: frames[plan.console] ?? 0, evtchn: request.consolePort },
    ptBase: linear(plan.tables.first),
    nrPtFrames: plan.tables.count,
    mfnList: plan.frameListBase,
    modStart: hasModule ? (image.modStartPfn ? plan.ramdisk.first : linear(plan.ramdisk.first)) : 0,
    modLen: ramdisk?.length ?? 0,
    cmdLine: request.commandLine,
    ...listPages(plan),
  });
  return bytes;
};

const fill = (
  memory: MappedPages,
  control: DomainControl,
  request: BuildRequest,
  plan: MemoryPlan,
  frames: readonly Mfn[],
): void => {
  const { image, ramdisk } = request;
  for (const part of image.parts) memory.copyIn(part.address - image.virtualBase, part.bytes);
  if (ramdisk !== null) memory.copyIn(plan.ramdisk.first * PAGE_SIZE, ramdisk);
  memory.copyIn(plan.frameList.first * PAGE_SIZE, encodeFrameList(frames, longBytes(image.width)));
  memory.copyIn(plan.startInfo * PAGE_SIZE, encodeStartInfo(control, request, plan, frames));
  for (const table of buildBootstrapTables(image.width, plan, image.virtualBase, frames)) {
    memory.copyIn(table.page * PAGE_SIZE, table.bytes);
  }
};

/**
 * Gives a domain its memory, places kernel, ramdisk and start-of-day structures in it, builds and installs its first page
 * tables and sets the registers of its first VCPU. [XEN xen.h]
 * @returns a problem when it does not fit or the hypervisor refuses; the caller then destroys the domain.
 */
export const buildDomain = (control: DomainControl, request: BuildRequest): BuiltDomain | BuildProblem => {
  const { domain, image } = request;
  const plan = planMemory(image, request.ramdisk?.length ?? 0, request.memoryPages);
  if ("kind" in plan) return plan;
  const frames = control.allocateFrames(domain, request.memoryPages);
  if (typeof frames === "number")
    return buildProblem(`no ${request.memoryPages} pages of memory for the domain (error ${frames})`);
  const numbered = control.setPhysicalNumbers(domain, frames, toPfn(0));
  const memory = control.mapFrames(domain, frames.slice(0, usedPages(plan)));
  const root = frames[plan.tables.first];
  const consoleFrame = frames[plan.console];
  const storeFrame = frames[plan.store];
  if (
    numbered < 0 ||
    typeof memory === "number" ||
    root === undefined ||
    consoleFrame === undefined ||
    storeFrame === undefined
  ) {
    return buildProblem("the hypervisor refuses access to the domain's memory");
  }
  fill(memory, control, request, plan, frames);
  memory.release();
  if (image.hypercallPage !== null) {
    const frame = frames[(image.hypercallPage - image.virtualBase) / PAGE_SIZE];
    if (frame === undefined || control.writeHypercallPage(domain, frame) < 0) {
      return buildProblem("the kernel's hypercall page lies outside the domain or is not page-aligned");
    }
  }
  const based = control.setPageTableBase(domain, root);
  if (based < 0) return buildProblem(`the hypervisor refuses the first page tables (error ${based})`);
  const started = control.setStartContext(domain, toVcpuIndex(0), {
    instructionPointer: image.entry,
    stackPointer: image.virtualBase + (plan.stack + 1) * PAGE_SIZE,
    startInfo: image.virtualBase + plan.startInfo * PAGE_SIZE,
  });
  if (started === -EOPNOTSUPP) return buildProblem(`the hypervisor does not run ${image.width} guests yet`);
  if (started < 0) return buildProblem(`the hypervisor refuses the first registers (error ${started})`);
  return { kind: "built", consoleFrame, storeFrame };
};
