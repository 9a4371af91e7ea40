import type { XsdError } from "@xenolith/xen-abi/io/xs-wire";
import type { Quotas } from "../quotas.ts";
import {
  countedNodeSize,
  EMPTY_VALUE,
  type NodeContent,
  type StoredValue,
  type StoreNode,
  storeBytes,
} from "./node.ts";
import { leafName, parentPath, pathAndAncestors, ROOT_PATH } from "./path.ts";
import { ACCESS, accessOf, type Permissions, type Principal } from "./permissions.ts";
import type { View } from "./view.ts";

/**
 * What clients may do to the tree, with the checks of permissions and quotas. Results are values or the name of an error;
 * on an error nothing has changed. Paths are canonical.
 */

/** Everything an operation needs to know about its caller. */
export interface Caller {
  readonly principal: Principal;
  /** Limits that hold for the caller; null for a privileged one. */
  readonly quotas: Quotas | null;
}

const nearestAncestor = (view: View, path: string): StoreNode | null => {
  for (const ancestor of pathAndAncestors(path).slice(1)) {
    const node = view.find(ancestor);
    if (node !== null) return node;
  }
  return view.find(ROOT_PATH);
};

/**
 * The node at a path, if the caller has all of the wanted rights on it. Who may not do the same to what lies above learns
 * nothing: for him the error is always EACCES.
 */
export const accessNode = (
  view: View,
  caller: Caller,
  path: string,
  wanted: number,
): StoreNode | XsdError => {
  const node = view.find(path);
  if (view.exhausted) return "ENOSPC";
  if (node !== null && (accessOf(caller.principal, node.permissions) & wanted) === wanted) return node;
  const above = nearestAncestor(view, path);
  const aboveAccess = above === null ? ACCESS.none : accessOf(caller.principal, above.permissions);
  if ((aboveAccess & wanted) === 0) return "EACCES";
  return node === null ? "ENOENT" : "EACCES";
};

const tooLarge = ({ quotas }: Caller, content: NodeContent, childNameBytes: number): boolean =>
  quotas !== null && countedNodeSize(content, childNameBytes) > quotas.nodeBytes;

/** Creates a node and all missing nodes above it. They inherit permissions; the caller owns them. */
const createWithParents = (view: View, caller: Caller, path: string, value: StoredValue): XsdError | null => {
  const { principal, quotas } = caller;
  const missing = pathAndAncestors(path)
    .filter((ancestor) => view.find(ancestor) === null)
    .reverse();
  const [first] = missing;
  const parent = first === undefined ? null : view.find(parentPath(first));
  if (first === undefined || parent === null) return "ENOENT";

  const [owner, ...others] = parent.permissions;
  const permissions: Permissions = principal.privileged
    ? parent.permissions
    : [{ domain: principal.domain, access: owner.access }, ...others];
  if (quotas !== null && view.ownedNodes(principal.domain) + missing.length > quotas.nodes) return "ENOSPC";
  if (tooLarge(caller, parent, parent.childNameBytes + leafName(first).length + 1)) return "ENOSPC";
  for (const index of missing.keys()) {
    const child = missing[index + 1];
    const isLeaf = child === undefined;
    const content = { value: isLeaf ? value : EMPTY_VALUE, permissions };
    if (tooLarge(caller, content, isLeaf ? 0 : leafName(child).length + 1)) return "ENOSPC";
  }
  for (const ancestor of missing) {
    view.add(ancestor, { value: ancestor === path ? value : EMPTY_VALUE, permissions });
  }
  view.announce(path, null);
  return view.exhausted ? "ENOSPC" : null;
};

/** WRITE: sets a value, creating the node and what is missing above it. */
export const writeNode = (view: View, caller: Caller, path: string, bytes: Uint8Array): XsdError | null => {
  const value = storeBytes(bytes);
  const node = accessNode(view, caller, path, ACCESS.write);
  if (node === "ENOENT") return createWithParents(view, caller, path, value);
  if (typeof node === "string") return node;
  const content = { value, permissions: node.permissions };
  if (tooLarge(caller, content, node.childNameBytes)) return "ENOSPC";
  view.replace(path, content);
  view.announce(path, node.permissions);
  return null;
};

/** MKDIR: makes sure that a node exists. */
export const makeNode = (view: View, caller: Caller, path: string): XsdError | null => {
  const node = accessNode(view, caller, path, ACCESS.write);
  if (node === "ENOENT") return createWithParents(view, caller, path, EMPTY_VALUE);
  return typeof node === "string" ? node : null;
};

/** RM: makes sure that a node and all below it do not exist. */
export const removeNodeAt = (view: View, caller: Caller, path: string): XsdError | null => {
  const node = accessNode(view, caller, path, ACCESS.write);
  if (node === "ENOENT") return view.find(parentPath(path)) === null ? "ENOENT" : null;
  if (typeof node === "string") return node;
  if (path === ROOT_PATH) return "EINVAL";
  view.remove(path);
  return null;
};

/** SET_PERMS. Only a privileged caller may give a node to another owner. */
export const setPermissions = (
  view: View,
  caller: Caller,
  path: string,
  permissions: Permissions,
): XsdError | null => {
  const { principal, quotas } = caller;
  if (quotas !== null && permissions.length > quotas.permissionsPerNode) return "ENOSPC";
  const node = accessNode(view, caller, path, ACCESS.write | ACCESS.owner);
  if (typeof node === "string") return node;
  if (!principal.privileged && permissions[0].domain !== node.permissions[0].domain) return "EPERM";
  const content = { value: node.value, permissions };
  if (tooLarge(caller, content, node.childNameBytes)) return "ENOSPC";
  view.replace(path, content);
  view.announce(path, node.permissions);
  return null;
};
