import { UsageError } from "./usage-error.ts";

/** A number given on the command line. @throws UsageError when it is not a whole number within the bounds. */
export const wholeNumber = (
  option: string,
  text: string | undefined,
  usual: number,
  minimum: number,
  maximum: number,
): number => {
  const value = text === undefined ? usual : Number(text);
  if (!Number.isInteger(value) || value < minimum || value > maximum)
    throw new UsageError(`--${option} ${text}: a whole number from ${minimum} to ${maximum} is wanted`);
  return value;
};
