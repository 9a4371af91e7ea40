import { addToCount, type Database } from "./database.ts";
import type { StoreNode } from "./node.ts";
import { childPath } from "./path.ts";
import { mapEntries } from "./persistent-map.ts";

/** Checks that the counts kept with the tree are those of the tree. @returns a sentence about the first that is not, or null. */
export const checkDatabase = (database: Database): string | null => {
  const owned = new Map<number, number>();
  let fault: string | null = null;
  const visit = (path: string, node: StoreNode): void => {
    addToCount(owned, node.permissions[0].domain, 1);
    const entries = mapEntries(node.children);
    const nameBytes = entries.reduce((sum, entry) => sum + entry.key.length + 1, 0);
    if (nameBytes !== node.childNameBytes) fault ??= `${path}: names of children take ${nameBytes} bytes`;
    for (const { key, value } of entries) visit(childPath(path, key), value);
  };
  for (const { key, value } of mapEntries(database.top.children)) visit(key, value);
  for (const [domain, count] of owned) {
    const counted = database.ownedNodes(domain);
    if (counted !== count) fault ??= `domain ${domain} owns ${count} nodes, not ${counted}`;
  }
  return fault;
};
