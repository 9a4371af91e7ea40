import { XENSTORE_PAYLOAD_MAX, type XsdError } from "@xenolith/xen-abi/io/xs-wire";
import { encodeStrings, textToBytes } from "@xenolith/xenbus/wire";
import type { ParsedMessage, StoreRequest, WatchRequest } from "./parse.ts";
import type { Session } from "./session.ts";
import type { Database } from "./store/database.ts";
import { bytesOf, childNames, type StoreNode } from "./store/node.ts";
import { accessNode, makeNode, removeNodeAt, setPermissions, writeNode } from "./store/operations.ts";
import { domainPath } from "./store/path.ts";
import { ACCESS, formatPermission } from "./store/permissions.ts";
import type { View } from "./store/view.ts";

/** What requests about domains act on. Results are null or the name of an error. */
export interface DomainRegistry {
  introduce(domain: number, port: number): XsdError | null;
  release(domain: number): XsdError | null;
  resume(domain: number): XsdError | null;
  setTarget(domain: number, target: number): XsdError | null;
  isIntroduced(domain: number): boolean;
  /** Answers a control command. */
  control(command: string, parameters: readonly string[]): Uint8Array | XsdError;
}

/** What a request acts on. */
export interface ExecutionContext {
  readonly database: Database;
  readonly domains: DomainRegistry;
  readonly session: Session;
}

/** An answer, and what is to happen once it has been queued. */
export interface Answer {
  readonly reply: Uint8Array | XsdError;
  readonly afterwards?: () => void;
}

const DONE: Uint8Array = encodeStrings(["OK"]);

const acknowledge = (error: XsdError | null): Uint8Array | XsdError => error ?? DONE;

const readable = (
  view: View,
  session: Session,
  path: string,
  answer: (node: StoreNode) => Uint8Array,
): Uint8Array | XsdError => {
  const node = accessNode(view, session, path, ACCESS.read);
  return typeof node === "string" ? node : answer(node);
};

/**
 * A part of the list of children, from a byte offset: the node's generation, whole names as many as fit, and an empty
 * string after the last one. [XENDOC xenstore.txt]
 */
const directoryPart = (node: StoreNode, offset: number): Uint8Array => {
  const head = `${node.generation}\0`;
  const list = childNames(node)
    .map((name) => `${name}\0`)
    .join("");
  if (offset >= list.length) return textToBytes(`${head}\0`);
  const room = XENSTORE_PAYLOAD_MAX - head.length - 1;
  const rest = list.slice(offset);
  if (rest.length <= room) return textToBytes(`${head}${rest}\0`);
  return textToBytes(head + rest.slice(0, rest.lastIndexOf("\0", room - 1) + 1));
};

const endTransaction = ({ session }: ExecutionContext, id: number, commit: boolean): XsdError | null => {
  const transaction = session.transaction(id);
  if (transaction === undefined) return "ENOENT";
  session.endTransaction(id);
  if (!commit) return null;
  if (transaction.exhausted) return "ENOMEM";
  const { quotas, principal } = session;
  if (quotas !== null && transaction.created && transaction.ownedNodes(principal.domain) > quotas.nodes) {
    return "ENOSPC";
  }
  return transaction.commit() ? null : "EAGAIN";
};

const addWatch = (session: Session, request: WatchRequest): Answer => {
  const { path, token, relative } = request;
  const watch = session.addWatch(path, token, relative);
  if (typeof watch === "string") return { reply: watch };
  // Each watch fires once when it is set, so that a client need not read before it watches.
  return { reply: DONE, afterwards: () => watch.owner.fire(watch, path) };
};

const executeInView = (
  context: ExecutionContext,
  view: View,
  transactionId: number,
  request: Exclude<StoreRequest, WatchRequest>,
): Uint8Array | XsdError => {
  const { session, domains } = context;
  switch (request.kind) {
    case "read":
      return readable(view, session, request.path, (node) => bytesOf(node.value));
    case "directory":
      return readable(view, session, request.path, (node) => encodeStrings(childNames(node)));
    case "directory-part":
      return readable(view, session, request.path, (node) => directoryPart(node, request.offset));
    case "get-permissions":
      return readable(view, session, request.path, (node) =>
        encodeStrings(node.permissions.map(formatPermission)),
      );
    case "write":
      return acknowledge(writeNode(view, session, request.path, request.value));
    case "mkdir":
      return acknowledge(makeNode(view, session, request.path));
    case "rm":
      return acknowledge(removeNodeAt(view, session, request.path));
    case "set-permissions":
      return acknowledge(setPermissions(view, session, request.path, request.permissions));
    case "transaction-start": {
      if (transactionId !== 0) return "EBUSY";
      const id = session.startTransaction();
      return typeof id === "string" ? id : encodeStrings([String(id)]);
    }
    case "transaction-end":
      return acknowledge(endTransaction(context, transactionId, request.commit));
    case "reset-watches":
      session.resetState();
      return DONE;
    case "unwatch":
      return acknowledge(session.removeWatch(request.path, request.token));
    case "get-domain-path":
      return encodeStrings([domainPath(request.domain)]);
    case "is-domain-introduced":
      return encodeStrings([domains.isIntroduced(request.domain) ? "T" : "F"]);
    case "introduce":
      return acknowledge(domains.introduce(request.domain, request.port));
    case "release":
      return acknowledge(domains.release(request.domain));
    case "resume":
      return acknowledge(domains.resume(request.domain));
    case "set-target":
      return acknowledge(domains.setTarget(request.domain, request.target));
    case "control":
      return domains.control(request.command, request.parameters);
  }
};

/** Carries out a request. Every failure is an answer. */
export const executeRequest = (
  context: ExecutionContext,
  parsed: ParsedMessage,
  transactionId: number,
): Answer => {
  const { session, database } = context;
  const { request } = parsed;
  const id = parsed.outsideTransactions ? 0 : transactionId;
  const view = id === 0 ? database : session.transaction(id);
  if (view === undefined) return { reply: "ENOENT" };
  if (request.kind === "watch") return addWatch(session, request);
  const reply = executeInView(context, view, id, request);
  return { reply: typeof reply !== "string" && reply.length > XENSTORE_PAYLOAD_MAX ? "E2BIG" : reply };
};
