import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { unpackKernel } from "../../src/index.ts";
import { undoBranchFilter } from "../../src/unpack/branch-filter.ts";
import { unpackLz4Legacy } from "../../src/unpack/lz4-legacy.ts";
import { makeLinuxImage } from "../make-linux-image.ts";

const TEXT = "kernel kernel kernel kernel kernel kernel\n";
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** {@link TEXT}, as the usual tools pack it; xz with the filter that kernels are packed with. */
const PACKED: Readonly<Record<string, Uint8Array>> = {
  gzip: new Uint8Array(gzipSync(TEXT)),
  xz: fromBase64(
    "/Td6WFoAAAFpIt42AgEEACEBEACLIW9J4AApAA9dADWZSqui4q8iiIph70gAAAAAs9wEtQABJyqYzvghkEKZDQEAAAAAAVla",
  ),
  lzma: fromBase64("XQAAgAD//////////wA1mUqrouKvIoiKYhvAg///6xeAAA=="),
  bzip2: fromBase64("QlpoOTFBWSZTWWcfzSYAAAvRgAAQQAACDRAAIAAxDACKjZEGjRiSjo+HhdyRThQkGcfzSYA="),
  zstd: fromBase64("KLUv/SQqdQAAQGtlcm5lbCAKAQByihFU7W1p"),
  lz4: fromBase64("AiFMGBEAAAB/a2VybmVsIAcAC1BybmVsCg=="),
};

const messageOf = async (file: Uint8Array): Promise<string> => {
  const result = await unpackKernel(file);
  return "kind" in result ? result.message : `no problem: ${result.length} bytes`;
};

describe.each(Object.keys(PACKED))("a kernel packed with %s", (name) => {
  const packed = PACKED[name] ?? new Uint8Array(0);

  it("is unpacked by itself and in a Linux image", async () => {
    expect(await unpackKernel(packed)).toEqual(bytesOf(TEXT));
    expect(await unpackKernel(makeLinuxImage(packed, TEXT.length, name === "gzip"))).toEqual(bytesOf(TEXT));
  });

  it("that is cut short is refused in one line", async () => {
    const image = makeLinuxImage(packed, TEXT.length, name === "gzip");
    expect(await messageOf(image.subarray(0, image.length - 8))).toMatch(/cut short/);
    const damaged = packed.slice();
    damaged.fill(0xff, 10);
    expect(await messageOf(damaged)).toMatch(/damaged|0 bytes/);
  });
});

describe("unpackKernel", () => {
  it("gives back what is not packed", async () => {
    const elf = bytesOf("\x7fELF and more");
    expect(await unpackKernel(elf)).toBe(elf);
  });

  it("names a packing that it does not know to undo", async () => {
    const lzo = Uint8Array.from([0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(await messageOf(makeLinuxImage(lzo, 1, false))).toBe(
      "the kernel is packed with lzo, which is not supported",
    );
  });

  it("refuses a Linux image whose payload is nothing known", async () => {
    expect(await messageOf(makeLinuxImage(bytesOf("????????"), 1, false))).toMatch(/unknown compression/);
  });
});

describe("unpackLz4Legacy", () => {
  const block = (...bytes: number[]): Uint8Array =>
    Uint8Array.from([2, 0x21, 0x4c, 0x18, bytes.length, 0, 0, 0, ...bytes]);

  it("repeats what a match itself writes", () => {
    // One literal, then 20 bytes from one back, then one literal.
    const unpacked = unpackLz4Legacy(block(0x1f, 0x61, 1, 0, 1, 0x10, 0x62));
    expect(unpacked).toEqual(bytesOf(`${"a".repeat(21)}b`));
  });

  it.each([1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 48, 63])("repeats %i bytes for any length", (distance) => {
    const first = Array.from({ length: distance }, (_, index) => (index * 37 + 11) & 0xff);
    const last = [0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9];
    const field = (value: number): number[] => (value < 15 ? [] : [value - 15]);
    for (let length = 4; length <= 150; length++) {
      const token = (Math.min(distance, 15) << 4) | Math.min(length - 4, 15);
      const match = [token, ...field(distance), ...first, distance, 0, ...field(length - 4)];
      const unpacked = unpackLz4Legacy(block(...match, last.length << 4, ...last));
      const repeated = Array.from({ length: distance + length }, (_, index) => first[index % distance] ?? 0);
      expect(unpacked).toEqual(Uint8Array.from([...repeated, ...last]));
    }
  });

  it.each([
    ["a match from before the beginning", [0x10, 0x61, 2, 0]],
    ["a match at no distance", [0x10, 0x61, 0, 0]],
    ["literals beyond the end", [0xf0, 200]],
    ["a match at the end of a block", [0x10, 0x61, 1, 0]],
    ["a length that goes on beyond the end", [0x1f, 0x61, 1, 0, 255]],
  ])("refuses %s", (_what, bytes) => {
    expect(unpackLz4Legacy(block(...bytes))).toBeNull();
  });
});

describe("undoBranchFilter", () => {
  /** Makes the targets of CALL absolute, as a packer does, where nothing before an opcode is in its way. */
  const filtered = (code: readonly number[], at: number): Uint8Array => {
    const bytes = Uint8Array.from(code);
    const view = new DataView(bytes.buffer);
    view.setInt32(at + 1, ((view.getInt32(at + 1, true) + at + 5) << 7) >> 7, true);
    return bytes;
  };

  it("makes targets of branches relative again", () => {
    const code = [0x90, 0x90, 0xe8, 0x10, 0x20, 0x30, 0x00, 0x90, 0x90];
    const bytes = filtered(code, 2);
    expect([...bytes]).not.toEqual(code);
    undoBranchFilter(bytes);
    expect([...bytes]).toEqual(code);
  });

  it("leaves alone what is too far to be one, and the last bytes", () => {
    const code = [0xe8, 1, 2, 3, 0x40, 0xe8, 0, 0, 0];
    const bytes = Uint8Array.from(code);
    undoBranchFilter(bytes);
    expect([...bytes]).toEqual(code);
  });
});

describe.each(["xz", "lzma", "bzip2", "lz4"])("damage anywhere in a kernel packed with %s", (name) => {
  it("never throws", async () => {
    const packed = PACKED[name] ?? new Uint8Array(0);
    for (let at = 6; at < packed.length; at++) {
      for (const value of [0, 0x55, 0xff]) {
        const damaged = packed.slice();
        damaged[at] = value;
        await expect(unpackKernel(damaged)).resolves.toBeDefined();
      }
    }
  });
});
