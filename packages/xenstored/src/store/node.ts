import type { Permissions } from "./permissions.ts";
import { mapEntries, type PersistentMap } from "./persistent-map.ts";

/** What a client stores in a node: a value and who may do what with it. */
export interface NodeContent {
  readonly value: Uint8Array;
  readonly permissions: Permissions;
}

/** A node of the store. Never changes: a change makes a new node, and new nodes along the path to it. */
export interface StoreNode extends NodeContent {
  /** Differs after every change of the value, the permissions or the set of children; not after changes further down. */
  readonly generation: number;
  /** Generation at which the node came into being: children are listed in this order. */
  readonly created: number;
  readonly children: PersistentMap<StoreNode>;
  /** Bytes of all children's names with a zero byte each: what DIRECTORY answers. */
  readonly childNameBytes: number;
}

/** No bytes. */
export const EMPTY_VALUE: Uint8Array = new Uint8Array(0);

/** A node without children. */
export const createNode = (content: NodeContent, generation: number): StoreNode => ({
  value: content.value,
  permissions: content.permissions,
  generation,
  created: generation,
  children: null,
  childNameBytes: 0,
});

const HEADER_BYTES = 16;
const PERMISSION_BYTES = 8;

/** Size of a node as quotas count it: a header, its permissions, its value and its children's names. */
export const countedNodeSize = (content: NodeContent, childNameBytes: number): number =>
  HEADER_BYTES + PERMISSION_BYTES * content.permissions.length + content.value.length + childNameBytes;

/** Names of the children, oldest first. */
export const childNames = (node: StoreNode): string[] =>
  mapEntries(node.children)
    .sort((a, b) => a.value.created - b.value.created)
    .map((entry) => entry.key);
