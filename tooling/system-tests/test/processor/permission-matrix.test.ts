import { createMachineMemory } from "@xenolith/machine";
import { EXIT, type MachineMemory, type PagingContext, toMfn } from "@xenolith/machine-interface";
import { createAddressTranslator } from "@xenolith/mmu";
import { PTE, REGISTER, SEGMENT, type X86Vcpu } from "@xenolith/x86-architecture";
import { createMonitoredProcessor, type EngineTuning, X86_64_V2_MODEL } from "@xenolith/x86-cpu";
import { describe, expect, it } from "vitest";

/**
 * Every combination of the bits of a page's two lowest entries with WP, NXE, SMEP, privilege and kind of access, each made by
 * an instruction, twice in a loop. What should come of it is worked out from the manual's rules. [SDM3A-4.6] [SDM3A-4.7]
 */
type Format = "two-level" | "pae" | "long";
type Kind = "read" | "write" | "modify" | "execute";

interface Entry {
  readonly present: boolean;
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
}

interface Case {
  readonly directory: Entry;
  readonly page: Entry;
  readonly writeProtect: boolean;
  readonly noExecuteEnabled: boolean;
  readonly prevention: boolean;
  readonly user: boolean;
  readonly kind: Kind;
}

const KINDS: readonly Kind[] = ["read", "write", "modify", "execute"];
const ERROR = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16 } as const;

/** Linear addresses: code for both privileges, a stack, and the page in question under a directory entry of its own. */
const CODE = { user: 0x40_0000, supervisor: 0x40_1000 };
const STACK = 0x40_3000;
const TARGET = 0x60_0000;

/** Machine addresses. */
const ROOT = 0x1000;
const MIDDLE = 0x2000;
const DIRECTORY = 0x3000;
const CODE_TABLE = 0x4000;
const TARGET_TABLE = 0x5000;
const CODE_FRAMES = { user: 0x10, supervisor: 0x11, stack: 0x12 };
const TARGET_FRAME = 0x20;

/** The page-fault error code, or null: the access is allowed. */
const expected = (one: Case, hasNoExecute: boolean): number | null => {
  const { directory, page, user, kind, writeProtect, noExecuteEnabled, prevention } = one;
  const isWrite = kind === "write" || kind === "modify";
  const isFetch = kind === "execute";
  const circumstances =
    (isWrite ? ERROR.write : 0) |
    (user ? ERROR.user : 0) |
    (isFetch && ((hasNoExecute && noExecuteEnabled) || prevention) ? ERROR.fetch : 0);
  for (const entry of [directory, page]) {
    if (!entry.present) return circumstances;
    if (entry.noExecute && !noExecuteEnabled) return circumstances | ERROR.present | ERROR.reserved;
  }
  const isUserPage = directory.user && page.user;
  const isWritable = directory.writable && page.writable;
  const isForbidden =
    (user && !isUserPage) ||
    (isWrite && !isWritable && (user || writeProtect)) ||
    (isFetch && (directory.noExecute || page.noExecute)) ||
    (isFetch && prevention && !user && isUserPage);
  return isForbidden ? circumstances | ERROR.present : null;
};

/** mov ecx, 2; l: access; loop l; int3. Places are absolute, below 2 GiB. */
const codeOf = (kind: Kind): readonly number[] => {
  const place = [0x04, 0x25, 0, 0, 0x60, 0];
  const call = [0xba, 0, 0, 0x60, 0, 0xff, 0xd2];
  const access = { read: [0x8b, ...place], write: [0x89, ...place], modify: [0x01, ...place], execute: call }[
    kind
  ];
  return [0xb9, 2, 0, 0, 0, ...access, 0xe2, -(access.length + 2) & 0xff, 0xcc];
};

const entryOf = (text: number): Entry => ({
  present: (text & 1) !== 0,
  writable: (text & 2) !== 0,
  user: (text & 4) !== 0,
  noExecute: (text & 8) !== 0,
});

class Scene {
  readonly vcpu: X86Vcpu;
  readonly #memory: MachineMemory;
  readonly #format: Format;
  readonly #translator: ReturnType<typeof createAddressTranslator>;

