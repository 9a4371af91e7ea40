import { FLAG } from "@xenolith/x86-architecture";
import type { VcpuState } from "../state/vcpu-state.ts";

/** Flags that code of every privilege may change with POPF and IRET. */
const FREE_FLAGS =
  FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.tf | FLAG.df | FLAG.of | FLAG.nt | FLAG.ac | FLAG.id;

/** I/O privilege level. */
export const ioPrivilege = (state: VcpuState): number => (state.systemFlags & FLAG.iopl) >>> 12;

/** Whether the present privilege may use CLI and STI, by IOPL alone. Virtual-8086 mode counts as privilege 3. */
export const mayChangeInterruptFlag = (state: VcpuState): boolean =>
  state.isRealMode || state.privilege <= ioPrivilege(state);

/** Whether ports may be used without a look at the I/O permission map: never in virtual-8086 mode. [SDM3A-21.2.8.1] */
export const hasIoPrivilege = (state: VcpuState): boolean =>
  mayChangeInterruptFlag(state) && !state.isVirtual8086;

/** Flags that POPF may change at the present privilege: IF needs IOPL, IOPL needs privilege 0. [SDM2-4.3] */
export const changeableFlags = (state: VcpuState): number =>
  FREE_FLAGS | (mayChangeInterruptFlag(state) ? FLAG.if : 0) | (state.privilege === 0 ? FLAG.iopl : 0);
