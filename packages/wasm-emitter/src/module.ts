import { ByteBuffer } from "./byte-buffer.ts";
import { FunctionBody } from "./function-body.ts";
import { EmitterError, type ValueType } from "./types.ts";
import type { Value } from "./value.ts";

const SECTION = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  global: 6,
  export: 7,
  element: 9,
  code: 10,
} as const;
const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCREF = 0x70;
const FUNCTION_TYPE = 0x60;
const END = 0x0b;

interface Definition {
  readonly typeIndex: number;
  readonly body: FunctionBody;
  readonly exportName: string | null;
}

/** A function type. */
interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

const isSame = (some: readonly ValueType[], others: readonly ValueType[]): boolean => {
  if (some === others) return true;
  if (some.length !== others.length) return false;
  for (let position = 0; position < some.length; position++)
    if (some[position] !== others[position]) return false;
  return true;
};

/** A module under construction. Imports of functions come before the first function. [WASM 5.5] */
export class ModuleBuilder {
  readonly #types: ByteBuffer[] = [];
  readonly #signatures: Signature[] = [];
  readonly #imports: ByteBuffer[] = [];
  readonly #functions: Definition[] = [];
  readonly #elements: { readonly offset: number; readonly functions: readonly number[] }[] = [];
  readonly #globals: ByteBuffer[] = [];
  #importedFunctions = 0;
  #importedGlobals = 0;

  /** Index of a function type. Equal types share one. */
  type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const signatures = this.#signatures;
    for (let index = 0; index < signatures.length; index++) {
      const known = signatures[index];
      if (known !== undefined && isSame(known.parameters, parameters) && isSame(known.results, results))
        return index;
    }
    const out = new ByteBuffer();
    out.byte(FUNCTION_TYPE);
    out.unsigned(parameters.length);
    out.bytes(parameters);
    out.unsigned(results.length);
    out.bytes(results);
    this.#types.push(out);
    signatures.push({ parameters, results });
    return this.#types.length - 1;
  }

  #import(module: string, name: string, kind: number, rest: (out: ByteBuffer) => void): void {
    const out = new ByteBuffer();
    out.name(module);
    out.name(name);
    out.byte(kind);
    rest(out);
    this.#imports.push(out);
  }

  /** Imports a function and returns its index. */
  importFunction(
    module: string,
    name: string,
    parameters: readonly ValueType[],
    results: readonly ValueType[],
  ): number {
    if (this.#functions.length > 0) throw new EmitterError("function imports come before functions");
    const typeIndex = this.type(parameters, results);
    this.#import(module, name, EXTERNAL.function, (out) => out.unsigned(typeIndex));
    this.#importedFunctions += 1;
    return this.#importedFunctions - 1;
  }

  /** Imports memory 0 of at least `minimumPages` pages of 64 KiB. */
  importMemory(module: string, name: string, minimumPages: number): void {
    this.#import(module, name, EXTERNAL.memory, (out) => {
      out.byte(0);
      out.unsigned(minimumPages);
    });
  }

  /** Imports a global that does not change, and returns its index. */
  importGlobal(module: string, name: string, type: ValueType): number {
    if (this.#globals.length > 0) throw new EmitterError("imports of globals come before globals");
    this.#import(module, name, EXTERNAL.global, (out) => {
      out.byte(type);
      out.byte(0);
    });
    this.#importedGlobals += 1;
    return this.#importedGlobals - 1;
  }

  /** Adds a global that may change, and returns its index. Imports of globals come before the first one. */
  global(initial: Value): number {
    if (!initial.isConstant) throw new EmitterError("a global begins with a constant");
    const out = new ByteBuffer();
    out.byte(initial.type);
    out.byte(1);
    initial.emit(out);
    out.byte(END);
    this.#globals.push(out);
    return this.#importedGlobals + this.#globals.length - 1;
  }

  /** Imports table 0 of functions. */
  importTable(module: string, name: string, minimumEntries: number): void {
    this.#import(module, name, EXTERNAL.table, (out) => {
      out.byte(FUNCREF);
      out.byte(0);
      out.unsigned(minimumEntries);
    });
  }

  /** Begins a function, exported when it has a name. */
  function(
    parameters: readonly ValueType[],
    results: readonly ValueType[],
    exportName: string | null = null,
  ): FunctionBody {
    const body = new FunctionBody(this.#importedFunctions + this.#functions.length, parameters);
    this.#functions.push({ typeIndex: this.type(parameters, results), body, exportName });
    return body;
  }

  /** Places functions in table 0 at instantiation, from entry `offset` on. */
  elements(offset: number, functions: readonly number[]): void {
    this.#elements.push({ offset, functions });
  }

  /** The finished binary. The builder and its bodies must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteBuffer();
    out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, SECTION.type, (inner) => list(inner, this.#types));
    section(out, SECTION.import, (inner) => list(inner, this.#imports));
    section(out, SECTION.function, (inner) => {
      inner.unsigned(this.#functions.length);
      for (const { typeIndex } of this.#functions) inner.unsigned(typeIndex);
    });
    if (this.#globals.length > 0) section(out, SECTION.global, (inner) => list(inner, this.#globals));
    this.#exports(out);
    this.#elementSegments(out);
    section(out, SECTION.code, (inner) => {
      inner.unsigned(this.#functions.length);
      for (const { body } of this.#functions) functionCode(inner, body);
    });
    const bytes = out.view().slice();
    out.release();
    return bytes as Uint8Array<ArrayBuffer>;
  }

  #exports(out: ByteBuffer): void {
    const exported = this.#functions.filter(({ exportName }) => exportName !== null);
    section(out, SECTION.export, (inner) => {
      inner.unsigned(exported.length);
      for (const { body, exportName } of exported) {
        inner.name(exportName ?? "");
        inner.byte(EXTERNAL.function);
        inner.unsigned(body.index);
      }
    });
  }

  #elementSegments(out: ByteBuffer): void {
    if (this.#elements.length === 0) return;
    section(out, SECTION.element, (inner) => {
      inner.unsigned(this.#elements.length);
      for (const { offset, functions } of this.#elements) {
        inner.byte(0);
        inner.byte(0x41);
        inner.signed(offset);
        inner.byte(END);
        inner.unsigned(functions.length);
        for (const index of functions) inner.unsigned(index);
      }
    });
  }
}

const list = (out: ByteBuffer, entries: readonly ByteBuffer[]): void => {
  out.unsigned(entries.length);
  for (const entry of entries) {
    out.bytes(entry.view());
    entry.release();
  }
};

const section = (out: ByteBuffer, id: number, write: (inner: ByteBuffer) => void): void => {
  const inner = new ByteBuffer();
  write(inner);
  out.byte(id);
  out.unsigned(inner.length);
  out.bytes(inner.view());
  inner.release();
};

/** Size, locals as runs of one type, instructions, end. */
const functionCode = (out: ByteBuffer, body: FunctionBody): void => {
  const head = new ByteBuffer();
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of body.localTypes) {
    const last = runs.at(-1);
    if (last?.type === type) last.count += 1;
    else runs.push({ type, count: 1 });
  }
  head.unsigned(runs.length);
  for (const { type, count } of runs) {
    head.unsigned(count);
    head.byte(type);
  }
  body.finish((code) => {
    out.unsigned(head.length + code.length + 1);
    out.bytes(head.view());
    out.bytes(code);
    out.byte(END);
  });
  head.release();
};
