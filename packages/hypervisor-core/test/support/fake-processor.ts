import {
  type Asid,
  type DirectGate,
  EXIT,
  type Exit,
  toAsid,
  toLinearAddress,
  toMachineAddress,
} from "@xenolith/machine-interface";
import {
  ATTRIBUTE,
  type DescriptorSource,
  descriptorAttributes,
  descriptorBase,
  descriptorLimit,
  type FloatingPointContext,
  type MonitoredProcessor,
  type MonitoredVcpuOptions,
  type PackedFault,
  type PrivilegedOperation,
  packFault,
  SEGMENT,
  type SegmentState,
  type TransitionGates,
  type VcpuContext,
  VECTOR,
  type X86Vcpu,
} from "@xenolith/x86-architecture";

const NULL_SEGMENT: SegmentState = { selector: 0, base: 0, limit: 0, attributes: 0 };

class FakeFloatingPoint implements FloatingPointContext {
  control = 0x37f;
  status = 0;
  tags = 0;
  mxcsr = 0x1f80;
  readonly #registers = new Map<string, bigint>();

  register(physical: number): bigint {
    return this.#registers.get(`st${physical}`) ?? 0n;
  }
  setRegister(physical: number, value: bigint): void {
    this.#registers.set(`st${physical}`, value);
  }
  vector(index: number): bigint {
    return this.#registers.get(`xmm${index}`) ?? 0n;
  }
  setVector(index: number, value: bigint): void {
    this.#registers.set(`xmm${index}`, value);
  }
}

/** Registers of a processor that executes nothing. */
export class FakeContext implements VcpuContext {
  instructionPointer = 0;
  flags = 2;
  readonly #registers: bigint[] = Array.from({ length: 16 }, () => 0n);
  readonly #segments: SegmentState[] = Array.from({ length: 8 }, () => NULL_SEGMENT);
  readonly #control = new Map<number, number>();
  readonly #debug = new Map<number, number>();
  readonly #descriptors: DescriptorSource;

  constructor(descriptors: DescriptorSource) {
    this.#descriptors = descriptors;
  }

