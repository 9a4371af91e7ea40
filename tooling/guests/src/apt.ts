import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GuestsError, run } from "./run.ts";

/** Where packages come from. */
export interface Apt {
  /** Names of the packages that a package depends on. */
  dependencies(name: string): readonly string[];
  /** Downloads a package into a folder. */
  download(name: string, folder: string): void;
}

const MIRROR = "http://deb.debian.org/debian";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Asks apt, with these options; `update` gets the lists of packages anew. */
const aptWith = (options: readonly string[], folder: string): Apt & { readonly update: () => void } => ({
  dependencies: (name) =>
    run("apt-cache", [...options, "depends", name], folder)
      .toString()
      .split("\n")
      .flatMap((line) => /^\s*Depends:\s*(\S+)/.exec(line)?.[1] ?? []),
  download: (name, into) => {
    run("apt-get", [...options, "download", "-q", name], into);
  },
  update: () => {
    run("apt-get", [...options, "update", "-q"], folder);
  },
});

/** The packages that this machine knows. Its lists are made anew when a package is not to be had. */
export const ownApt = (folder: string): Apt => {
  const apt = aptWith([], folder);
  return {
    ...apt,
    download: (name, into) => {
      try {
        apt.download(name, into);
      } catch {
        apt.update();
        apt.download(name, into);
      }
    },
  };
};

/** The packages of a release of Debian, whatever this machine runs: with lists and a cache of its own, below a folder. */
export const aptOfSuite = (suite: string, folder: string): Apt => {
  const root = join(folder, suite);
  for (const path of ["state/lists/partial", "cache/archives/partial"])
    mkdirSync(join(root, path), { recursive: true });
  const sources = join(root, "sources.list");
  const settings = join(root, "apt.conf");
  writeFileSync(sources, `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
  writeFileSync(
    settings,
    [
      `Dir::State "${root}/state";`,
      `Dir::Cache "${root}/cache";`,
      `Dir::Etc::SourceList "${sources}";`,
      `Dir::Etc::SourceParts "/dev/null";`,
      `APT::Architectures "amd64";`,
      `Acquire::Languages "none";`,
      "",
    ].join("\n"),
  );
  const apt = aptWith(["-c", settings], folder);
  try {
    apt.update();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new GuestsError(`Debian ${suite} cannot be reached: ${reason}`);
  }
  return apt;
};
