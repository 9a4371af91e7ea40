import type { NodeContent, StoreNode } from "./node.ts";
import type { Permissions } from "./permissions.ts";

/** Who has to be told of a change. */
export interface NodeChange {
  readonly path: string;
  /** `subtree`: watches on the path and above it. `exact`: only watches on the path itself, which went with its parent. */
  readonly reach: "subtree" | "exact";
  /** Permissions before the change, when there was a node. */
  readonly before: Permissions | null;
}

/** The tree as one request sees it: the database itself, or the private copy of a transaction. */
export interface View {
  /** The node at a path, or null. */
  find(path: string): StoreNode | null;
  /** Adds a node below an existing parent. */
  add(path: string, content: NodeContent): void;
  /** Replaces value and permissions of an existing node. */
  replace(path: string, content: NodeContent): void;
  /** Removes a node and all below it. Announces each of them. */
  remove(path: string): void;
  /** Says that watches on a path and above it fire for what was just done there. */
  announce(path: string, before: Permissions | null): void;
  /** Nodes that a domain owns. */
  ownedNodes(domain: number): number;
  /** Whether a transaction has touched more nodes than it may: nothing it does counts any more. */
  readonly exhausted: boolean;
}
