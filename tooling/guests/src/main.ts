import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { GUEST_FILES, INITIAL_FILE_SYSTEMS } from "./catalogue.ts";
import { fetchGuests } from "./fetch.ts";
import { writeInitialFileSystem } from "./initial-file-system.ts";
import { GuestsError } from "./run.ts";

const USAGE = "usage: pnpm guests [DIR] [--from DIR]";

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const main = (): number => {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { from: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) {
      say(USAGE);
      return 0;
    }
    if (positionals.length > 1) throw new GuestsError(`${positionals[1]}: one folder is enough; ${USAGE}`);
    const from = values.from === undefined ? null : resolve(values.from);
    if (from !== null && !existsSync(from)) throw new GuestsError(`${values.from}: no such folder`);
    const into = resolve(positionals[0] ?? ".guests");
    fetchGuests(GUEST_FILES, { into, from, say });
    for (const fileSystem of INITIAL_FILE_SYSTEMS) {
      // Made of what could be had.
      if (!Object.values(fileSystem.files).every((name) => existsSync(join(into, name)))) continue;
      writeInitialFileSystem(into, fileSystem);
      say(join(into, fileSystem.name));
    }
    return 0;
  } catch (error) {
    const isUsage = error instanceof TypeError && "code" in error;
    if (!(error instanceof GuestsError) && !isUsage) throw error;
    process.stderr.write(`guests: ${error.message}\n`);
    return 2;
  }
};

process.exitCode = main();
