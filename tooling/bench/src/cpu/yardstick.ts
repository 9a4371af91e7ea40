import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../usage-error.ts";

/** The images that are raced, and the rate of the host's time-stamp counter. */
export interface Yardstick {
  readonly directory: string;
  /** The 32-bit image. */
  readonly image: string;
  /** The 64-bit image, and the same as a 32-bit ELF file for loaders that insist on one; null: there is no compiler. */
  readonly wideImage: string | null;
  readonly wideImageAsNarrow: string | null;
  /** The same kernels as a paravirtual 64-bit guest; null likewise. */
  readonly xenImage: string | null;
  readonly ticksPerMs: number;
}

const GUEST = fileURLToPath(new URL("../../guest64", import.meta.url));
const OUTPUT = fileURLToPath(new URL("../../node_modules/.cache/yardstick", import.meta.url));

/** The portable kernels are compiled as for the 32-bit image, but for the architecture. */
const FLAGS = [
  ..."-m64 -march=x86-64 -mno-red-zone -O2 -ffreestanding -fno-stack-protector -fno-pic -fno-pie".split(" "),
  ..."-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-tree-vectorize".split(" "),
  ..."-fno-strict-aliasing -fcf-protection=none -w -DM4K=4194304 -fwrapv".split(" "),
];

const SOURCES = [
  { name: "main", flags: [] },
  { name: "kern", flags: [] },
  { name: "kern_fp", flags: ["-mfpmath=387"] },
  { name: "kern_sse", flags: ["-msse2", "-mfpmath=sse"] },
] as const;

const LINK = "-m elf_x86_64 -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments".split(" ");

const newest = (paths: readonly string[]): number => Math.max(...paths.map((path) => statSync(path).mtimeMs));

const run = (command: string, args: readonly string[]): void => {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
};

/** What surrounds the kernels: on a machine, and under a hypervisor. */
const WIDE = ["boot.S", "guest.c", "options.c"] as const;
const XEN = ["xen.S", "xen.c", "options.c"] as const;

interface WideImages {
  readonly wide: string;
  readonly narrow: string;
  readonly xen: string;
}

const buildWide = (directory: string): WideImages => {
  const sources = join(directory, "src");
  const wide = join(OUTPUT, "yardstick64.elf");
  const narrow = join(OUTPUT, "yardstick64-as-32.elf");
  const xen = join(OUTPUT, "yardstick64-xen.elf");
  const surroundings = [...new Set([...WIDE, ...XEN])];
  const inputs = [
    ...SOURCES.map(({ name }) => join(sources, `${name}.c`)),
    ...[...surroundings, "options.h", "link.ld", "xen.ld"].map((name) => join(GUEST, name)),
  ];
  const images = { wide, narrow, xen };
  if (existsSync(xen) && statSync(xen).mtimeMs > newest(inputs)) return images;
  mkdirSync(OUTPUT, { recursive: true });
  const object = (name: string): string => join(OUTPUT, `${name}.o`);
  const compile = (file: string, name: string, flags: readonly string[]): void =>
    run("gcc", [...FLAGS, ...flags, "-I", sources, "-I", GUEST, "-c", file, "-o", object(name)]);
  for (const name of surroundings) compile(join(GUEST, name), name, ["-mgeneral-regs-only"]);
  for (const { name, flags } of SOURCES) compile(join(sources, `${name}.c`), name, flags);
  const link = (script: string, around: readonly string[], to: string): void => {
    const objects = [...around, ...SOURCES.map(({ name }) => name)].map(object);
    run("ld", [...LINK, "-T", join(GUEST, script), "-o", to, ...objects]);
  };
  link("link.ld", WIDE, wide);
  run("objcopy", ["-O", "elf32-i386", wide, narrow]);
  link("xen.ld", XEN, xen);
  return images;
};

/**
 * Finds the yardstick in a directory where it has been set up, and builds its kernels into 64-bit images.
 * @throws UsageError when there is none.
 */
export const openYardstick = (directory: string | undefined): Yardstick => {
  if (directory === undefined) {
    throw new UsageError("where is the yardstick? give --peer-bench DIR, or set XENOLITH_PEER_BENCH");
  }
  const image = join(directory, "out/bench.elf");
  const rate = join(directory, "out/tsc_khz");
  for (const path of [image, rate]) {
    if (!existsSync(path)) throw new UsageError(`${path} is missing: run setup.sh in ${directory} first`);
  }
  const found = { directory, image, ticksPerMs: Number(readFileSync(rate, "utf8")) };
  try {
    const { wide, narrow, xen } = buildWide(directory);
    return { ...found, wideImage: wide, wideImageAsNarrow: narrow, xenImage: xen };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    process.stderr.write(`bench: no 64-bit image: ${reason}\n`);
    return { ...found, wideImage: null, wideImageAsNarrow: null, xenImage: null };
  }
};
