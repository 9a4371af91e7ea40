import { createNode, type NodeContent, type StoreNode } from "./node.ts";
import { childPath, pathKeys } from "./path.ts";
import { mapDelete, mapEntries, mapGet, mapSet } from "./persistent-map.ts";
import { sharedName, sharedPermissions } from "./shared-values.ts";

/**
 * Pure operations on a tree. The topmost node has no name and is never seen by clients; below it stand the root `/` and
 * the special names that begin with `@`.
 */

/** The node at a path, or null. */
export const findNode = (top: StoreNode, path: string): StoreNode | null => {
  let at: StoreNode | undefined = top;
  for (const key of pathKeys(path)) {
    if (at === undefined) return null;
    at = mapGet(at.children, key);
  }
  return at ?? null;
};

/** Rebuilds the nodes from the top down to the one above the last key, which `change` makes anew. */
const rebuild = (
  top: StoreNode,
  keys: readonly string[],
  change: (parent: StoreNode, key: string) => StoreNode,
): StoreNode => {
  const descend = (node: StoreNode, depth: number): StoreNode => {
    const key = keys[depth];
    if (key === undefined) return node;
    if (depth === keys.length - 1) return change(node, key);
    const child = mapGet(node.children, key);
    return child === undefined
      ? node
      : { ...node, children: mapSet(node.children, key, descend(child, depth + 1)) };
  };
  return descend(top, 0);
};

/** The tree with a new node below an existing parent. */
export const addNode = (top: StoreNode, path: string, content: NodeContent, generation: number): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) => ({
    ...parent,
    generation,
    children: mapSet(parent.children, sharedName(key), createNode(content, generation)),
    childNameBytes: parent.childNameBytes + key.length + 1,
  }));

/** The tree with an existing node's value and permissions replaced. */
export const replaceNode = (
  top: StoreNode,
  path: string,
  content: NodeContent,
  generation: number,
): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) => {
    const old = mapGet(parent.children, key);
    if (old === undefined) return parent;
    const { value } = content;
    const permissions = sharedPermissions(content.permissions);
    return { ...parent, children: mapSet(parent.children, key, { ...old, value, permissions, generation }) };
  });

/** The tree without a node and all below it. */
export const removeNode = (top: StoreNode, path: string, generation: number): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) =>
    mapGet(parent.children, key) === undefined
      ? parent
      : {
          ...parent,
          generation,
          children: mapDelete(parent.children, key),
          childNameBytes: parent.childNameBytes - key.length - 1,
        },
  );

/** Calls `visit` for a node and all below it, parents before children. When it returns false, what is below is left out. */
export const walkTree = (
  path: string,
  node: StoreNode,
  visit: (path: string, node: StoreNode) => boolean,
): void => {
  if (!visit(path, node)) return;
  for (const { key, value } of mapEntries(node.children)) walkTree(childPath(path, key), value, visit);
};
