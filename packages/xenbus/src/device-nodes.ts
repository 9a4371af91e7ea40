import type { DeviceNodes } from "./device-path.ts";
import type { StoreCallback, StoreNodes } from "./types.ts";

/** Reads several nodes of a directory. `done` is called once, when all answers have come. */
export const readDeviceNodes = <Name extends string>(
  nodes: StoreNodes,
  directory: string,
  names: readonly Name[],
  done: (values: DeviceNodes<Name>) => void,
): void => {
  const values: Partial<Record<Name, string | null>> = {};
  let missing = names.length;
  if (missing === 0) done(values as DeviceNodes<Name>);
  for (const name of names) {
    nodes.read(`${directory}/${name}`, (result) => {
      values[name] = result.ok ? result.value : null;
      missing--;
      if (missing === 0) done(values as DeviceNodes<Name>);
    });
  }
};

/** Writes several nodes of a directory. `done` is called once, with the first error if there was one. */
export const writeDeviceNodes = (
  nodes: StoreNodes,
  directory: string,
  values: Readonly<Record<string, string>>,
  done: StoreCallback<void>,
): void => {
  const entries = Object.entries(values);
  let missing = entries.length;
  let outcome: Parameters<StoreCallback<void>>[0] = { ok: true, value: undefined };
  if (missing === 0) done(outcome);
  for (const [name, value] of entries) {
    nodes.write(`${directory}/${name}`, value, (result) => {
      if (outcome.ok) outcome = result;
      missing--;
      if (missing === 0) done(outcome);
    });
  }
};
