import { ConfigError } from "./config-error.ts";

/** A disk as a person described it. */
export interface DiskSpec {
  /** Where its bytes are: a path for `raw`. Null: an empty drive. */
  readonly target: string | null;
  readonly format: "raw" | "qcow" | "qcow2" | "vhd" | "qed";
  /** Name in the guest, or null: the next free one. */
  readonly virtualDevice: string | null;
  readonly writable: boolean;
  readonly cdrom: boolean;
  /** Whether the guest may discard; null: as the store can. */
  readonly discard: boolean | null;
}

type Draft = { -readonly [Name in keyof DiskSpec]?: DiskSpec[Name] };

const FORMATS: readonly string[] = ["raw", "qcow", "qcow2", "vhd", "qed"];
const ACCESS: Readonly<Record<string, boolean>> = { ro: false, r: false, rw: true, w: true };
/** Keys that change nothing here: accepted so that configurations of real hosts can be used. */
const IGNORED_KEYS: readonly string[] = ["backend", "backendtype", "script", "specification", "grant_usage"];
const IGNORED_FLAGS: readonly string[] = ["direct-io-safe", "trusted", "untrusted"];

const setFormat = (draft: Draft, value: string, spec: string): void => {
  const name = value === "" ? "raw" : value === "aio" ? "raw" : value;
  const format = FORMATS.find((known) => known === name) as DiskSpec["format"] | undefined;
  if (format === undefined)
    throw new ConfigError(`disk '${spec}': unknown format '${value}' (raw, qcow, qcow2, vhd, qed)`);
  draft.format = format;
};

const setAccess = (draft: Draft, value: string, spec: string): void => {
  const writable = value === "" ? true : ACCESS[value];
  if (writable === undefined)
    throw new ConfigError(`disk '${spec}': access is ro, r, rw or w, not '${value}'`);
  draft.writable = writable;
};

const setKey = (draft: Draft, key: string, value: string, spec: string): void => {
  if (key === "format") setFormat(draft, value, spec);
  else if (key === "access") setAccess(draft, value, spec);
  else if (key === "vdev") draft.virtualDevice = value;
  else if (key === "devtype") draft.cdrom = value === "cdrom";
  else if (!IGNORED_KEYS.includes(key)) throw new ConfigError(`disk '${spec}': unknown key '${key}'`);
};

const setFlag = (draft: Draft, flag: string): boolean => {
  if (flag === "discard" || flag === "no-discard") draft.discard = flag === "discard";
  else if (flag === "cdrom") draft.cdrom = true;
  else if (!IGNORED_FLAGS.includes(flag)) return false;
  return true;
};

/** Positional parameters in order; a prefix such as `file:` stands for the format. */
const setPosition = (draft: Draft, position: number, value: string, spec: string): void => {
  if (position === 0) draft.target = value === "" ? null : value;
  else if (position === 1) setFormat(draft, value, spec);
  else if (position === 2) {
    const [name, type] = value.split(":");
    draft.virtualDevice = name === undefined || name === "" ? null : name;
    if (type === "cdrom") draft.cdrom = true;
  } else if (position === 3) setAccess(draft, value, spec);
  else throw new ConfigError(`disk '${spec}': too many parameters, '${value}' is left over`);
};

/**
 * Parses the toolstack's grammar of disks: `[target,[format,[vdev,[access]]]]` and `key=value` or flags, of which
 * `target=` takes the rest of the string; the older `file:PATH,vdev,access` too.
 * @throws ConfigError naming the specification and what is wrong.
 */
export const parseDiskSpec = (spec: string): DiskSpec => {
  const draft: Draft = {};
  const prefix = /^(file|phy|raw|aio|tap:aio|qcow2?|vhd|qed):/.exec(spec);
  let rest = prefix === null ? spec : spec.slice(prefix[0].length);
  const skipsFormat = prefix !== null;
  if (prefix !== null)
    setFormat(draft, /^(qcow2?|vhd|qed)$/.test(prefix[1] ?? "") ? (prefix[1] ?? "") : "raw", spec);
  let position = 0;
  while (rest !== "") {
    if (rest.startsWith("target=")) {
      draft.target = rest.slice("target=".length);
      break;
    }
    const comma = rest.indexOf(",");
    const part = comma < 0 ? rest : rest.slice(0, comma);
    rest = comma < 0 ? "" : rest.slice(comma + 1);
    const [, key, value] = /^([a-z_-]+)=(.*)$/.exec(part) ?? [];
    if (key !== undefined && value !== undefined) {
      setKey(draft, key, value, spec);
      continue;
    }
    if (setFlag(draft, part)) continue;
    if (position === 1 && skipsFormat) position++;
    setPosition(draft, position, part, spec);
    position++;
  }
  const cdrom = draft.cdrom ?? false;
  const target = draft.target ?? null;
  if (target === null && !cdrom) throw new ConfigError(`disk '${spec}': no target`);
  return {
    target,
    format: draft.format ?? "raw",
    virtualDevice: draft.virtualDevice ?? null,
    writable: (draft.writable ?? true) && !cdrom,
    cdrom,
    discard: draft.discard ?? null,
  };
};
