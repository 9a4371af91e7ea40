import type { GuestWidth } from "./width.ts";

/**
 * C structures described field by field, in the order of the header. From one description come the layout for every
 * guest width (natural alignment; 8-byte fields are aligned to 4 on x86_32), the decoder and the encoder. The test suite
 * compares every layout with what a C compiler makes of Xen's headers.
 */

/** One kind of field: how large it is for a width, and how to read and write it. */
export interface FieldType<Value> {
  size(width: GuestWidth): number;
  alignment(width: GuestWidth): number;
  read(view: DataView, at: number, width: GuestWidth): Value;
  write(view: DataView, at: number, width: GuestWidth, value: Value): void;
}

/** Byte offsets of all fields of a structure, and its size, for one width. */
export type StructLayout<Fields> = { readonly [Name in keyof Fields]: number } & {
  readonly sizeBytes: number;
};

/** A structure of the ABI. It can be a field of another. */
export interface Struct<Fields extends object> extends FieldType<Fields> {
  /** Offsets per width. */
  readonly layout: Readonly<Record<GuestWidth, StructLayout<Fields>>>;
  /** Decodes all fields. The view must hold `sizeBytes` bytes from `at`. */
  read(view: DataView, at: number, width: GuestWidth): Fields;
  /** Encodes all fields; padding is left as it is. */
  write(view: DataView, at: number, width: GuestWidth, value: Fields): void;
  /** Encodes the fields given and leaves the others as they are: for the OUT fields of an operation. */
  update(view: DataView, at: number, width: GuestWidth, value: Partial<Fields>): void;
}

/** Decoder of a structure at a byte offset of copied memory. */
export type StructReader<Fields extends object> = Struct<Fields>["read"];

/** Encoder of a structure at a byte offset. */
export type StructWriter<Fields extends object> = Struct<Fields>["write"];

/** Encoder of some fields of a structure. */
export type StructUpdater<Fields extends object> = Struct<Fields>["update"];

const WIDTHS: readonly GuestWidth[] = ["x86_32", "x86_32p", "x86_64"];

type FieldTypes<Fields> = { readonly [Name in keyof Fields]-?: FieldType<Fields[Name]> };

const alignUp = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

/** Names of a description in order; `Object.keys` with the key type it really has. */
const namesOf = <Fields extends object>(types: FieldTypes<Fields>): (keyof Fields & string)[] =>
  Object.keys(types) as (keyof Fields & string)[];

const layOut = <Fields extends object>(
  types: FieldTypes<Fields>,
  width: GuestWidth,
): StructLayout<Fields> => {
  const offsets: Record<string, number> = {};
  let end = 0;
  let strictest = 1;
  for (const name of namesOf(types)) {
    const type = types[name];
    const alignment = type.alignment(width);
    strictest = Math.max(strictest, alignment);
    const offset = alignUp(end, alignment);
    offsets[name] = offset;
    end = offset + type.size(width);
  }
  offsets["sizeBytes"] = alignUp(end, strictest);
  return offsets as StructLayout<Fields>;
};

/** Describes a structure. Fields stand in the header's order; padding that alignment does not give is a field too. */
export const struct = <Fields extends object>(types: FieldTypes<Fields>): Struct<Fields> => {
  const names = namesOf(types);
  const layout = Object.fromEntries(WIDTHS.map((width) => [width, layOut(types, width)])) as Record<
    GuestWidth,
    StructLayout<Fields>
  >;
  const strictest = (width: GuestWidth): number =>
    names.reduce((most, name) => Math.max(most, types[name].alignment(width)), 1);
  const alignment = {
    x86_32: strictest("x86_32"),
    x86_32p: strictest("x86_32p"),
    x86_64: strictest("x86_64"),
  };
  return {
    layout,
    size: (width) => layout[width].sizeBytes,
    alignment: (width) => alignment[width],
    read: (view, at, width) => {
      const offsets: { readonly [Name in keyof Fields]: number } = layout[width];
      const value: Partial<Fields> = {};
      for (const name of names) value[name] = types[name].read(view, at + offsets[name], width);
      return value as Fields;
    },
    write: (view, at, width, value) => {
      const offsets: { readonly [Name in keyof Fields]: number } = layout[width];
      for (const name of names) types[name].write(view, at + offsets[name], width, value[name]);
    },
    update: (view, at, width, value) => {
      const offsets: { readonly [Name in keyof Fields]: number } = layout[width];
      for (const name of names) {
        const field = value[name];
        if (field !== undefined)
          types[name].write(view, at + offsets[name], width, field as Fields[typeof name]);
      }
    },
  };
};
