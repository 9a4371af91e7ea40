import { realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { openTranslationArchive, type TranslationFiles } from "@xenolith/host/node";

/** Where a user's programs keep what they can make anew, by the rules of freedesktop.org's base directories. */
const cacheDirectory = (): string =>
  join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "xenolith");

/** Tells this build of the program from others: what another build has translated is not used. */
const buildOf = (program: string): string => {
  const path = realpathSync(program);
  const { mtimeMs, size } = statSync(path);
  return `${path} ${mtimeMs} ${size}`;
};

/** Opens what `--translations` names. @returns null where translations are not kept */
export const openTranslations = (directory: string | null | undefined): TranslationFiles | null => {
  const [, program] = process.argv;
  if (directory === null || program === undefined) return null;
  return openTranslationArchive(directory ?? join(cacheDirectory(), "translations"), buildOf(program));
};
