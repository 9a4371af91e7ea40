#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { type BareStop, createBareMachine } from "@xenolith/bare-machine";
import { type BareCommand, readCommandLine, UsageError } from "./command-line.ts";
import { LineStamper } from "./line-stamper.ts";
import { writeWhole } from "./write-whole.ts";

const BAD_INPUT = 2;
const STDOUT = 1;

const complain = (message: string): void => {
  process.stderr.write(`bare: ${message}\n`);
};

const readImage = (path: string): Uint8Array => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

/** Exit value of the process, and a line on stderr where the end was not the guest's wish. */
const conclude = (stop: BareStop): number => {
  switch (stop.kind) {
    case "exited":
      return stop.value & 0xff;
    case "halted":
      complain("the machine halted with nothing to wake it");
      return 0;
    default:
      complain(`triple fault at ${stop.instructionPointer.toString(16).padStart(8, "0")}`);
      return 1;
  }
};

const run = ({ image, commandLine, memoryMib, engine, model }: BareCommand): number => {
  const file = readImage(image);
  const stamper = new LineStamper(
    (bytes) => writeWhole(STDOUT, bytes),
    () => performance.now(),
  );
  const machine = createBareMachine({
    memoryMib,
    engine,
    model,
    onSerialByte: (byte) => stamper.send(byte),
  });
  const problem = machine.boot(file, commandLine);
  if (problem !== null) throw new UsageError(`${image}: ${problem.message}`);
  const stop = machine.runToStop();
  stamper.end();
  return conclude(stop);
};

try {
  process.exitCode = run(readCommandLine(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  complain(error.message);
  process.exitCode = BAD_INPUT;
}
