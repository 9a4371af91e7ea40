import type { Permissions } from "./permissions.ts";
import { type Linked, type PersistentMaps, persistentMaps } from "./persistent-map.ts";
import { sharedName, sharedPermissions } from "./shared-values.ts";

/** Bytes as they are kept: a string with a character for each, which takes a fraction of the memory of an array. */
export type StoredValue = string & { readonly bytes: unique symbol };

/** Packs bytes for being kept. */
export const storeBytes = (bytes: Uint8Array): StoredValue => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  // What is put together piece by piece is kept in pieces until it is looked into as a whole.
  return Number.isNaN(text.charCodeAt(0)) ? EMPTY_VALUE : (text as StoredValue);
};

/** The bytes of a kept value. */
export const bytesOf = (value: StoredValue): Uint8Array =>
  Uint8Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));

/** What a client stores in a node: a value and who may do what with it. */
export interface NodeContent {
  readonly value: StoredValue;
  readonly permissions: Permissions;
}

/** A node of the store. Never changes: a change makes a new node, and new nodes along the path to it. */
export interface StoreNode extends NodeContent, Linked<StoreNode> {
  /** Differs after every change of the value, the permissions or the set of children; not after changes further down. */
  readonly generation: number;
  /** Generation at which the node came into being: children are listed in this order. */
  readonly created: number;
  /** A map of {@link childNodes}. */
  readonly children: StoreNode | null;
  /** Bytes of all children's names with a zero byte each: what DIRECTORY answers. */
  readonly childNameBytes: number;
}

/** No bytes. */
export const EMPTY_VALUE: StoredValue = "" as StoredValue;

/** A node without children. */
export const createNode = (name: string, content: NodeContent, generation: number): StoreNode => ({
  name: sharedName(name),
  value: content.value,
  permissions: sharedPermissions(content.permissions),
  generation,
  created: generation,
  children: null,
  childNameBytes: 0,
  left: null,
  right: null,
  height: 1,
});

/** A node of the same name with some fields changed. Field by field: what is made by spreading takes more memory. */
export const changedNode = (node: StoreNode, changes: Partial<Omit<StoreNode, "name">>): StoreNode => {
  const { value, permissions, generation, created, children, childNameBytes, left, right, height } = node;
  const copy = {
    name: node.name,
    value,
    permissions,
    generation,
    created,
    children,
    childNameBytes,
    left,
    right,
    height,
  };
  return Object.assign(copy, changes);
};

/** Maps of nodes. */
export const childNodes: PersistentMaps<StoreNode> = persistentMaps((node, left, right, height) =>
  changedNode(node, { left, right, height }),
);

const HEADER_BYTES = 16;
const PERMISSION_BYTES = 8;

/** Size of a node as quotas count it: a header, its permissions, its value and its children's names. */
export const countedNodeSize = (content: NodeContent, childNameBytes: number): number =>
  HEADER_BYTES + PERMISSION_BYTES * content.permissions.length + content.value.length + childNameBytes;

/** Names of the children, oldest first. */
export const childNames = (node: StoreNode): string[] =>
  childNodes
    .entries(node.children)
    .sort((a, b) => a.created - b.created)
    .map(({ name }) => name);
