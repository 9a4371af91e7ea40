import { createEntropy } from "@xenolith/machine";
import { frameAddress, type MachineMemory, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { onOneCpu } from "@xenolith/scheduler-interface";
import { silentTrace } from "@xenolith/trace";
import { entryLow, PTE } from "@xenolith/x86-architecture";
import { type DomId, toDomId, toPfn } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_memory_op,
  __HYPERVISOR_mmu_update,
  __HYPERVISOR_mmuext_op,
  MMUEXT_OP,
  writeMmuUpdate,
} from "@xenolith/xen-abi/xen";
import type { Domain } from "../../src/domain.ts";
import { CallState } from "../../src/hypercalls/call-state.ts";
import { RESTARTED } from "../../src/hypercalls/context.ts";
import { newDomain } from "../../src/lifecycle/new-domain.ts";
import { createMemorySystem, type MemorySystem } from "../../src/memory/create.ts";
import type { Vcpu } from "../../src/vcpu.ts";
import { createFakeScheduler } from "./fake-scheduler.ts";
import { createRememberingTranslator, type RememberingTranslator } from "./remembering-translator.ts";

export const RO: number = PTE.present | PTE.user;
export const RW: number = RO | PTE.writable;

/** Pages that a fixture's guest has mapped from linear address 0; the last ones are for arguments of calls. */
export const MAPPED_PAGES = 16;
/** Linear address of the page where tests put arguments. */
export const SCRATCH: number = (MAPPED_PAGES - 1) * PAGE_SIZE;
/** Linear address of the counter of requests done. */
export const DONE: number = SCRATCH - 4;

/** A PAE guest: tables as in `root` → four of level 2 → one of level 1 (slot 0 of slot 0) → pages, pinned and loaded. */
export interface Guest {
  readonly domain: Domain;
  readonly vcpu: Vcpu;
  readonly root: Mfn;
  readonly level2: readonly Mfn[];
  readonly level1: Mfn;
  readonly pages: readonly Mfn[];
  /** Makes a hypercall with arguments in registers. Restarted calls are made again at once, as guests do. */
  call(number: number, ...args: number[]): number;
  /** mmu_update with requests of [address | command, low, high?]. */
  mmuUpdate(requests: readonly (readonly [number, number, number?])[], foreign?: number): number;
  /** mmuext_op with requests of [command, arg1, arg2?]. */
  mmuExtOp(requests: readonly (readonly [number, number, number?])[], foreign?: number): number;
  /** Makes an mmuext_op call once: when it is to be made again, it is not. */
  begin(requests: readonly (readonly [number, number, number?])[], foreign?: number): void;
  /** memory_op with 32-bit words as its argument. */
  memoryOp(command: number, ...words: number[]): number;
  /** Requests done of the last batch. */
  done(): number;
  /** 32-bit words at a linear address, as the guest's kernel reads them; null where it faults. */
  read(at: number): number | null;
  write(at: number, ...words: number[]): boolean;
  /** Frames of the guest's that nothing maps. */
  spare(count: number): Mfn[];
}

export interface MemoryFixture {
  readonly memory: MachineMemory;
  readonly system: MemorySystem;
  readonly translator: RememberingTranslator;
  /** Whether calls see an event waiting. */
  interrupted: boolean;
  /** How often calls were restarted. */
  restarts: number;
  /** How often a call is made until it has to have ended; 1: once, whatever the answer. */
  rounds: number;
  addGuest(id: number, options?: { privileged?: boolean; vcpus?: number }): Guest;
  findDomain(id: DomId): Domain | null;
  /** Ends a guest's domain. @returns false while others hold some of its frames */
  destroy(guest: Guest): boolean;
}

/** Machine address of an entry of a PAE table. */
export const entryOf = (table: Mfn, index: number): number => frameAddress(table) + index * 8;

/** An entry's low word. Frames of tests lie below 2^20. */
export const leadsTo = (frame: Mfn, flags: number = RW): number => entryLow(frame, flags);

const buildTables = (system: MemorySystem, domain: Domain): Omit<Guest, keyof GuestActions> => {
  const taken = system.allocateFrames(domain, MAPPED_PAGES + 6);
  if (typeof taken === "number") throw new Error(`no frames: ${taken}`);
  const pages = taken.slice(0, MAPPED_PAGES);
  const [root = toMfn(0), level1 = toMfn(0), ...level2] = taken.slice(MAPPED_PAGES);
  const handle = system.mapFrames(domain, [root, level1, ...level2], true);
  if (typeof handle === "number") throw new Error(`cannot map: ${handle}`);
  for (const [slot, table] of level2.entries()) handle.writeUint32(slot * 8, leadsTo(table, PTE.present));
  for (const [index, page] of pages.entries()) handle.writeUint32(PAGE_SIZE + index * 8, leadsTo(page));
  handle.writeUint32(2 * PAGE_SIZE, leadsTo(level1));
  handle.release();
  system.setPhysicalNumbers(domain, taken, toPfn(0));
  const error = system.setInitialPageTableBase(domain, root);
  if (error !== 0) throw new Error(`tables do not validate: ${error}`);
  const [vcpu] = domain.vcpus;
  if (vcpu === undefined) throw new Error("no VCPU");
  return { domain, vcpu, root, level1, level2, pages };
};

