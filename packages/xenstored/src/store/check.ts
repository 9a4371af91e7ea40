import { addToCount, type Database } from "./database.ts";
import { childNodes, type StoreNode } from "./node.ts";
import { childPath } from "./path.ts";

/** Checks that the counts kept with the tree are those of the tree. @returns a sentence about the first that is not, or null. */
export const checkDatabase = (database: Database): string | null => {
  const owned = new Map<number, number>();
  let fault: string | null = null;
  const visit = (path: string, node: StoreNode): void => {
    addToCount(owned, node.permissions[0].domain, 1);
    const children = childNodes.entries(node.children);
    const nameBytes = children.reduce((sum, { name }) => sum + name.length + 1, 0);
    if (nameBytes !== node.childNameBytes) fault ??= `${path}: names of children take ${nameBytes} bytes`;
    for (const child of children) visit(childPath(path, child.name), child);
  };
  for (const node of childNodes.entries(database.top.children)) visit(node.name, node);
  for (const [domain, count] of owned) {
    const counted = database.ownedNodes(domain);
    if (counted !== count) fault ??= `domain ${domain} owns ${count} nodes, not ${counted}`;
  }
  return fault;
};
