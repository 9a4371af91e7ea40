// The few globals that both Node and browsers have and that `lib: ["es2023"]` does not know.
// A subset of lib.dom with the same signatures. Nothing else may be added without a second look: this file is
// what keeps the library packages free of Node and of the DOM.

declare namespace WebAssembly {
  type ImportValue = Memory | Table | Global | ((...values: never[]) => unknown) | number | bigint;
  type ModuleImports = Record<string, ImportValue>;
  type Imports = Record<string, ModuleImports>;
  type ExportValue = Memory | Table | Global | ((...values: unknown[]) => unknown);
  type Exports = Record<string, ExportValue>;
  type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "anyfunc" | "externref";

  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(delta: number): number;
  }

  interface TableDescriptor {
    element: "anyfunc" | "externref";
    initial: number;
    maximum?: number;
  }
  class Table {
    constructor(descriptor: TableDescriptor, value?: unknown);
    readonly length: number;
    // biome-ignore lint/suspicious/noExplicitAny: lib.dom's own signature, which callers narrow
    get(index: number): any;
    grow(delta: number, value?: unknown): number;
    set(index: number, value?: unknown): void;
  }

  interface GlobalDescriptor {
    mutable?: boolean;
    value: ValueType;
  }
  class Global {
    constructor(descriptor: GlobalDescriptor, value?: number | bigint);
    // biome-ignore lint/suspicious/noExplicitAny: lib.dom's own signature, which callers narrow
    value: any;
    valueOf(): unknown;
  }

  class Module {
    constructor(bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>);
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean;
  function compile(bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}

interface TextDecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}
declare class TextDecoder {
  constructor(label?: string, options?: TextDecoderOptions);
  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}

interface ReadableStreamReader<R> {
  read(): Promise<{ readonly done: boolean; readonly value?: R | undefined }>;
}
interface ReadableStreamSource<R> {
  start?(controller: { enqueue(chunk: R): void; close(): void }): void;
}
declare class ReadableStream<R = unknown> {
  constructor(source?: ReadableStreamSource<R>);
  getReader(): ReadableStreamReader<R>;
  pipeThrough<T>(transform: {
    readonly readable: ReadableStream<T>;
    readonly writable: unknown;
  }): ReadableStream<T>;
}
declare class DecompressionStream {
  constructor(format: "gzip" | "deflate" | "deflate-raw");
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: unknown;
}
