import type { Mfn } from "@xenolith/machine-interface";
import { REGISTER } from "@xenolith/x86-architecture";
import { EINVAL } from "@xenolith/xen-abi";
import { START_INFO } from "@xenolith/xen-abi/start-info";
import type { Domain } from "../domain.ts";
import type { MemoryManager } from "../memory-manager.ts";
import type { RunControl } from "../run-control.ts";
import type { Vcpu } from "../vcpu.ts";

/** What going on is made from. */
export interface ResumeParts {
  readonly memory: MemoryManager;
  readonly runControl: RunControl;
  readonly onResumed: (domain: Domain) => void;
}

/** Lets a domain go on that has stopped to be suspended. @returns 0 or -EINVAL. */
export type ResumeDomain = (domain: Domain, cancelled: boolean) => number;

/** What the suspending call answers: the domain finds itself where it was, or somewhere new. [XEN sched.h] */
const ANSWER = { resumed: 0, cancelled: 1 } as const;

/**
 * Fills in what the domain finds in start_info after its suspension: its size, its shared_info, and as machine frames the pages
 * of store and console, which it left there as pseudo-physical ones. The frame of start_info is the third argument of the
 * suspending call.
 */
const renewStartInfo = (domain: Domain, frame: Mfn, memory: MemoryManager): number => {
  const { width } = domain;
  const page = memory.mapFrames(domain, [frame], true);
  if (typeof page === "number") return page;
  const bytes = new Uint8Array(START_INFO.size(width));
  page.copyOut(0, bytes);
  const view = new DataView(bytes.buffer);
  const info = START_INFO.read(view, 0, width);
  const frames = memory.framesOf(domain);
  const machineFrame = (pfn: number): number =>
    frames.find((owned) => memory.physicalNumberOf(owned) === pfn) ?? 0;
  START_INFO.update(view, 0, width, {
    nrPages: frames.length,
    sharedInfo: domain.sharedInfoFrame * 4096,
    flags: 0,
    storeMfn: machineFrame(info.storeMfn),
    console: { ...info.console, mfn: machineFrame(info.console.mfn) },
  });
  page.copyIn(0, bytes);
  page.release();
  return 0;
};

/** A VCPU that the domain has to bring up anew. */
const takeDown = (vcpu: Vcpu): void => {
  vcpu.isUp = false;
  vcpu.isInitialised = false;
};

/** Makes the part that lets suspended domains go on. */
export const createResume =
  ({ memory, runControl, onResumed }: ResumeParts): ResumeDomain =>
  (domain, cancelled) => {
    const [first, ...others] = domain.vcpus;
    const context = first?.x86?.context;
    if (domain.shutdownReason !== "suspend" || context === undefined) return -EINVAL;
    if (!cancelled) {
      const result = renewStartInfo(domain, context.register(REGISTER.rdx) as Mfn, memory);
      if (result !== 0) return result;
      for (const vcpu of others) takeDown(vcpu);
    }
    context.setRegister(REGISTER.rax, cancelled ? ANSWER.cancelled : ANSWER.resumed);
    domain.shutdownReason = null;
    domain.shutdownCode = null;
    runControl.updateAll(domain);
    onResumed(domain);
    return 0;
  };
