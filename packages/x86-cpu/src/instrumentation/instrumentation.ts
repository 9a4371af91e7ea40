import { ACCESS, PAGE_SIZE } from "@xenolith/machine-interface";
import { decode, type Instruction, MAX_INSTRUCTION_BYTES } from "../decoder/index.ts";
import type { MemoryAccess, RunObserver } from "../engine/run-observer.ts";
import { isAccessFault } from "../engine/system-operations.ts";
import type { Vcpu } from "../engine/vcpu.ts";
import { Breakpoints } from "./breakpoints.ts";
import { describeCode } from "./code-event.ts";
import { HookList } from "./hook-list.ts";
import { PendingAccesses } from "./pending-accesses.ts";
import { RegisterWatch } from "./register-fields.ts";
import {
  type AccessEvent,
  type AddressRange,
  type CodeEvent,
  EVERYWHERE,
  type Hook,
  type InstructionEvent,
  type ReadEvent,
  type StopReason,
} from "./types.ts";

const NOWHERE = null;

/** Looks at a processor's runs on behalf of hooks, breakpoints and watchpoints. */
export class Instrumentation implements RunObserver {
  isStepping = false;
  ignoresStops = false;
  stopReason: StopReason | null = null;
  readonly #vcpu: Vcpu;
  readonly #code: HookList<(event: CodeEvent) => void>;
  readonly #reads: HookList<(event: ReadEvent) => void>;
  readonly #readsDone: HookList<(event: AccessEvent) => void>;
  readonly #writes: HookList<(event: AccessEvent) => void>;
  readonly #instructions: HookList<(event: InstructionEvent) => void>;
  readonly #breakpoints: Breakpoints;
  readonly #pending: PendingAccesses;
  readonly #registers: RegisterWatch;
  readonly #forgetPages: () => void;
  #codeHasChanged = false;
  #pagesHaveChanged = false;
  /** An access was refused: the instruction is run again by itself. */
  #wasRefused = false;
  /** Linear address of the instruction that stops were told of and that has not run since. */
  #announcedAt: number | null = NOWHERE;
  #retiredBefore = 0;
  /** The instruction under way, when all are of interest. */
  #present: CodeEvent | null = null;

  /** `forgetPages` makes the TLB ask again which pages are withheld. */
  constructor(vcpu: Vcpu, forgetPages: () => void) {
    this.#vcpu = vcpu;
    this.#forgetPages = forgetPages;
    const codeChanged = (): void => {
      this.#codeHasChanged = true;
    };
    const pagesChanged = (): void => {
      this.#pagesHaveChanged = true;
    };
    this.#code = new HookList(codeChanged);
    this.#breakpoints = new Breakpoints(codeChanged);
    this.#reads = new HookList(pagesChanged);
    this.#readsDone = new HookList(pagesChanged);
    this.#writes = new HookList(pagesChanged);
    this.#instructions = new HookList(pagesChanged);
    this.#pending = new PendingAccesses(vcpu.machine);
    this.#registers = new RegisterWatch(vcpu.state);
  }

  // What is installed

  onExecute(range: AddressRange, handler: (event: CodeEvent) => void): Hook {
    return this.#code.add(range, handler);
  }

  onRead(range: AddressRange, handler: (event: ReadEvent) => void): Hook {
    return this.#reads.add(range, handler);
  }

  onWrite(range: AddressRange, handler: (event: AccessEvent) => void): Hook {
    return this.#writes.add(range, handler);
  }

  onInstruction(handler: (event: InstructionEvent) => void): Hook {
    return this.#instructions.add(EVERYWHERE, handler);
  }

  addBreakpoint(address: number): Hook {
    return this.#breakpoints.add(address);
  }

