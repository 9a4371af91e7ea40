import {
  XS_CONTROL,
  XS_DIRECTORY,
  XS_DIRECTORY_PART,
  XS_GET_DOMAIN_PATH,
  XS_GET_PERMS,
  XS_INTRODUCE,
  XS_IS_DOMAIN_INTRODUCED,
  XS_MKDIR,
  XS_READ,
  XS_RELEASE,
  XS_RESET_WATCHES,
  XS_RESUME,
  XS_RM,
  XS_SET_PERMS,
  XS_SET_TARGET,
  XS_TRANSACTION_END,
  XS_TRANSACTION_START,
  XS_UNWATCH,
  XS_WATCH,
  XS_WRITE,
  type XsdError,
} from "@xenolith/xen-abi/io/xs-wire";
import { decodeStrings, type StoreMessage, splitFirstString } from "@xenolith/xenbus/wire";
import { canonicalPath, countedPathLength } from "./store/path.ts";
import { type Permission, type Permissions, parsePermission } from "./store/permissions.ts";

/** A request with its payload taken apart and checked. Paths are absolute. */
export type StoreRequest =
  | { readonly kind: "read" | "directory" | "get-permissions" | "mkdir" | "rm"; readonly path: string }
  | { readonly kind: "directory-part"; readonly path: string; readonly offset: number }
  | { readonly kind: "write"; readonly path: string; readonly value: Uint8Array }
  | { readonly kind: "set-permissions"; readonly path: string; readonly permissions: Permissions }
  | WatchRequest
  | { readonly kind: "unwatch"; readonly path: string; readonly token: string }
  | { readonly kind: "transaction-start" | "reset-watches" }
  | { readonly kind: "transaction-end"; readonly commit: boolean }
  | { readonly kind: "introduce"; readonly domain: number; readonly port: number }
  | {
      readonly kind: "release" | "resume" | "get-domain-path" | "is-domain-introduced";
      readonly domain: number;
    }
  | { readonly kind: "set-target"; readonly domain: number; readonly target: number }
  | { readonly kind: "control"; readonly command: string; readonly parameters: readonly string[] };

/** A wish to be told of changes. */
export interface WatchRequest {
  readonly kind: "watch";
  readonly path: string;
  readonly token: string;
  /** Whether the client gave the path relative to its own directory. */
  readonly relative: boolean;
}

/** How the sender's paths are read. */
export interface PathRules {
  /** Directory that relative paths start from. */
  readonly base: string;
  /** Most characters of a path, not counting the domain's own directory. */
  readonly lengthLimit: number;
}

type Parser = (payload: Uint8Array, rules: PathRules) => StoreRequest | null;

const readPath = (text: string | undefined, rules: PathRules, allowSpecial = false): string | null => {
  const path = text === undefined ? null : canonicalPath(text, rules.base, allowSpecial);
  return path !== null && countedPathLength(path) <= rules.lengthLimit ? path : null;
};

/** The only string of a payload: exactly one zero byte, at the end. */
const onlyString = (payload: Uint8Array): string | undefined =>
  payload.indexOf(0) === payload.length - 1 ? decodeStrings(payload)[0] : undefined;

const readNumber = (text: string | undefined, limit: number): number | null =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= limit ? Number(text) : null;

const readDomain = (text: string | undefined): number | null => readNumber(text, 0xffff);

const onPath =
  (kind: "read" | "directory" | "get-permissions" | "mkdir" | "rm"): Parser =>
  (payload, rules) => {
    const path = readPath(onlyString(payload), rules, kind === "get-permissions");
    return path === null ? null : { kind, path };
  };

const readWatch = (payload: Uint8Array, rules: PathRules): WatchRequest | null => {
  const [text, token, ...more] = decodeStrings(payload);
  const path = readPath(text, rules, true);
  if (text === undefined || path === null || token === undefined || more.length > 0) return null;
  return { kind: "watch", path, token, relative: !text.startsWith("/") && !text.startsWith("@") };
};

const unwatch: Parser = (payload, rules) => {
  const watch = readWatch(payload, rules);
  return watch === null ? null : { kind: "unwatch", path: watch.path, token: watch.token };
};

const onDomain =
  (kind: "release" | "resume" | "get-domain-path" | "is-domain-introduced"): Parser =>
  (payload) => {
    const domain = readDomain(onlyString(payload));
    return domain === null ? null : { kind, domain };
  };

const write: Parser = (payload, rules) => {
  const parts = splitFirstString(payload);
  const path = readPath(parts?.text, rules);
  return parts === null || path === null ? null : { kind: "write", path, value: parts.rest.slice() };
};

