import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A range of memory that a vector's program may see. */
export interface Window {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
}

/** Register values by name, as unsigned numbers. Wide ones (x87, vectors) are left out. */
export type Registers = Readonly<Record<string, number>>;

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
  /** EFLAGS bits that the manual leaves undefined. */
  readonly undefinedFlags: number;
  /** Register whose value is undefined, or "". */
  readonly undefinedRegister: string;
  /** Stored bytes that are undefined: address and length. */
  readonly undefinedMemory: readonly (readonly [number, number])[];
}

/** A group of vectors with what they have in common. */
export interface VectorFile {
  readonly group: string;
  readonly windows: readonly Window[];
  readonly defaults: Registers;
  readonly selectors: Readonly<Record<"cs" | "ss" | "ds" | "es" | "fs" | "gs", number>>;
  readonly fsBase: number;
  readonly vectors: readonly Vector[];
}

/** A file that is not what it should be; the message says where. */
export class VectorFileError extends Error {
  override readonly name = "VectorFileError";
}

/** Registers that fit in 32 bits: what a processor without floating point has. */
const NARROW = new Set(["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "ip", "fl"]);

interface RawState {
  readonly m?: readonly (readonly [string, string])[];
  readonly [register: string]: unknown;
}

interface RawHeader {
  readonly schema?: string;
  readonly isa: string;
  readonly group: string;
  readonly sel: VectorFile["selectors"];
  readonly fs_base?: string;
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
    readonly r?: string;
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
  const registers: Record<string, number> = {};
  for (const [name, value] of Object.entries(state)) {
    if (NARROW.has(name) && typeof value === "string") registers[name] = hex(value);
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
  undefinedFlags: hex(raw.u?.fl ?? "0"),
  undefinedRegister: raw.u?.r ?? "",
  undefinedMemory: (raw.u?.m ?? []).map(([address, length]) => [hex(address), length]),
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
  if (header.isa !== "i386") {
    throw new VectorFileError(`${path}: vectors for "${header.isa}", only i386 can be run`);
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
  group: header.group,
  windows: header.windows.map(({ name, addr, size, prot }) => ({
    name,
    address: hex(addr),
    sizeBytes: size,
    writable: prot.includes("w"),
  })),
  defaults: registersOf(header.defaults),
  selectors: header.sel,
  fsBase: hex(header.fs_base ?? "0"),
});

const readText = (path: string): string => {
  try {
    const bytes = readFileSync(path);
    return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new VectorFileError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
};
