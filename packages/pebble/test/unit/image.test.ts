import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pebbleImage } from "../../src/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const committed = readFileSync(join(root, "image/pebble-x86_32p.elf"));

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
function xenNotes(elf: DataView): Map<number, Uint8Array> {
  const notes = new Map<number, Uint8Array>();
  const align = (value: number): number => (value + 3) & ~3;
  const headers = elf.getUint32(28, true);
  for (let i = 0; i < elf.getUint16(44, true); i++) {
    const header = headers + i * elf.getUint16(42, true);
    if (elf.getUint32(header, true) !== 4) continue; // PT_NOTE
    let at = elf.getUint32(header + 4, true);
    const end = at + elf.getUint32(header + 16, true);
    while (at < end) {
      const nameSize = elf.getUint32(at, true);
      const size = elf.getUint32(at + 4, true);
      const content = at + 12 + align(nameSize);
      notes.set(elf.getUint32(at + 8, true), new Uint8Array(elf.buffer, elf.byteOffset + content, size));
      at = content + align(size);
    }
  }
  return notes;
}

describe("the committed image", () => {
  it("is what the package exports", () => {
    expect(Buffer.from(pebbleImage()).equals(committed)).toBe(true);
  });

  it("is small", () => {
    expect(committed.length).toBeLessThan(64 * 1024);
  });

  it("has the notes the domain builder needs", () => {
    const elf = new DataView(committed.buffer, committed.byteOffset, committed.length);
    const notes = xenNotes(elf);
    const text = (type: number): string => Buffer.from(notes.get(type) ?? []).toString("latin1");
    const number = (type: number): number => Buffer.from(notes.get(type) ?? []).readUInt32LE(0);
    expect(text(6)).toBe("pebble\0"); // GUEST_OS
    expect(text(5)).toBe("xen-3.0\0"); // XEN_VERSION
    expect(text(8)).toBe("generic\0"); // LOADER
    expect(text(9)).toBe("yes\0"); // PAE_MODE
    expect(number(3)).toBe(0xc0000000); // VIRT_BASE
    expect(number(4)).toBe(0); // PADDR_OFFSET
    expect(number(1)).toBe(elf.getUint32(24, true)); // ENTRY
    expect(number(2) % 4096).toBe(0); // HYPERCALL_PAGE
    expect(Array.from(notes.get(13) ?? [])).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("is what the sources give", (ctx) => {
    const reason = whyNotRebuilt();
    if (reason !== undefined) ctx.skip(reason);
    const directory = mkdtempSync(join(tmpdir(), "pebble-"));
    try {
      const env = { ...process.env, CC: "gcc", LD: "ld", OBJCOPY: "objcopy" };
      const build = spawnSync("sh", [join(root, "build.sh"), directory], { encoding: "utf8", env });
      expect(build.stderr).toBe("");
      expect(build.status).toBe(0);
      const rebuilt = readFileSync(join(directory, "pebble-x86_32p.elf"));
      expect(rebuilt.equals(committed)).toBe(true);
      const module = readFileSync(join(directory, "image.generated.ts"), "utf8");
      expect(module).toBe(readFileSync(join(root, "src/image.generated.ts"), "utf8"));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