  register(index: number): number {
    return Number(BigInt.asUintN(32, this.#registers[index] ?? 0n));
  }
  setRegister(index: number, value: number): void {
    this.#registers[index] = BigInt(value >>> 0);
  }
  registerHigh(index: number): number {
    return Number((this.#registers[index] ?? 0n) >> 32n);
  }
  setRegisterWords(index: number, low: number, high: number): void {
    this.#registers[index] = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
  wideRegister(index: number): bigint {
    return this.#registers[index] ?? 0n;
  }
  setWideRegister(index: number, value: bigint): void {
    this.#registers[index] = BigInt.asUintN(64, value);
  }
  get privilege(): number {
    return this.segment(SEGMENT.ss).selector & 3;
  }
  segment(index: number): SegmentState {
    return this.#segments[index] ?? NULL_SEGMENT;
  }
  setSegment(index: number, state: SegmentState): void {
    this.#segments[index] = state;
  }
  loadSegment(index: number, selector: number): PackedFault | 0 {
    if ((selector & 0xfffc) === 0) {
      this.#segments[index] = { ...NULL_SEGMENT, selector };
      return 0;
    }
    const source = this.#descriptors;
    if (!source.read(selector)) return packFault(VECTOR.generalProtection, selector & 0xfffc);
    const { low, high } = source;
    const attributes = descriptorAttributes(high);
    if ((attributes & ATTRIBUTE.present) === 0) return packFault(VECTOR.segmentNotPresent, selector & 0xfffc);
    this.#segments[index] = {
      selector,
      base: descriptorBase(low, high),
      limit: descriptorLimit(low, high),
      attributes,
    };
    return 0;
  }
  control(index: number): number {
    return this.#control.get(index) ?? 0;
  }
  setControl(index: number, value: number): void {
    this.#control.set(index, value);
  }
  debug(index: number): number {
    return this.#debug.get(index) ?? 0;
  }
  setDebug(index: number, value: number): void {
    this.#debug.set(index, value);
  }
  readonly floatingPoint: FakeFloatingPoint = new FakeFloatingPoint();
}

/** One thing a fake guest does: it may use its registers, and says how its run ends. */
export type Act = (vcpu: FakeVcpu, budget: number) => Partial<Exit>;

/** Transition gates that nobody takes. */
const closedGates = (): TransitionGates => ({
  isOpen: false,
  eventPending: toMachineAddress(0),
  eventMask: toMachineAddress(0),
  answeredCall: 0,
  answeredArgument: 0,
  answer: 0,
  callVector: 0,
  returnCall: 0,
  entry: toLinearAddress(0),
  entryMasksEvents: false,
  kernelStack: toLinearAddress(0),
  kernelStackSelector: 0,
  stackCall: 0,
  baseCall: 0,
  taskCall: 0,
  callCost: 0,
  codeSelector: 0,
  stackSelector: 0,
  compatibleSelector: 0,
  reservedFirst: toLinearAddress(0),
  reservedBytes: 0,
  kernelSpace: 0,
  userSpace: 0,
  isKernelSide: true,
  otherBase: toLinearAddress(0),
  faultAddress: toMachineAddress(0),
  faultCost: 0,
  setHandler() {},
  changes: 0,
  hasAbsentPorts: false,
  emulationCost: 0,
  setIdentities() {},
  emulated: 0,
  updateCall: 0,
  updateSubject: 0,
  updateCost: 0,
  requestCost: 0,
  flushCall: 0,
  mapCall: 0,
  listCall: 0,
  listCost: 0,
  flushCommands: 0,
  flushCost: 0,
  frameRecords: 0,
  frameOwner: 0,
  tableRoot: toMachineAddress(0),
  charged: 0,
});

/** A VCPU that does what a test has written down for it, and then spins. */
export class FakeVcpu implements X86Vcpu {
  readonly context: FakeContext;
  space: Asid = toAsid(0);
  privilegedOperation: PrivilegedOperation = fakeOperation({ mnemonic: "hlt" });
  readonly directGates = new Map<number, DirectGate>();
  readonly gates = closedGates();
  /** What it does in the next runs, one act a run. */
  readonly script: Act[] = [];
  isReleased = false;
  /** Budgets it was run with. */
  readonly budgets: number[] = [];
  readonly options: MonitoredVcpuOptions;

  constructor(options: MonitoredVcpuOptions) {
    this.options = options;
    this.context = new FakeContext(options.descriptors);
  }

  run(budget: number): Exit {
    this.budgets.push(budget);
    const idle: Exit = {
      kind: EXIT.budget,
      retired: budget,
      vector: 0,
      errorCode: -1,
      address: 0,
      software: false,
    };
    return { ...idle, ...this.script.shift()?.(this, budget) };
  }
  setDirectGate(vector: number, gate: DirectGate | null): void {
    if (gate === null) this.directGates.delete(vector);
    else this.directGates.set(vector, gate);
  }
  forgetDescriptors(): void {}
  requestExit(): void {}
  release(): void {
    this.isReleased = true;
  }
}

/** A processor whose VCPUs a test can reach. */
export interface FakeProcessor extends MonitoredProcessor {
  readonly vcpus: FakeVcpu[];
}

export const createFakeProcessor = (): FakeProcessor => {
  const vcpus: FakeVcpu[] = [];
  return {
    vcpus,
    forgetCode: () => {},
    createVcpu(options) {
      const vcpu = new FakeVcpu(options);
      vcpus.push(vcpu);
      return vcpu;
    },
  };
};

/** A description of a privileged instruction; what is not given is of no account. */
export const fakeOperation = (
  given: Pick<PrivilegedOperation, "mnemonic"> & Partial<PrivilegedOperation>,
): PrivilegedOperation => ({
  lengthBytes: 2,
  sizeBytes: 4,
  system: 0,
  register: 0,
  port: 0,
  repeat: false,
  addressBytes: 4,
  segment: SEGMENT.ds,
  ...given,
});

/** Acts of fake guests. */
export const act = {
  /** Retires so many instructions. */
  work:
    (retired: number): Act =>
    () => ({ kind: EXIT.budget, retired }),
  /** `int $vector`, one instruction. */
  int:
    (vector: number): Act =>
    ({ context }) => {
      context.instructionPointer += 2;
      return { kind: EXIT.interrupt, vector, software: true, retired: 1 };
    },
  fault:
    (vector: number, errorCode = -1, address = 0): Act =>
    () => ({ kind: EXIT.interrupt, vector, errorCode, address, retired: 0 }),
  privileged:
    (operation: PrivilegedOperation): Act =>
    (vcpu) => {
      vcpu.privilegedOperation = operation;
      return { kind: EXIT.privileged, retired: 0 };
    },
} as const;
