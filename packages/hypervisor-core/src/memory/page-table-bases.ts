import type { FrameTable, FrameType } from "@xenolith/frame-table";
import { type Mfn, toMfn } from "@xenolith/machine-interface";
import { EINVAL } from "@xenolith/xen-abi";
import type { Vcpu } from "../vcpu.ts";
import type { AddressSpaces, BaseRole } from "./address-spaces.ts";
import type { DescriptorTables } from "./descriptor-tables.ts";

/** Page-table bases of VCPUs. Each holds its root as a validated table. [XEN xen.h] MMUEXT_NEW_BASEPTR */
export interface PageTableBases {
  /** Makes `root` the base (on x86_64: the kernel's). @returns 0, or why it does not validate; then nothing has changed. */
  load(vcpu: Vcpu, root: Mfn): number;
  /** x86_64: makes `root` the base of user mode; frame 0 means none. */
  loadUser(vcpu: Vcpu, root: Mfn): number;
  /** x86_64: goes on with the other base. The caller has seen that there is one. */
  toggle(vcpu: Vcpu): void;
  /** Lets go of both bases. */
  close(vcpu: Vcpu): void;
}

/** Makes the page-table bases of a host. */
export const createPageTableBases = (
  frames: FrameTable,
  spaces: AddressSpaces,
  descriptors: DescriptorTables,
): PageTableBases => {
  const hold = ({ domain }: Vcpu, root: Mfn): number =>
    frames.getPageAndType(root, domain.id, frames.rootLevelOf(domain.id) as FrameType);

  /** The base that the VCPU's mode calls for. */
  const activeBase = (vcpu: Vcpu): Mfn | null =>
    vcpu.kernelMode ? vcpu.pageTableBase : vcpu.userPageTableBase;

  /** Makes a new base ready, and in force where it is that of the VCPU's mode. */
  const adopt = (vcpu: Vcpu, base: Mfn | null, role: BaseRole): void => {
    const isInForce = (role === "kernel") === vcpu.kernelMode;
    if (base === null) {
      if (isInForce) vcpu.space = null;
    } else if (isInForce) spaces.enter(vcpu, base, role);
    else spaces.prepare(vcpu, base, role);
  };

  const letGo = (root: Mfn | null): void => {
    if (root !== null) frames.putPageAndType(root);
  };

  return {
    load(vcpu, root) {
      const old = vcpu.pageTableBase;
      if (old !== root) {
        const error = hold(vcpu, root);
        if (error !== 0) return error;
      }
      descriptors.forgetLdtFrames(vcpu);
      vcpu.pageTableBase = root;
      adopt(vcpu, root, "kernel");
      if (old !== root) letGo(old);
      return 0;
    },
    loadUser(vcpu, root) {
      const old = vcpu.userPageTableBase;
      if (vcpu.domain.width !== "x86_64") return -EINVAL;
      if (old === root) return 0;
      if (root !== 0) {
        const error = hold(vcpu, root);
        if (error !== 0) return error;
      }
      vcpu.userPageTableBase = root === 0 ? null : toMfn(root);
      adopt(vcpu, vcpu.userPageTableBase, "user");
      letGo(old);
      return 0;
    },
    toggle(vcpu) {
      vcpu.kernelMode = !vcpu.kernelMode;
      const base = activeBase(vcpu);
      if (base === null) vcpu.space = null;
      else spaces.resume(vcpu, base);
    },
    close(vcpu) {
      const { pageTableBase, userPageTableBase } = vcpu;
      vcpu.space = null;
      vcpu.pageTableBase = null;
      vcpu.userPageTableBase = null;
      letGo(pageTableBase);
      letGo(userPageTableBase);
    },
  };
};
