import { parseArgs } from "node:util";
import { MAX_MEMORY_MIB } from "@xenolith/bare-machine";
import { type EngineChoice, PROCESSOR_MODELS, type ProcessorModel } from "@xenolith/x86-cpu";

/** What the command is asked to do. */
export interface BareCommand {
  readonly image: string;
  readonly commandLine: string;
  readonly memoryMib: number;
  readonly engine: EngineChoice;
  readonly model: ProcessorModel;
}

/** A mistake on the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const USAGE =
  "usage: pnpm bare ELF [--cmdline TEXT] [--memory MIB] [--engine auto|interpreter] [--model NAME]";

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
  if (engine !== "auto" && engine !== "interpreter") {
    throw new UsageError(`--engine ${engine}: not an engine (auto, interpreter)`);
  }
  const model = PROCESSOR_MODELS.get(values.model);
  if (model === undefined) {
    throw new UsageError(`--model ${values.model}: not a model (${[...PROCESSOR_MODELS.keys()].join(", ")})`);
  }
  return { image, commandLine: values.cmdline, memoryMib, engine, model };
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
        model: { type: "string", default: "x86-64-v2" },
      },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split("\n")[0] : error}; ${USAGE}`);
  }
};
