import { changedNode, childNodes, createNode, type NodeContent, type StoreNode } from "./node.ts";
import { childPath, pathKeys } from "./path.ts";
import { sharedPermissions } from "./shared-values.ts";

/**
 * Pure operations on a tree. The topmost node has no name and is never seen by clients; below it stand the root `/` and
 * the special names that begin with `@`.
 */

/** The node at a path, or null. */
export const findNode = (top: StoreNode, path: string): StoreNode | null => {
  let at: StoreNode | undefined = top;
  for (const key of pathKeys(path)) {
    if (at === undefined) return null;
    at = childNodes.get(at.children, key);
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
    const child = childNodes.get(node.children, key);
    if (child === undefined) return node;
    return changedNode(node, { children: childNodes.set(node.children, descend(child, depth + 1)) });
  };
  return descend(top, 0);
};

/** The tree with a new node below an existing parent. */
export const addNode = (top: StoreNode, path: string, content: NodeContent, generation: number): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) =>
    changedNode(parent, {
      generation,
      children: childNodes.set(parent.children, createNode(key, content, generation)),
      childNameBytes: parent.childNameBytes + key.length + 1,
    }),
  );

/** The tree with an existing node's value and permissions replaced. */
export const replaceNode = (
  top: StoreNode,
  path: string,
  content: NodeContent,
  generation: number,
): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) => {
    const old = childNodes.get(parent.children, key);
    if (old === undefined) return parent;
    const { value } = content;
    const permissions = sharedPermissions(content.permissions);
    const changed = changedNode(old, { value, permissions, generation });
    return changedNode(parent, { children: childNodes.set(parent.children, changed) });
  });

/** The tree without a node and all below it. */
export const removeNode = (top: StoreNode, path: string, generation: number): StoreNode =>
  rebuild(top, pathKeys(path), (parent, key) =>
    childNodes.get(parent.children, key) === undefined
      ? parent
      : changedNode(parent, {
          generation,
          children: childNodes.delete(parent.children, key),
          childNameBytes: parent.childNameBytes - key.length - 1,
        }),
  );

/** Calls `visit` for a node and all below it, parents before children. When it returns false, what is below is left out. */
export const walkTree = (
  path: string,
  node: StoreNode,
  visit: (path: string, node: StoreNode) => boolean,
): void => {
  if (!visit(path, node)) return;
  for (const child of childNodes.entries(node.children)) walkTree(childPath(path, child.name), child, visit);
};
