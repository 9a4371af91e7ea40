import type {
  Asid,
  Executor,
  LinearAddress,
  MachineAddress,
  Mfn,
  Nanoseconds,
  Timer,
} from "@xenolith/machine-interface";
import type { Affinity, CpuId, VcpuId } from "@xenolith/scheduler-interface";
import type { DescriptorSource, X86Vcpu } from "@xenolith/x86-architecture";
import type { VcpuIndex } from "@xenolith/xen-abi";
import type { Domain } from "./domain.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { EntryPoint, TrapTable } from "./trap-table.ts";

/** Callbacks of a VCPU; null where none is registered. That of NMIs is the trap gate of vector 2. [XEN callback.h] */
export interface Callbacks {
  event: EntryPoint | null;
  failsafe: EntryPoint | null;
  syscall: EntryPoint | null;
  syscall32: EntryPoint | null;
  sysenter: EntryPoint | null;
}

/** A bitmap of ports in guest memory. [XEN physdev.h] PHYSDEVOP_set_iobitmap */
export interface PortBitmap {
  readonly address: number;
  readonly ports: number;
}

/** State of a VCPU for time accounting: RUNSTATE_running, _runnable, _blocked or _offline. [XEN vcpu.h] */
export type Runstate = 0 | 1 | 2 | 3;

/** The hypervisor's record of one VCPU: state, no behaviour. Fields are grouped by the part that owns them. */
export interface Vcpu {
  readonly domain: Domain;
  readonly index: VcpuIndex;
  /** Its number in the scheduler, unique in the host. */
  readonly schedulerId: VcpuId;

  /** What runs it: {@link Vcpu.x86}, or a TypeScript kernel. null until it has been given either. */
  executor: Executor | null;
  /** The x86 engine's VCPU; null for a TypeScript kernel. */
  x86: X86Vcpu | null;
  /** Guest memory seen with the rights of this VCPU's kernel. */
  readonly guestMemory: GuestMemory;

  // Run state. Owner: `run-control.ts`.

  /** Has a register context (VCPUOP_initialise, or the builder). */
  isInitialised: boolean;
  /** VCPUOP_up. VCPU 0 is up from the start. */
  isUp: boolean;
  /** Waits for an event: SCHEDOP_block, SCHEDOP_poll (event channels know for which ports), an idle TypeScript kernel. */
  isBlocked: boolean;
  /** Known to the scheduler as runnable. */
  isAwake: boolean;
  /** Physical CPU it is on, or null. */
  runsOn: CpuId | null;
  /** Physical CPU it was on last. */
  lastCpu: CpuId;
  /** Time at which it was last taken off a physical CPU, or its run ended there: no other CPU runs it before. */
  ranUntilNs: number;
  /** Physical CPUs it may be on. Owner: `control/`. */
  affinity: Affinity;
  runstate: Runstate;
  runstateSince: Nanoseconds;
  /** Time spent in each runstate, by its number, in nanoseconds. */
  readonly runstateTimes: [number, number, number, number];
  /** Guest address of a registered vcpu_runstate_info, or null. */
  runstateArea: LinearAddress | null;
  /** Processor time used. */
  cpuNs: number;
  /** Instructions retired; charges of the monitor and of TypeScript kernels do not count. */
  instructions: number;
  /** Cost of monitor work done on its behalf since its last run, to be accounted with it. */
  chargedNs: number;

  // Events. Owner: `upcall-state.ts`.

  /** Machine address of its vcpu_info: in shared_info, or where VCPUOP_register_vcpu_info put it. */
  infoAddress: MachineAddress;
  /** Frame registered by VCPUOP_register_vcpu_info, of which a reference is held; null before. */
  registeredInfoFrame: Mfn | null;
  /** An NMI waits for delivery. */
  nmiPending: boolean;
  /** An NMI is being handled: another one waits until the next iret. */
  nmiMasked: boolean;

  // Exceptions. Owners: `hypercalls/`, read by `delivery/`.

  readonly traps: TrapTable;
  readonly callbacks: Callbacks;
  /** Stack for entries from ring 3 (32-bit) or user mode (64-bit): stack_switch. */
  kernelStack: { selector: number; pointer: number };

  // Virtual control registers. Owner: `emulation/`.

  /** CR0 as the guest reads it (TS changes, the rest is fixed). */
  cr0: number;
  /** Address of the last page fault delivered, as the guest reads CR2. */
  cr2: LinearAddress;
  /** CR4 as the guest reads it. */
  cr4: number;
  /** Virtual IOPL, 0 to 3. */
  ioPrivilege: number;
  /** Guest address of the bitmap of ports, and how many ports it is about: a clear bit allows use. null: there is none. */
  portBitmap: PortBitmap | null;

  // Address spaces and descriptor tables. Owner: `memory/`.

  /** Address space it runs in now; handed to the executor before each run. null before the first page-table base. */
  space: Asid | null;
  /** Frame of the page-table base (on x86_64: the kernel's). A reference is held. */
  pageTableBase: Mfn | null;
  /** x86_64: base for user mode. */
  userPageTableBase: Mfn | null;
  /** x86_64: the guest kernel runs, not its user mode. Always true on 32-bit widths, where rings tell. */
  kernelMode: boolean;
  /** x86_64: base of GS in the mode, kernel or user, that does not run. */
  otherGsBase: LinearAddress;
  /** Its virtual GDT and LDT; null for a TypeScript kernel. */
  descriptors: DescriptorSource | null;
  /** Frames of the GDT, each typed as descriptor page, and the number of valid entries. */
  gdtFrames: readonly Mfn[];
  gdtEntries: number;
  /** LDT: linear address and number of entries. */
  ldtBase: LinearAddress;
  ldtEntries: number;
  /** Descriptor tables changed: data segments are loaded again before the guest runs after another VCPU has. */
  descriptorsChanged: boolean;

  // Time. Owner: `time/`.

  /** Guest address of a registered secondary vcpu_time_info, or null. */
  timeArea: LinearAddress | null;
  /** System time of the last update of vcpu_time_info. */
  timeUpdatedNs: Nanoseconds | null;
  /** Armed while the VCPU is on the processor. */
  periodicTimer: Timer | null;
  /** Period in nanoseconds; 0: off. */
  periodNs: number;
  /** When the periodic timer fired last. */
  periodicLastNs: number;
  /** VCPUOP_set_singleshot_timer and set_timer_op: one and the same. */
  singleshotTimer: Timer | null;
  /** When its virtual-time alarm fires, in time that it has been on a processor; null: it is not armed. */
  virtualDeadlineNs: number | null;
  /** Armed for that while the VCPU is on the processor. */
  virtualTimer: Timer | null;
  /** Ends a SCHEDOP_poll with a timeout. */
  pollTimer: Timer | null;
}
