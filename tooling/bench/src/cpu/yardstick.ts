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

const newest = (paths: readonly string[]): number => Math.max(...paths.map((path) => statSync(path).mtimeMs));

const run = (command: string, args: readonly string[]): void => {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
};

const buildWide = (directory: string): { readonly wide: string; readonly narrow: string } => {
  const sources = join(directory, "src");
  const wide = join(OUTPUT, "yardstick64.elf");
  const narrow = join(OUTPUT, "yardstick64-as-32.elf");
  const inputs = [
    ...SOURCES.map(({ name }) => join(sources, `${name}.c`)),
    ...["boot.S", "guest.c", "link.ld"].map((name) => join(GUEST, name)),
  ];
  if (existsSync(narrow) && statSync(narrow).mtimeMs > newest(inputs)) return { wide, narrow };
  mkdirSync(OUTPUT, { recursive: true });
  const object = (name: string): string => join(OUTPUT, `${name}.o`);
  run("gcc", ["-m64", "-c", join(GUEST, "boot.S"), "-o", object("boot")]);
  const guest = [...FLAGS, "-mgeneral-regs-only", "-I", sources, "-c", join(GUEST, "guest.c")];
  run("gcc", [...guest, "-o", object("guest")]);
  for (const { name, flags } of SOURCES) {
    run("gcc", [...FLAGS, ...flags, "-I", sources, "-c", join(sources, `${name}.c`), "-o", object(name)]);
  }
  const objects = ["boot", "guest", ...SOURCES.map(({ name }) => name)].map(object);
  const script = ["-m", "elf_x86_64", "-z", "max-page-size=4096", "--no-warn-rwx-segments", "-T"];
  run("ld", [...script, join(GUEST, "link.ld"), "-o", wide, ...objects]);
  run("objcopy", ["-O", "elf32-i386", wide, narrow]);
  return { wide, narrow };
};

/**
 * Finds the yardstick in a directory where it has been set up, and builds its kernels into a 64-bit image.
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
    const { wide, narrow } = buildWide(directory);
    return { ...found, wideImage: wide, wideImageAsNarrow: narrow };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    process.stderr.write(`bench: no 64-bit image: ${reason}\n`);
    return { ...found, wideImage: null, wideImageAsNarrow: null };
  }
};
