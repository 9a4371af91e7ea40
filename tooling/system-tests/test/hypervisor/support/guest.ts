import { type LinearAddress, type Mfn, PAGE_SIZE, toLinearAddress } from "@xenolith/machine-interface";
import { entryLow, PTE } from "@xenolith/x86-architecture";
import { type DomId, type GuestWidth, toPfn, toVcpuIndex } from "@xenolith/xen-abi";
import type { TestMachine } from "./machine.ts";

/** A domain made by hand: a few mapped pages, page tables, and code given as bytes. */
export interface TestGuest {
  readonly id: DomId;
  /** Frame behind each mapped page: page n lies at linear address n * 4096. */
  readonly frames: readonly Mfn[];
  /** Frame of the root table. */
  readonly root: Mfn;
  /** Frame of the level-1 table of all mapped pages: entry n is that of page n. */
  readonly level1: Mfn;
  /** Frames of the tables between that one and the root, from below. */
  readonly between: readonly Mfn[];
  /** x86_64: frame of another root, for user mode. It has the same tables below, and nothing refers to it yet. */
  readonly userRoot: Mfn | null;
  /** Reads the guest's memory at a mapped linear address. */
  read(at: number, lengthBytes: number): DataView;
  write(at: number, bytes: ArrayLike<number>): void;
  readUint32(at: number): number;
  writeUint32(at: number, value: number): void;
  start(): void;
}

/** How a guest is made. */
export interface TestGuestOptions {
  readonly id?: number;
  readonly privileged?: boolean;
  readonly vcpus?: number;
  /** Default: x86_32p. */
  readonly width?: GuestWidth;
  /** Linear address of the first instruction; its code is written with {@link TestGuest.write}. */
  readonly entry: number;
  readonly stackTop: number;
  /** Pages that ring 3 may use. */
  readonly userPages?: readonly number[];
  /** Pages left unmapped. */
  readonly absentPages?: readonly number[];
  /** Page at which the level-1 table of all pages is mapped, to be read. */
  readonly tablePage?: number;
}

/** Pages mapped from linear address 0. */
export const MAPPED_PAGES = 64;
/** Frames of page tables: one of level 1 and the root, and with PAE four between them; on x86_64 two, and a second root. */
const TABLES = { x86_32: 2, x86_32p: 6, x86_64: 5 } as const;
const UUID = new Uint8Array(16).map((_, index) => index);

const failWhenNegative = (what: string, result: number): number => {
  if (result < 0) throw new Error(`${what}: ${result}`);
  return result;
};

/** Builds the domain, paused. */
export const createTestGuest = (machine: TestMachine, options: TestGuestOptions): TestGuest => {
  const { control } = machine.hypervisor;
  const width = options.width ?? "x86_32p";
  const entryBytes = width === "x86_32" ? 4 : 8;
  const id = failWhenNegative(
    "create",
    control.create({
      id: (options.id ?? null) as DomId | null,
      width,
      vcpus: options.vcpus ?? 1,
      maximumPages: 256,
      privileged: options.privileged ?? false,
      scheduling: {},
      uuid: UUID,
    }),
  ) as DomId;
  const all = control.allocateFrames(id, MAPPED_PAGES + TABLES[width]);
  if (typeof all === "number") throw new Error(`allocateFrames: ${all}`);
  const frames = all.slice(0, MAPPED_PAGES);
  const [level1, ...upper] = all.slice(MAPPED_PAGES);
  const userRoot = width === "x86_64" ? (upper.pop() ?? null) : null;
  const root = upper.pop();
  if (level1 === undefined || root === undefined) throw new Error("no frames for page tables");

  const pages = control.mapFrames(id, all);
  if (typeof pages === "number") throw new Error(`mapFrames: ${pages}`);
  const table = (frame: Mfn): number => all.indexOf(frame) * PAGE_SIZE;
  const setEntry = (frame: Mfn, index: number, target: Mfn, flags: number): void =>
    pages.writeUint32(table(frame) + entryBytes * index, entryLow(target, flags));
  for (const [page, frame] of frames.entries()) {
    if (options.absentPages?.includes(page)) continue;
    const user = options.userPages?.includes(page) ? PTE.user : 0;
    const isTable = page === options.tablePage;
    setEntry(level1, page, isTable ? level1 : frame, PTE.present | (isTable ? 0 : PTE.writable) | user);
  }
  const [level2 = root, level3 = root] = upper;
  const upperFlags = PTE.present | PTE.writable | PTE.user;
  setEntry(level2, 0, level1, upperFlags);
  if (userRoot === null)
    for (const [index, lower] of upper.entries()) setEntry(root, index, lower, PTE.present);
  else {
    setEntry(level3, 0, level2, upperFlags);
    for (const top of [root, userRoot]) setEntry(top, 0, level3, upperFlags);
  }
  pages.release();
  failWhenNegative("setPhysicalNumbers", control.setPhysicalNumbers(id, all, toPfn(0)));
  failWhenNegative("setPageTableBase", control.setPageTableBase(id, root));
  failWhenNegative(
    "setStartContext",
    control.setStartContext(id, toVcpuIndex(0), {
      instructionPointer: options.entry,
      stackPointer: options.stackTop,
      startInfo: 0,
    }),
  );

  /** Machine address behind a mapped linear address. */
  const place = (at: number): number =>
    (frames[Math.floor(at / PAGE_SIZE)] ?? 0) * PAGE_SIZE + (at % PAGE_SIZE);

  return {
    id,
    frames,
    root,
    level1,
    between: upper,
    userRoot,
    read: (at, lengthBytes) => new DataView(machine.memory.memory.buffer, place(at), lengthBytes),
    write(at, bytes) {
      machine.memory.bytes.set(bytes, place(at));
    },
    readUint32: (at) => machine.memory.view.getUint32(place(at), true),
    writeUint32: (at, value) => machine.memory.view.setUint32(place(at), value, true),
    start() {
      failWhenNegative("unpause", control.unpause(id));
    },
  };
};

/** First byte of a page, as linear address. */
export const page = (number: number): LinearAddress => toLinearAddress(number * PAGE_SIZE);