  constructor(format: Format, tuning: EngineTuning) {
    this.#format = format;
    this.#memory = createMachineMemory({ ramBytes: 1 << 20, reserveBytes: 16 << 20 });
    const { physicalAddressBits } = X86_64_V2_MODEL;
    this.#translator = createAddressTranslator({ memory: this.#memory, physicalAddressBits });
    const processor = createMonitoredProcessor({
      memory: this.#memory,
      translator: this.#translator,
      model: X86_64_V2_MODEL,
      recordBytes: 1 << 20,
      ...tuning,
    });
    this.vcpu = processor.createVcpu({
      descriptors: { low: 0, high: 0, read: () => false, setAccessed: () => {} },
      timestamp: () => 0,
      longMode: format === "long",
    });
    this.vcpu.space = this.#translator.open(this.#context(true, true, false));
    this.#writeTables();
    KINDS.forEach((kind, index) => {
      for (const frame of [CODE_FRAMES.user, CODE_FRAMES.supervisor]) {
        this.#memory.bytes.set(codeOf(kind), frame * 4096 + 64 * index);
      }
    });
    this.#memory.bytes[TARGET_FRAME * 4096] = 0xc3;
  }

  #context(writeProtect: boolean, noExecute: boolean, prevention: boolean): PagingContext {
    return {
      format: this.#format,
      rootAddress: ROOT,
      writeProtect,
      noExecute,
      largePages: true,
      globalPages: false,
      supervisorExecutionPrevention: prevention,
      linearLimit: null,
      overlays: [],
    };
  }

  #put(table: number, index: number, low: number, noExecute = false): void {
    const { view } = this.#memory;
    if (this.#format === "two-level") view.setUint32(table + 4 * index, low, true);
    else {
      view.setUint32(table + 8 * index, low, true);
      view.setUint32(table + 8 * index + 4, noExecute ? 0x8000_0000 : 0, true);
    }
  }

  /** Index in the directory, and in the table below. */
  #indices(at: number): readonly [number, number] {
    return this.#format === "two-level"
      ? [at >>> 22, (at >>> 12) & 1023]
      : [(at >>> 21) & 511, (at >>> 12) & 511];
  }

  get #directory(): number {
    return this.#format === "two-level" ? ROOT : DIRECTORY;
  }

  #writeTables(): void {
    const all = PTE.present | PTE.writable | PTE.user;
    if (this.#format === "long") {
      this.#put(ROOT, 0, MIDDLE | all);
      this.#put(MIDDLE, 0, DIRECTORY | all);
    } else if (this.#format === "pae") this.#put(ROOT, 0, DIRECTORY | PTE.present);
    const [directoryIndex] = this.#indices(CODE.user);
    this.#put(this.#directory, directoryIndex, CODE_TABLE | all);
    const page = (at: number, frame: number, flags: number): void =>
      this.#put(CODE_TABLE, this.#indices(at)[1], (frame * 4096) | flags);
    page(CODE.user, CODE_FRAMES.user, all);
    page(CODE.supervisor, CODE_FRAMES.supervisor, PTE.present);
    page(STACK - 4096, CODE_FRAMES.stack, all);
  }

  /** Two-level tables put code and target under one directory entry: there only the page's own entry varies. */
  get hasOwnDirectoryEntry(): boolean {
    return this.#format !== "two-level";
  }

  #flags(entry: Entry): number {
    return (
      (entry.present ? PTE.present : 0) | (entry.writable ? PTE.writable : 0) | (entry.user ? PTE.user : 0)
    );
  }

  /** Makes the access. Returns the error code, or null, and whether the page is now marked as accessed and dirty. */
  try(one: Case): { readonly error: number | null; readonly marks: number; readonly address: number } {
    const [directoryIndex, tableIndex] = this.#indices(TARGET);
    const table = this.hasOwnDirectoryEntry ? TARGET_TABLE : CODE_TABLE;
    if (this.hasOwnDirectoryEntry) {
      const { directory } = one;
      this.#put(this.#directory, directoryIndex, table | this.#flags(directory), directory.noExecute);
    }
    this.#put(table, tableIndex, (TARGET_FRAME * 4096) | this.#flags(one.page), one.page.noExecute);
    const { writeProtect, noExecuteEnabled, prevention } = one;
    this.#translator.change(this.vcpu.space, this.#context(writeProtect, noExecuteEnabled, prevention));
    this.#enter(one);
    const exit = this.vcpu.run(100);
    expect(exit.kind).toBe(EXIT.interrupt);
    const entryBytes = this.#format === "two-level" ? 4 : 8;
    const marks = this.#memory.view.getUint32(table + entryBytes * tableIndex, true);
    const error = exit.vector === 14 ? exit.errorCode : null;
    if (error === null) expect([exit.vector, exit.software]).toEqual([3, true]);
    return { error, marks: marks & (PTE.accessed | PTE.dirty), address: exit.address };
  }

  #enter({ user, kind }: Case): void {
    const { context } = this.vcpu;
    const isLong = this.#format === "long";
    const privilege = user ? 3 : 1;
    const limit = 0xffff_ffff;
    const code = (isLong ? 0xa09b : 0xc09b) | (privilege << 5);
    const data = 0xc093 | (privilege << 5);
    context.setSegment(SEGMENT.cs, { selector: 8 | privilege, base: 0, limit, attributes: code });
    for (const index of [SEGMENT.ss, SEGMENT.ds, SEGMENT.es]) {
      context.setSegment(index, { selector: 16 | privilege, base: 0, limit, attributes: data });
    }
    context.setWideRegister(REGISTER.rsp, BigInt(STACK));
    context.setRegister(REGISTER.rax, 0);
    context.flags = 2;
    context.instructionPointer = (user ? CODE.user : CODE.supervisor) + 64 * KINDS.indexOf(kind);
  }

  /** Target bytes stay what they are: RET, so that it can be called. */
  restoreTarget(): void {
    this.#memory.bytes.fill(0, TARGET_FRAME * 4096, TARGET_FRAME * 4096 + 8);
    this.#memory.bytes[TARGET_FRAME * 4096] = 0xc3;
    this.#memory.written(toMfn(TARGET_FRAME), 0, 8);
  }
}

