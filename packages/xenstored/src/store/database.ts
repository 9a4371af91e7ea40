import type { NodeContent, StoreNode } from "./node.ts";
import { childNodes, createNode, EMPTY_VALUE } from "./node.ts";
import { ACCESS, type Permissions } from "./permissions.ts";
import { addNode, findNode, removeNode, replaceNode, walkTree } from "./tree.ts";
import type { NodeChange, View } from "./view.ts";

/** A special name, which exists from the start: a domain was introduced. [XENDOC xenstore.txt] */
export const INTRODUCE_DOMAIN = "@introduceDomain";
/** A special name, which exists from the start: a domain is gone. */
export const RELEASE_DOMAIN = "@releaseDomain";

/** The store's contents, with the count of nodes that each domain owns. */
export interface Database extends View {
  /** The whole tree as it is now. It never changes: keeping it is a snapshot. */
  readonly top: StoreNode;
  /** The next number for {@link StoreNode.generation}; every call gives a new one. */
  nextGeneration(): number;
  /** Puts a tree in place of the present one, of which it is a successor; `ownedChange` says who owns how many more. */
  install(top: StoreNode, ownedChange: ReadonlyMap<number, number>): void;
  /** Passes a change on to the watches. */
  publish(change: NodeChange): void;
  /** Removes what a domain owned and every permission it was given, so that a later domain of its number gets neither. */
  forgetDomain(domain: number): void;
}

/** Adds to a count in a map, dropping what becomes zero. */
export const addToCount = (counts: Map<number, number>, key: number, change: number): void => {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
};

const OWNED_BY_INITIAL_DOMAIN: Permissions = [{ domain: 0, access: ACCESS.none }];

/** Makes a store that holds what xenstored starts with. `onChange` runs after each change that watches may see. */
export const createDatabase = (onChange: (change: NodeChange) => void): Database => {
  let generation = 0;
  let top = createNode("", { value: EMPTY_VALUE, permissions: OWNED_BY_INITIAL_DOMAIN }, 0);
  const owned = new Map<number, number>();
  const nextGeneration = (): number => {
    generation++;
    return generation;
  };

  const withoutDomain = (permissions: Permissions, domain: number): Permissions => {
    const [owner, ...others] = permissions;
    const kept = others.filter((entry) => entry.domain !== domain);
    return kept.length === others.length ? permissions : [owner, ...kept];
  };

  const database: Database = {
    get top() {
      return top;
    },
    nextGeneration,
    find: (path) => findNode(top, path),
    add: (path, content) => {
      top = addNode(top, path, content, nextGeneration());
      addToCount(owned, content.permissions[0].domain, 1);
    },
    replace: (path, content) => {
      const old = findNode(top, path);
      if (old === null) return;
      top = replaceNode(top, path, content, nextGeneration());
      addToCount(owned, old.permissions[0].domain, -1);
      addToCount(owned, content.permissions[0].domain, 1);
    },
    remove: (path) => {
      const node = findNode(top, path);
      if (node === null) return;
      const gone: NodeChange[] = [];
      walkTree(path, node, (at, { permissions }) => {
        addToCount(owned, permissions[0].domain, -1);
        gone.push({ path: at, reach: at === path ? "subtree" : "exact", before: permissions });
        return true;
      });
      top = removeNode(top, path, nextGeneration());
      // Children are announced before their parents, as they would have been removed one by one.
      for (const change of gone.reverse()) onChange(change);
    },
    announce: (path, before) => onChange({ path, reach: "subtree", before }),
    publish: onChange,
    ownedNodes: (domain) => owned.get(domain) ?? 0,
    exhausted: false,
    install: (next, ownedChange) => {
      top = next;
      for (const [domain, change] of ownedChange) addToCount(owned, domain, change);
    },
    forgetDomain: (domain) => {
      const orphans: string[] = [];
      const shared: [string, NodeContent][] = [];
      for (const first of childNodes.entries(top.children)) {
        walkTree(first.name, first, (path, node) => {
          if (node.permissions[0].domain === domain) {
            orphans.push(path);
            return false;
          }
          const permissions = withoutDomain(node.permissions, domain);
          if (permissions !== node.permissions) shared.push([path, { value: node.value, permissions }]);
          return true;
        });
      }
      for (const path of orphans) database.remove(path);
      for (const [path, content] of shared) database.replace(path, content);
    },
  };

  for (const path of ["/", "/tool", "/tool/xenstored", INTRODUCE_DOMAIN, RELEASE_DOMAIN]) {
    database.add(path, { value: EMPTY_VALUE, permissions: OWNED_BY_INITIAL_DOMAIN });
  }
  return database;
};