  addWatchpoint(range: AddressRange, kind: "read" | "write" | "any"): Hook {
    const stop = (access: AccessEvent): void => {
      this.stopReason ??= { kind: "watchpoint", access };
    };
    const hooks: Hook[] = [];
    if (kind !== "write") hooks.push(this.#readsDone.add(range, stop));
    if (kind !== "read") hooks.push(this.#writes.add(range, stop));
    return {
      remove: () => {
        for (const hook of hooks) hook.remove();
      },
    };
  }

  /** Whether accesses to a page are to be seen. */
  isWithheld(page: number): boolean {
    return this.#isOfInterest(page, PAGE_SIZE, true) || this.#isOfInterest(page, PAGE_SIZE, false);
  }

  // RunObserver

  get watchesMemory(): boolean {
    const { isEmpty } = this.#instructions;
    return !(isEmpty && this.#reads.isEmpty && this.#readsDone.isEmpty && this.#writes.isEmpty);
  }

  isStop(linear: number): boolean {
    return this.#breakpoints.has(linear) || this.#code.touches(linear, linear + 1);
  }

  takeChanges(): boolean {
    const hasChanged = this.#codeHasChanged;
    this.#codeHasChanged = false;
    return hasChanged;
  }

  /** A run begins. */
  begin(): void {
    this.stopReason = null;
  }

  before(): boolean {
    const linear = this.#linear();
    const stops = this.isStop(linear);
    // It may have been sent elsewhere between two runs.
    if (this.#announcedAt !== linear) this.#announcedAt = NOWHERE;
    if (stops && this.#announcedAt !== linear) {
      this.#announcedAt = linear;
      if (!this.#code.isEmpty) this.#announce(linear);
      if (this.#breakpoints.has(linear)) {
        this.stopReason = { kind: "breakpoint", address: linear };
        return false;
      }
      // A handler may have sent the processor elsewhere.
      if (this.#linear() !== linear) return this.before();
    }
    this.#retiredBefore = this.#vcpu.retiredInRun;
    this.ignoresStops = stops;
    this.isStepping = stops || this.#wasRefused || !this.#instructions.isEmpty;
    if (this.#pagesHaveChanged) {
      this.#pagesHaveChanged = false;
      this.#forgetPages();
    }
    if (!this.#instructions.isEmpty) {
      this.#present = this.#fetch(linear);
      this.#registers.look();
    }
    return true;
  }

  after(): boolean {
    const hasRetired = this.#vcpu.retiredInRun !== this.#retiredBefore;
    const linear = this.#linear();
    if (linear !== this.#announcedAt || (hasRetired && !this.#isRepeating(linear)))
      this.#announcedAt = NOWHERE;
    const refusedNow = this.#pending.takeRefusal();
    this.#wasRefused = refusedNow;
    if (!this.#pending.isEmpty || this.#present !== null) this.#tell(hasRetired, refusedNow);
    return this.stopReason === null;
  }

  admit(access: MemoryAccess): boolean {
    if (!this.#isOfInterest(access.address, access.sizeBytes, access.isWrite)) return true;
    if (!this.isStepping) {
      this.#pending.refuse();
      return false;
    }
    this.note(access);
    return true;
  }

  note(access: MemoryAccess): void {
    const { address, sizeBytes, isWrite, host } = access;
    if (!this.#isOfInterest(address, sizeBytes, isWrite)) return;
    const { instructionPointer } = this.#vcpu.state;
    if (!isWrite && !this.#reads.isEmpty) {
      const event = { kind: "read", address, sizeBytes, instructionPointer, machineAddress: host } as const;
      for (const handler of this.#reads.touching(address, address + sizeBytes)) handler(event);
    }
    this.#pending.add(access, instructionPointer);
  }

  // Events

  #isOfInterest(address: number, sizeBytes: number, isWrite: boolean): boolean {
    if (!this.#instructions.isEmpty) return true;
    const end = address + sizeBytes;
    if (isWrite) return this.#writes.touches(address, end);
    return this.#reads.touches(address, end) || this.#readsDone.touches(address, end);
  }

  #linear(): number {
    return this.#vcpu.linearInstructionPointer;
  }

  #announce(linear: number): void {
    const event = this.#fetch(linear);
    for (const handler of this.#code.touching(linear, linear + 1)) handler(event);
  }

  #tell(hasRetired: boolean, wasRefused: boolean): void {
    const accesses = this.#pending.take();
    for (const access of accesses) {
      const { kind, address, sizeBytes } = access;
      const handlers = kind === "read" ? this.#readsDone : this.#writes;
      for (const handler of handlers.touching(address, address + sizeBytes)) handler(access);
    }
    const present = this.#present;
    this.#present = null;
    if (present === null || wasRefused) return;
    const event: InstructionEvent = Object.assign(present, {
      hasRetired,
      accesses,
      changes: this.#registers.changes(),
      next: this.#vcpu.state.instructionPointer,
    });
    for (const handler of this.#instructions.touching(0, 1)) handler(event);
  }

  /** Whether the instruction at the instruction pointer is a repeated one that is not through. */
  #isRepeating(linear: number): boolean {
    const { instruction } = this.#fetch(linear);
    return instruction !== null && instruction.repeat !== "none";
  }

  #fetch(linear: number): CodeEvent {
    const { memory, state } = this.#vcpu;
    const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
    const available = this.#copyCode(linear, bytes);
    memory.beyondLimit = null;
    const codeBytes = this.#vcpu.codeBytes;
    const decoded: Instruction = decode(bytes, 0, available, codeBytes);
    const instruction = available === 0 || decoded.mnemonic === "truncated" ? null : decoded;
    const length = instruction?.lengthBytes ?? 0;
    return describeCode(linear, state.instructionPointer, instruction, bytes.subarray(0, length), codeBytes);
  }

  /** Copies what can be fetched of an instruction, and says how many bytes that is. */
  #copyCode(linear: number, into: Uint8Array): number {
    const { memory, machine } = this.#vcpu;
    const first = memory.translate(linear, ACCESS.execute);
    if (isAccessFault(first)) return 0;
    const inFirst = Math.min(MAX_INSTRUCTION_BYTES, PAGE_SIZE - (first & (PAGE_SIZE - 1)));
    into.set(machine.bytes.subarray(first, first + inFirst));
    if (inFirst === MAX_INSTRUCTION_BYTES) return inFirst;
    // The next page is fetched from, and marked as accessed, only by an instruction that goes on there.
    if (decode(into, 0, inFirst, this.#vcpu.codeBytes).mnemonic !== "truncated") return inFirst;
    const second = memory.translateNext(linear, ACCESS.execute);
    if (isAccessFault(second)) return inFirst;
    into.set(machine.bytes.subarray(second, second + MAX_INSTRUCTION_BYTES - inFirst), inFirst);
    return MAX_INSTRUCTION_BYTES;
  }
}
