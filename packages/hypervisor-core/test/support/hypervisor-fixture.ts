import { createEntropy, createTimerQueue, createVirtualClock } from "@xenolith/machine";
import {
  type Clock,
  type MachineMemory,
  type Mfn,
  PAGE_SIZE,
  type TimerQueue,
  toMfn,
  toNanoseconds,
} from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { onOneCpu } from "@xenolith/scheduler-interface";
import { silentTrace } from "@xenolith/trace";
import { entryLow, PTE, REGISTER } from "@xenolith/x86-architecture";
import { type DomId, type GuestWidth, toDomId, toPfn, toVcpuIndex } from "@xenolith/xen-abi";
import { createHypervisor, type Hypervisor } from "../../src/hypervisor.ts";
import { act, createFakeProcessor, type FakeProcessor, type FakeVcpu } from "./fake-processor.ts";
import { createFakeScheduler, type FakeScheduler } from "./fake-scheduler.ts";
import { createRememberingTranslator } from "./remembering-translator.ts";

/** Pages a guest has mapped from linear address 0. */
export const MAPPED_PAGES = 32;
/** Pages that tests use: an argument, a second one, and the kernel's stack. */
export const ARGUMENT: number = 1 * PAGE_SIZE;
export const OTHER: number = 2 * PAGE_SIZE;
export const STACK_TOP: number = 9 * PAGE_SIZE;
export const KERNEL_STACK: number = 11 * PAGE_SIZE;
export const ENTRY: number = 12 * PAGE_SIZE;
/** First page that is not mapped. */
export const ABSENT: number = MAPPED_PAGES * PAGE_SIZE;

/** A domain with a fake processor, running. */
export interface FixtureGuest {
  readonly id: DomId;
  readonly vcpu: FakeVcpu;
  readonly root: Mfn;
  readonly frames: readonly Mfn[];
  /** Machine address of shared_info. */
  readonly shared: number;
  /** Makes one hypercall from ring 1 and gives EAX, signed. Restarted calls are made again. */
  call(number: number, ...args: readonly number[]): number;
  /** Lets the guest do these things, one after the other. */
  perform(...acts: Parameters<FakeVcpu["script"]["push"]>): void;
  write(at: number, ...words: readonly number[]): void;
  writeBytes(at: number, bytes: ArrayLike<number>): void;
  read(at: number): number;
  readBytes(at: number, count: number): Uint8Array;
}

/** How a domain differs from the usual one of 32 bits. */
export interface GuestOptions {
  readonly id?: number;
  readonly privileged?: boolean;
  readonly vcpus?: number;
  readonly width?: GuestWidth;
  readonly alarms?: boolean;
}

/** A whole hypervisor over fakes of processor, translator and scheduler. */
export interface HypervisorFixture {
  readonly hypervisor: Hypervisor;
  readonly memory: MachineMemory;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly scheduler: FakeScheduler;
  readonly processor: FakeProcessor;
  readonly consoleOutput: () => string;
  /** Lets time pass and what is due happen. */
  skipTo(ns: number): void;
  consoleInput: string;
  addGuest(options?: GuestOptions): FixtureGuest;
  /** Creates a domain without anything in it. */
  addDomain(options?: GuestOptions): DomId;
}

const FRAMES = 1024;
const CALLS_AT_MOST = 10_000;

const must = <Value>(value: Value | number, what: string): Value => {
  if (typeof value === "number" && value < 0) throw new Error(`${what}: ${value}`);
  return value as Value;
};

