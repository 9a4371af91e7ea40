import { addToCount, type Database } from "./database.ts";
import type { NodeContent, StoreNode } from "./node.ts";
import { parentPath, pathKeys } from "./path.ts";
import type { Permissions } from "./permissions.ts";
import { addNode, findNode, removeNode, replaceNode, walkTree } from "./tree.ts";
import type { NodeChange, View } from "./view.ts";

/**
 * A transaction works on the tree as it was when it began. It remembers the generation of every node it looked at (also
 * that there was none); when it ends, all of them must still be the same in the database. Transactions that touch
 * different nodes do not disturb one another. [XENDOC xenstore.txt]
 */
export interface Transaction extends View {
  /** Whether anything was created, which makes quotas count again when it ends. */
  readonly created: boolean;
  /** Carries the changes over and announces them. @returns false, with nothing changed, when there is a conflict. */
  commit(): boolean;
}

const ABSENT = -1;

/** Begins a transaction. `touchLimit` bounds how many nodes it may look at or change. */
export const createTransaction = (database: Database, touchLimit: number): Transaction => {
  const base = database.top;
  let working = base;
  let created = false;
  let exhausted = false;
  const seen = new Map<string, number>();
  const changed = new Set<string>();
  const announced = new Map<string, NodeChange>();
  const ownedChange = new Map<number, number>();

  const generationIn = (tree: StoreNode, path: string): number => findNode(tree, path)?.generation ?? ABSENT;
  const touch = (path: string): void => {
    if (seen.has(path)) return;
    if (seen.size >= touchLimit) exhausted = true;
    else seen.set(path, generationIn(base, path));
  };
  const announceOnce = (change: NodeChange): void => {
    const known = announced.get(change.path);
    if (known === undefined) announced.set(change.path, change);
    else if (known.reach === "exact") announced.set(change.path, { ...known, reach: change.reach });
  };

  /** Makes the database's node at `path` what it is in this transaction. Parents come before their children. */
  const carryOver = (path: string): void => {
    const mine = findNode(working, path);
    const there = database.find(path);
    if (mine === null) {
      if (there !== null)
        database.install(removeNode(database.top, path, database.nextGeneration()), new Map());
    } else {
      const put = there === null ? addNode : replaceNode;
      database.install(put(database.top, path, mine, database.nextGeneration()), new Map());
    }
  };
  const depth = (path: string): number => pathKeys(path).length;

  return {
    get created() {
      return created;
    },
    get exhausted() {
      return exhausted;
    },
    find: (path) => {
      touch(path);
      return findNode(working, path);
    },
    add: (path: string, content: NodeContent) => {
      touch(parentPath(path));
      touch(path);
      working = addNode(working, path, content, database.nextGeneration());
      changed.add(path);
      created = true;
      addToCount(ownedChange, content.permissions[0].domain, 1);
    },
    replace: (path, content) => {
      const old = findNode(working, path);
      if (old === null) return;
      touch(path);
      working = replaceNode(working, path, content, database.nextGeneration());
      changed.add(path);
      addToCount(ownedChange, old.permissions[0].domain, -1);
      addToCount(ownedChange, content.permissions[0].domain, 1);
    },
    remove: (path) => {
      const node = findNode(working, path);
      if (node === null) return;
      const gone: NodeChange[] = [];
      walkTree(path, node, (at, { permissions }) => {
        touch(at);
        changed.add(at);
        addToCount(ownedChange, permissions[0].domain, -1);
        gone.push({ path: at, reach: at === path ? "subtree" : "exact", before: permissions });
        return true;
      });
      working = removeNode(working, path, database.nextGeneration());
      for (const change of gone.reverse()) announceOnce(change);
    },
    announce: (path: string, before: Permissions | null) => announceOnce({ path, reach: "subtree", before }),
    ownedNodes: (domain) => database.ownedNodes(domain) + (ownedChange.get(domain) ?? 0),
    commit: () => {
      for (const [path, generation] of seen) {
        if (generationIn(database.top, path) !== generation) return false;
      }
      if (database.top === base) database.install(working, ownedChange);
      else {
        for (const path of [...changed].sort((a, b) => depth(a) - depth(b))) carryOver(path);
        database.install(database.top, ownedChange);
      }
      for (const change of announced.values()) database.publish(change);
      return true;
    },
  };
};