const directoryPart: Parser = (payload, rules) => {
  const [text, offsetText, ...more] = decodeStrings(payload);
  const path = readPath(text, rules);
  const offset = readNumber(offsetText, 0xffff_ffff);
  return path === null || offset === null || more.length > 0
    ? null
    : { kind: "directory-part", path, offset };
};

/** Whether there are entries, and all of them were understood. */
const arePermissions = (
  parsed: readonly (Permission | null)[],
): parsed is readonly [Permission, ...Permission[]] => parsed.length > 0 && !parsed.includes(null);

const setPermissions: Parser = (payload, rules) => {
  const [text, ...entries] = decodeStrings(payload);
  const path = readPath(text, rules, true);
  const permissions = entries.map(parsePermission);
  return path === null || !arePermissions(permissions)
    ? null
    : { kind: "set-permissions", path, permissions };
};

const transactionEnd: Parser = (payload) => {
  const text = onlyString(payload);
  return text === "T" || text === "F" ? { kind: "transaction-end", commit: text === "T" } : null;
};

const introduce: Parser = (payload) => {
  const [domainText, frameText, portText] = decodeStrings(payload);
  const domain = readDomain(domainText);
  const port = readNumber(portText, 0xffff_ffff);
  // The frame is not needed: the page is mapped through the domain's reserved grant.
  if (domain === null || port === null || port === 0 || frameText === undefined) return null;
  return { kind: "introduce", domain, port };
};

const setTarget: Parser = (payload) => {
  const [domainText, targetText] = decodeStrings(payload);
  const domain = readDomain(domainText);
  const target = readDomain(targetText);
  return domain === null || target === null ? null : { kind: "set-target", domain, target };
};

const control: Parser = (payload) => {
  const [command, ...parameters] = decodeStrings(payload);
  return command === undefined ? null : { kind: "control", command, parameters };
};

/** What is to be known of a type of message before its payload is looked at. */
interface Operation {
  readonly parse: Parser;
  /** Only for privileged clients: EACCES. */
  readonly privileged?: true;
  /** The transaction in the header means nothing. */
  readonly outsideTransactions?: true;
}

const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [XS_CONTROL, { parse: control, privileged: true }],
  [XS_DIRECTORY, { parse: onPath("directory") }],
  [XS_READ, { parse: onPath("read") }],
  [XS_GET_PERMS, { parse: onPath("get-permissions") }],
  [XS_WATCH, { parse: readWatch, outsideTransactions: true }],
  [XS_UNWATCH, { parse: unwatch, outsideTransactions: true }],
  [XS_TRANSACTION_START, { parse: () => ({ kind: "transaction-start" }) }],
  [XS_TRANSACTION_END, { parse: transactionEnd }],
  [XS_INTRODUCE, { parse: introduce, privileged: true }],
  [XS_RELEASE, { parse: onDomain("release"), privileged: true }],
  [XS_GET_DOMAIN_PATH, { parse: onDomain("get-domain-path") }],
  [XS_WRITE, { parse: write }],
  [XS_MKDIR, { parse: onPath("mkdir") }],
  [XS_RM, { parse: onPath("rm") }],
  [XS_SET_PERMS, { parse: setPermissions }],
  [XS_IS_DOMAIN_INTRODUCED, { parse: onDomain("is-domain-introduced"), privileged: true }],
  [XS_RESUME, { parse: onDomain("resume"), privileged: true }],
  [XS_SET_TARGET, { parse: setTarget, privileged: true }],
  [XS_RESET_WATCHES, { parse: () => ({ kind: "reset-watches" }) }],
  [XS_DIRECTORY_PART, { parse: directoryPart }],
]);

/** A request, and whether the transaction named in the message's header counts. */
export interface ParsedMessage {
  readonly request: StoreRequest;
  readonly outsideTransactions: boolean;
}

/**
 * Parses a message. Whatever the bytes, the result is a request or the name of the error that answers it: ENOSYS for an
 * unknown type, EACCES for one that needs privilege, EINVAL for a payload that cannot be.
 */
export const parseMessage = (
  message: StoreMessage,
  privileged: boolean,
  rules: PathRules,
): ParsedMessage | XsdError => {
  const operation = OPERATIONS.get(message.type);
  if (operation === undefined) return "ENOSYS";
  if (operation.privileged === true && !privileged) return "EACCES";
  const request = operation.parse(message.payload, rules);
  return request === null
    ? "EINVAL"
    : { request, outsideTransactions: operation.outsideTransactions === true };
};