export const createHypervisorFixture = (): HypervisorFixture => {
  const memory = createFakeMemory({ frameCount: FRAMES });
  const translator = createRememberingTranslator(memory);
  const clock = createVirtualClock({ seconds: 5_000_000_000, nanoseconds: 7 });
  const timers = createTimerQueue();
  const scheduler = createFakeScheduler();
  const processor = createFakeProcessor();
  let written = "";
  const hypervisor = createHypervisor({
    memory,
    translator,
    processor,
    processorModel: (leaf) =>
      leaf === 0 ? [7, 1, 2, 3] : [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
    clock,
    timers,
    entropy: createEntropy(3),
    createPoolScheduler: () => onOneCpu(scheduler),
    trace: silentTrace,
    console: {
      write: (_domain, bytes) => {
        written += String.fromCharCode(...bytes);
      },
      read: (limit) => Uint8Array.from(fixture.consoleInput.slice(0, limit), (text) => text.charCodeAt(0)),
    },
  });
  const { control } = hypervisor;

  const addDomain: HypervisorFixture["addDomain"] = ({
    id,
    privileged = false,
    vcpus = 1,
    width = "x86_32p",
    alarms = false,
  } = {}) =>
    toDomId(
      must(
        control.create({
          id: id === undefined ? null : toDomId(id),
          width,
          vcpus,
          maximumPages: 128,
          privileged,
          alarms,
          scheduling: {},
          uuid: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
        }),
        "create",
      ),
    );

  const buildTables = (id: DomId): { root: Mfn; frames: Mfn[] } => {
    const all = must(control.allocateFrames(id, MAPPED_PAGES + 6), "allocateFrames") as Mfn[];
    const frames = all.slice(0, MAPPED_PAGES);
    const [root = toMfn(0), level1 = toMfn(0), ...level2] = all.slice(MAPPED_PAGES);
    const pages = control.mapFrames(id, [root, level1, ...level2]);
    if (typeof pages === "number") throw new Error(`mapFrames: ${pages}`);
    for (const [slot, table] of level2.entries()) pages.writeUint32(8 * slot, entryLow(table, PTE.present));
    for (const [index, frame] of frames.entries())
      pages.writeUint32(PAGE_SIZE + 8 * index, entryLow(frame, PTE.present | PTE.writable | PTE.user));
    pages.writeUint32(2 * PAGE_SIZE, entryLow(level1, PTE.present | PTE.writable | PTE.user));
    pages.release();
    must(control.setPhysicalNumbers(id, all, toPfn(0)), "setPhysicalNumbers");
    must(control.setPageTableBase(id, root), "setPageTableBase");
    return { root, frames };
  };

  const fixture: HypervisorFixture = {
    hypervisor,
    memory,
    clock,
    timers,
    scheduler,
    processor,
    consoleOutput: () => written,
    consoleInput: "",
    skipTo(ns) {
      clock.skipTo(toNanoseconds(ns));
      hypervisor.step({ workNs: 1, untilNs: Number.POSITIVE_INFINITY });
    },
    addDomain,
    addGuest(options) {
      const id = addDomain(options);
      const { root, frames } = buildTables(id);
      const start = { instructionPointer: 0, stackPointer: STACK_TOP, startInfo: 0 };
      must(control.setStartContext(id, toVcpuIndex(0), start), "setStartContext");
      must(control.unpause(id), "unpause");
      const vcpu = processor.vcpus.at(-1);
      if (vcpu === undefined) throw new Error("no processor was made");

      const place = (at: number): number =>
        (frames[Math.floor(at / PAGE_SIZE)] ?? 0) * PAGE_SIZE + (at % PAGE_SIZE);
      const perform: FixtureGuest["perform"] = (...acts) => {
        vcpu.script.push(...acts);
        while (vcpu.script.length > 0 && control.describe(id)?.shutdownReason === null) {
          if (hypervisor.step({ workNs: 1, untilNs: Number.POSITIVE_INFINITY }).kind === "idle") return;
        }
      };

      return {
        id,
        vcpu,
        root,
        frames,
        shared: control.sharedInfoFrame(id) * PAGE_SIZE,
        perform,
        call(number, ...args) {
          const { context } = vcpu;
          const registers = [
            REGISTER.rbx,
            REGISTER.rcx,
            REGISTER.rdx,
            REGISTER.rsi,
            REGISTER.rdi,
            REGISTER.rbp,
          ];
          for (const [index, value] of args.entries()) context.setRegister(registers[index] ?? 0, value);
          context.setRegister(REGISTER.rax, number);
          const at = context.instructionPointer;
          for (let made = 0; made < CALLS_AT_MOST; made++) {
            perform(act.int(0x82));
            // A restarted call leaves the instruction pointer where the call is made.
            if (context.instructionPointer !== at) break;
          }
          return context.register(REGISTER.rax) | 0;
        },
        write(at, ...words) {
          for (const [index, word] of words.entries())
            memory.view.setUint32(place(at + 4 * index), word, true);
        },
        writeBytes(at, bytes) {
          for (let index = 0; index < bytes.length; index++)
            memory.bytes[place(at + index)] = bytes[index] ?? 0;
        },
        read: (at) => memory.view.getUint32(place(at), true),
        readBytes: (at, count) => memory.bytes.slice(place(at), place(at) + count),
      };
    },
  };
  return fixture;
};