type GuestActions = Pick<
  Guest,
  "call" | "mmuUpdate" | "mmuExtOp" | "begin" | "memoryOp" | "done" | "read" | "write" | "spare"
>;

/** A machine of 1024 frames with the memory side of a hypervisor, and guests without a processor. */
export const createMemoryFixture = (seed = 5): MemoryFixture => {
  const memory = createFakeMemory({ frameCount: 1024 });
  const translator = createRememberingTranslator(memory);
  const domains = new Map<DomId, Domain>();
  const findDomain = (id: DomId): Domain | null => domains.get(id) ?? null;
  const system = createMemorySystem({
    memory,
    translator,
    entropy: createEntropy(seed),
    trace: silentTrace,
    findDomain,
  });
  const handlers = new Map(system.hypercalls.map((hypercall) => [hypercall.number, hypercall]));

  const makeCall = (vcpu: Vcpu, number: number, args: readonly number[]): number => {
    let given = args;
    for (let rounds = 0; rounds < fixture.rounds; rounds++) {
      const words = given;
      const source = { low: (index: number) => (words[index] ?? 0) >>> 0, high: () => 0 };
      const call = new CallState(vcpu, source, () => fixture.interrupted);
      const result = handlers.get(number)?.handle(call);
      if (typeof result === "number") return result;
      if (result !== RESTARTED) throw new Error(`call ${number} has no handler`);
      fixture.restarts++;
      given = words.map((value, index) => call.restartArguments?.[index] ?? value);
    }
    if (fixture.rounds === 1) return 0;
    throw new Error("the call never ends");
  };

  const actions = ({ domain, vcpu }: { domain: Domain; vcpu: Vcpu }): GuestActions => {
    const write = (at: number, ...words: number[]): boolean =>
      vcpu.guestMemory.copyTo(at, new Uint8Array(Uint32Array.from(words).buffer));
    const call = (number: number, ...args: number[]): number => makeCall(vcpu, number, args);
    return {
      call,
      write,
      read: (at) => vcpu.guestMemory.readUint32(at),
      done: () => vcpu.guestMemory.readUint32(DONE) ?? -1,
      mmuUpdate(requests, foreign = 0x7ff0) {
        const view = new DataView(new ArrayBuffer(requests.length * 16));
        for (const [index, [address, low, high = 0]] of requests.entries()) {
          const command = address % 8;
          writeMmuUpdate(view, index * 16, { command, address: address - command, value: { low, high } });
        }
        vcpu.guestMemory.write(SCRATCH, view);
        return call(__HYPERVISOR_mmu_update, SCRATCH, requests.length, DONE, foreign);
      },
      mmuExtOp(requests, foreign = 0x7ff0) {
        const bytes = MMUEXT_OP.size("x86_32p");
        const view = new DataView(new ArrayBuffer(requests.length * bytes));
        for (const [index, [command, arg1, arg2 = 0]] of requests.entries()) {
          MMUEXT_OP.write(view, index * bytes, "x86_32p", { command, arg1, arg2 });
        }
        vcpu.guestMemory.write(SCRATCH, view);
        return call(__HYPERVISOR_mmuext_op, SCRATCH, requests.length, DONE, foreign);
      },
      begin(requests, foreign) {
        fixture.rounds = 1;
        this.mmuExtOp(requests, foreign);
        fixture.rounds = 10_000;
      },
      memoryOp(command, ...words) {
        write(SCRATCH, ...words);
        return call(__HYPERVISOR_memory_op, command, SCRATCH);
      },
      spare(count) {
        const frames = system.allocateFrames(domain, count);
        if (typeof frames === "number") throw new Error(`no frames: ${frames}`);
        return frames;
      },
    };
  };

  const pool = { id: 0, name: "Pool-0", scheduler: onOneCpu(createFakeScheduler()) };
  const fixture: MemoryFixture = {
    memory,
    system,
    translator,
    interrupted: false,
    restarts: 0,
    rounds: 10_000,
    findDomain,
    destroy({ domain }) {
      domains.delete(domain.id);
      return system.closeDomain(domain);
    },
    addGuest(id, { privileged = false, vcpus = 1 } = {}) {
      const options = { id: toDomId(id), width: "x86_32p", vcpus, maximumPages: 200, privileged } as const;
      const parts = { memory, translator, now: 0, pool, nextSchedulerId: () => id };
      const domain = newDomain(toDomId(id), { ...options, scheduling: {}, uuid: new Uint8Array(16) }, parts);
      if (system.openDomain(domain) !== 0) throw new Error("no memory for the domain");
      domains.set(domain.id, domain);
      const guest = buildTables(system, domain);
      return { ...guest, ...actions(guest) };
    },
  };
  return fixture;
};
