import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type PebbleWidth, pebbleImage } from "../../src/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the notes of each image say: VIRT_BASE and, of 32-bit ones, PAE_MODE. */
const EXPECTED: Readonly<Record<PebbleWidth, { readonly base: bigint; readonly pae: string | null }>> = {
  x86_32: { base: 0xc000_0000n, pae: "no\0" },
  x86_32p: { base: 0xc000_0000n, pae: "yes\0" },
  x86_64: { base: 0xffff_ffff_8000_0000n, pae: null },
};
const WIDTHS = Object.keys(EXPECTED) as PebbleWidth[];
const committed = (width: PebbleWidth): Buffer => readFileSync(join(root, `image/pebble-${width}.elf`));

/** What a command prints, or undefined if it cannot be run. */
function run(command: string, ...words: string[]): string | undefined {
  const result = spawnSync(command, words, { encoding: "utf8" });
  return result.status === 0 ? result.stdout : undefined;
}

/** Why this machine cannot be expected to make the same bytes, or undefined if it can. */
function whyNotRebuilt(): string | undefined {
  const firstLine = (text: string | undefined): string => (text ?? "none").split("\n")[0] ?? "";
  const here = `${firstLine(run("gcc", "--version"))}\n${firstLine(run("ld", "--version"))}\n`;
  const recorded = readFileSync(join(root, "image/BUILT-WITH"), "utf8");
  if (here !== recorded) {
    return `image built with ${JSON.stringify(recorded)}, here is ${JSON.stringify(here)}`;
  }
  const empty = spawnSync("gcc", ["-m32", "-c", "-x", "c", "/dev/null", "-o", "/dev/null"]);
  return empty.status === 0 ? undefined : "gcc here has no -m32";
}

/** The Xen notes of the file's note segment: type to content. */
function xenNotes(elf: DataView): Map<number, Buffer> {
  const notes = new Map<number, Buffer>();
  const align = (value: number): number => (value + 3) & ~3;
  const isWide = elf.getUint8(4) === 2;
  const word = (at: number): number =>
    isWide ? Number(elf.getBigUint64(at, true)) : elf.getUint32(at, true);
  const headers = word(isWide ? 32 : 28);
  const [countAt, offsetAt, sizeAt] = isWide ? [56, 8, 32] : [44, 4, 16];
  for (let i = 0; i < elf.getUint16(countAt, true); i++) {
    const header = headers + i * elf.getUint16(countAt - 2, true);
    if (elf.getUint32(header, true) !== 4) continue; // PT_NOTE
    let at = word(header + offsetAt);
    const end = at + word(header + sizeAt);
    while (at < end) {
      const nameSize = elf.getUint32(at, true);
      const size = elf.getUint32(at + 4, true);
      const content = at + 12 + align(nameSize);
      notes.set(elf.getUint32(at + 8, true), Buffer.from(elf.buffer, elf.byteOffset + content, size));
      at = content + align(size);
    }
  }
  return notes;
}

describe.each(WIDTHS)("the committed image for %s", (width) => {
  const image = committed(width);

  it("is what the package exports", () => {
    expect(Buffer.from(pebbleImage(width)).equals(image)).toBe(true);
  });

  it("is small", () => {
    expect(image.length).toBeLessThan(64 * 1024);
  });

  it("has the notes the domain builder needs", () => {
    const elf = new DataView(image.buffer, image.byteOffset, image.length);
    const notes = xenNotes(elf);
    const text = (type: number): string | null => notes.get(type)?.toString("latin1") ?? null;
    const number = (type: number): bigint => {
      const content = notes.get(type) ?? Buffer.alloc(4);
      return content.length === 8 ? content.readBigUInt64LE(0) : BigInt(content.readUInt32LE(0));
    };
    const entry = width === "x86_64" ? elf.getBigUint64(24, true) : BigInt(elf.getUint32(24, true));
    const { base, pae } = EXPECTED[width];
    expect(text(6)).toBe("pebble\0"); // GUEST_OS
    expect(text(5)).toBe("xen-3.0\0"); // XEN_VERSION
    expect(text(8)).toBe("generic\0"); // LOADER
    expect(text(9)).toBe(pae); // PAE_MODE
    expect(number(3)).toBe(base); // VIRT_BASE
    expect(number(4)).toBe(0n); // PADDR_OFFSET
    expect(number(1)).toBe(entry); // ENTRY
    expect(number(2) % 4096n).toBe(0n); // HYPERCALL_PAGE
    expect(Array.from(notes.get(13) ?? [])).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("the committed images", () => {
  it("are what the sources give", (ctx) => {
    const reason = whyNotRebuilt();
    if (reason !== undefined) ctx.skip(reason);
    const directory = mkdtempSync(join(tmpdir(), "pebble-"));
    try {
      const env = { ...process.env, CC: "gcc", LD: "ld", OBJCOPY: "objcopy" };
      const build = spawnSync("sh", [join(root, "build.sh"), directory], { encoding: "utf8", env });
      expect(build.stderr).toBe("");
      expect(build.status).toBe(0);
      for (const width of WIDTHS) {
        const rebuilt = readFileSync(join(directory, `pebble-${width}.elf`));
        expect(rebuilt.equals(committed(width))).toBe(true);
      }
      const module = readFileSync(join(directory, "image.generated.ts"), "utf8");
      expect(module).toBe(readFileSync(join(root, "src/image.generated.ts"), "utf8"));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
