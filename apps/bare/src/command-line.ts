import { parseArgs } from "node:util";
import { MAX_MEMORY_MIB } from "@xenolith/bare-machine";

/** What the command is asked to do. */
export interface BareCommand {
  readonly image: string;
  readonly commandLine: string;
  readonly memoryMib: number;
}

/** A mistake on the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const USAGE = "usage: pnpm bare ELF [--cmdline TEXT] [--memory MIB] [--engine auto|interpreter]";

/**
 * Reads the arguments.
 * @throws UsageError with one line that names the argument.
 */
export const readCommandLine = (args: readonly string[]): BareCommand => {
  const { values, positionals } = parse(args);
  const [image, ...more] = positionals;
  if (image === undefined) throw new UsageError(USAGE);
  if (more.length > 0) throw new UsageError(`${more[0]}: one image is enough; ${USAGE}`);
  const memoryMib = Number(values.memory);
  if (!/^\d+$/.test(values.memory) || memoryMib < 1 || memoryMib > MAX_MEMORY_MIB) {
    throw new UsageError(`--memory ${values.memory}: not a number of MiB from 1 to ${MAX_MEMORY_MIB}`);
  }
  const { engine } = values;
  // The interpreter is the only engine there is, so either name means it.
  if (engine !== "auto" && engine !== "interpreter") {
    throw new UsageError(`--engine ${engine}: not an engine (auto, interpreter)`);
  }
  return { image, commandLine: values.cmdline, memoryMib };
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        cmdline: { type: "string", default: "" },
        memory: { type: "string", default: "128" },
        engine: { type: "string", default: "auto" },
      },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split("\n")[0] : error}; ${USAGE}`);
  }
};
