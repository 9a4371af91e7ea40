import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A range of memory that a vector's program may see. */
export interface Window {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
}

/** Instruction set of a file: 32-bit code in protected mode, or 64-bit code. */
export type InstructionSet = "i386" | "amd64";

/** Register values by their name in the format, unsigned: general registers, `ip`, `fl`, x87 and vector state. */
export type Registers = Readonly<Record<string, bigint>>;

/** Bytes at a linear address. */
export interface MemoryPatch {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The fault that silicon raised. */
export interface ExpectedFault {
  readonly vector: number;
  /** Absent for vectors without an error code. */
  readonly errorCode: number | undefined;
  /** Linear address of a page fault. */
  readonly address: number | undefined;
}

/** One instruction, the state before it, and what silicon made of it. */
export interface Vector {
  readonly form: string;
  readonly bytes: Uint8Array;
  readonly before: Registers;
  readonly memoryBefore: readonly MemoryPatch[];
  readonly after: Registers;
  readonly memoryAfter: readonly MemoryPatch[];
  readonly fault: ExpectedFault | null;
  /** What is not compared, or not exactly. */
  readonly latitude: Latitude;
}

/** What the manual leaves undefined, and results that may deviate. */
export interface Latitude {
  /** EFLAGS bits that are undefined. */
  readonly flags: bigint;
  /** Bits of the x87 status word that are undefined. */
  readonly status: bigint;
  /** Whether the x87 tags are undefined. */
  readonly tags: boolean;
  /** Names of registers whose value is undefined. */
  readonly registers: readonly string[];
  /** Stored bytes that are undefined: address and length. */
  readonly memory: readonly (readonly [number, number])[];
  /** `x87`: a transcendental function. `rcp12`: an approximation of 12 bits. */
  readonly tolerance: "x87" | "rcp12" | null;
}

/** A group of vectors with what they have in common. */
export interface VectorFile {
  readonly isa: InstructionSet;
  readonly group: string;
  readonly windows: readonly Window[];
  readonly defaults: Registers;
  readonly selectors: Readonly<Record<"cs" | "ss" | "ds" | "es" | "fs" | "gs", number>>;
  /** Linear base of FS (i386) or GS (amd64). */
  readonly segmentBase: number;
  readonly vectors: readonly Vector[];
}

/** A file that is not what it should be; the message says where. */
export class VectorFileError extends Error {
  override readonly name = "VectorFileError";
}

/** Instruction sets, as directories and headers name them. */
export const INSTRUCTION_SETS: readonly InstructionSet[] = ["i386", "amd64"];

interface RawState {
  readonly m?: readonly (readonly [string, string])[];
  readonly [register: string]: unknown;
}

interface RawHeader {
  readonly schema?: string;
  readonly isa: InstructionSet;
  readonly group: string;
  readonly sel: VectorFile["selectors"];
  readonly fs_base?: string;
  readonly gs_base?: string;
  readonly windows: readonly {
    readonly name: string;
    readonly addr: string;
    readonly size: number;
    readonly prot: string;
  }[];
  readonly defaults: Readonly<Record<string, string>>;
}

interface RawVector {
  readonly n: string;
  readonly b: string;
  readonly i: RawState;
  readonly o: RawState;
  readonly x?: { readonly v: number; readonly e?: number; readonly a?: string };
  readonly u?: {
    readonly fl?: string;
    readonly fsw?: string;
    readonly ftw?: unknown;
    readonly r?: string;
    readonly R?: number;
    readonly tol?: "x87" | "rcp12";
    readonly m?: readonly (readonly [string, number])[];
  };
}

const hex = (text: string): number => Number.parseInt(text, 16);

const bytesOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = hex(text.slice(2 * i, 2 * i + 2));
  return bytes;
};

const registersOf = (state: Readonly<Record<string, unknown>>): Registers => {
  const registers: Record<string, bigint> = {};
  for (const [name, value] of Object.entries(state)) {
    if (typeof value === "string") registers[name] = BigInt(`0x${value}`);
  }
  return registers;
};

const patchesOf = (state: RawState): MemoryPatch[] =>
  (state.m ?? []).map(([address, bytes]) => ({ address: hex(address), bytes: bytesOf(bytes) }));

const vectorOf = (raw: RawVector): Vector => ({
  form: raw.n,
  bytes: bytesOf(raw.b),
  before: registersOf(raw.i),
  memoryBefore: patchesOf(raw.i),
  after: registersOf(raw.o),
  memoryAfter: patchesOf(raw.o),
  fault:
    raw.x === undefined
      ? null
      : { vector: raw.x.v, errorCode: raw.x.e, address: raw.x.a === undefined ? undefined : hex(raw.x.a) },
  latitude: latitudeOf(raw.u ?? {}),
});

const latitudeOf = (raw: NonNullable<RawVector["u"]>): Latitude => ({
  flags: BigInt(`0x${raw.fl ?? "0"}`),
  status: BigInt(`0x${raw.fsw ?? "0"}`),
  tags: raw.ftw !== undefined,
  registers: [...(raw.r === undefined ? [] : [raw.r]), ...(raw.R === undefined ? [] : [`R${raw.R}`])],
  memory: (raw.m ?? []).map(([address, length]) => [hex(address), length]),
  tolerance: raw.tol ?? null,
});

/**
 * Reads one file of vectors, gzipped or not.
 * @throws VectorFileError naming the file and line.
 */
export const readVectorFile = (path: string): VectorFile => {
  const text = readText(path);
  const lines = text.trimEnd().split("\n");
  const parse = <Raw>(line: number): Raw => {
    try {
      return JSON.parse(lines[line] ?? "") as Raw;
    } catch {
      throw new VectorFileError(`${path}: line ${line + 1} is not JSON`);
    }
  };
  const header = parse<RawHeader>(0);
  if (header?.schema !== "xvec-1") {
    throw new VectorFileError(`${path}: line 1 is not the header of an xvec-1 file`);
  }
  if (!INSTRUCTION_SETS.includes(header.isa)) {
    throw new VectorFileError(`${path}: vectors for "${header.isa}", only i386 and amd64 can be run`);
  }
  const shaped = <Value>(line: number, convert: () => Value): Value => {
    try {
      return convert();
    } catch {
      throw new VectorFileError(`${path}: line ${line + 1} lacks a field or has one of another type`);
    }
  };
  const vectors = lines.slice(1).map((_, index) => {
    const raw = parse<RawVector>(index + 1);
    return shaped(index + 1, () => vectorOf(raw));
  });
  return { ...shaped(0, () => headerOf(header)), vectors };
};

const headerOf = (header: RawHeader): Omit<VectorFile, "vectors"> => ({
  isa: header.isa,
  group: header.group,
  windows: header.windows.map(({ name, addr, size, prot }) => ({
    name,
    address: hex(addr),
    sizeBytes: size,
    writable: prot.includes("w"),
  })),
  defaults: registersOf(header.defaults),
  selectors: header.sel,
  segmentBase: hex(header.fs_base ?? header.gs_base ?? "0"),
});

const readText = (path: string): string => {
  try {
    const bytes = readFileSync(path);
    return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new VectorFileError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
};