function* casesOf(format: Format): Generator<Case> {
  const entries = format === "two-level" ? 8 : 16;
  for (let bits = 0; bits < 16; bits++) {
    const noExecuteEnabled = (bits & 2) !== 0;
    // Without no-execute bits the switch for them makes no difference.
    if (format === "two-level" && !noExecuteEnabled) continue;
    for (let directory = 0; directory < (format === "two-level" ? 1 : entries); directory++) {
      for (let page = 0; page < entries; page++) {
        for (const kind of KINDS) {
          yield {
            directory: format === "two-level" ? entryOf(7) : entryOf(directory),
            page: entryOf(page),
            writeProtect: (bits & 1) !== 0,
            noExecuteEnabled,
            prevention: (bits & 4) !== 0,
            user: (bits & 8) !== 0,
            kind,
          };
        }
      }
    }
  }
}

const ENGINES: readonly (readonly [string, EngineTuning])[] = [
  ["interpreted", { engine: "interpreter" }],
  ["translated", { translateAfter: 0 }],
];

describe.each(["two-level", "pae", "long"] as const)("accesses under %s tables", (format) => {
  it.each(ENGINES)(
    "are allowed and refused as the manual says, %s",
    (_name, tuning) => {
      const scene = new Scene(format, tuning);
      let tried = 0;
      const wrong: string[] = [];
      for (const one of casesOf(format)) {
        tried += 1;
        const error = expected(one, format !== "two-level");
        const outcome = scene.try(one);
        const isWrite = one.kind === "write" || one.kind === "modify";
        const marks = error === null ? PTE.accessed | (isWrite ? PTE.dirty : 0) : outcome.marks & ~PTE.dirty;
        if (
          outcome.error !== error ||
          outcome.marks !== marks ||
          (error !== null && outcome.address >>> 12 !== TARGET >>> 12)
        ) {
          wrong.push(`${JSON.stringify(one)}: ${JSON.stringify(outcome)}, not ${error} ${marks}`);
        }
        if (error === null && isWrite) scene.restoreTarget();
      }
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(tried).toBeGreaterThan(format === "two-level" ? 200 : 16_000);
    },
    180_000,
  );
});
