import type { Database } from "./store/database.ts";
import { parentPath } from "./store/path.ts";
import { ACCESS, accessOf, type Permissions } from "./store/permissions.ts";
import type { NodeChange } from "./store/view.ts";
import type { WatchRegistry } from "./watches.ts";

/**
 * Fires the watches that a change concerns. A client is told when it may read the node, could read it before the change,
 * or may read the node above: so it learns of the end of what it could see, and of nothing else. [XENDOC xenstore.txt]
 * @returns how many fired.
 */
export const announceChange = (database: Database, watches: WatchRegistry, change: NodeChange): number => {
  const concerned = watches.matching(change.path, change.reach === "exact");
  if (concerned.length === 0) return 0;
  const visible: Permissions[] = [];
  if (change.before !== null) visible.push(change.before);
  for (const path of [change.path, parentPath(change.path)]) {
    const node = database.find(path);
    if (node !== null) visible.push(node.permissions);
  }
  const permitted = concerned.filter(({ owner }) =>
    visible.some((permissions) => (accessOf(owner.principal, permissions) & ACCESS.read) !== 0),
  );
  for (const watch of permitted) watch.owner.fire(watch, change.path);
  return permitted.length;
};
