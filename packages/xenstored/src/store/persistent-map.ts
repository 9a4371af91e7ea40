/** What the entries of a persistent map have, besides what their user keeps in them. */
export interface Linked<Entry> {
  readonly name: string;
  /** Subtrees of lesser and of greater names. */
  readonly left: Entry | null;
  readonly right: Entry | null;
  readonly height: number;
}

/**
 * A map by name that never changes: adding and removing give a new map that shares all but a few entries with the old one.
 * It is a height-balanced tree, so that no choice of names makes it slow, and the entries themselves are its nodes. A map is
 * its topmost entry, or null when it is empty.
 */
export interface PersistentMaps<Entry> {
  get(map: Entry | null, name: string): Entry | undefined;
  /** The map with an entry added, or put in place of the one with its name. The links of `entry` mean nothing. */
  set(map: Entry | null, entry: Entry): Entry;
  /** The map without a name; the same map when it has no such name. */
  delete(map: Entry | null, name: string): Entry | null;
  /** All entries in ascending order of their names. */
  entries(map: Entry | null): Entry[];
}

/** Makes the operations on maps. `relink` copies an entry and gives the copy other links. */
export const persistentMaps = <Entry extends Linked<Entry>>(
  relink: (entry: Entry, left: Entry | null, right: Entry | null, height: number) => Entry,
): PersistentMaps<Entry> => {
  type Tree = Entry | null;

  const heightOf = (map: Tree): number => map?.height ?? 0;

  const join = (left: Tree, entry: Entry, right: Tree): Entry =>
    relink(entry, left, right, 1 + Math.max(heightOf(left), heightOf(right)));

  /** Joins two maps whose heights differ by at most two, by one or two rotations. */
  const balance = (left: Tree, entry: Entry, right: Tree): Entry => {
    const lean = heightOf(left) - heightOf(right);
    if (lean > 1 && left !== null) {
      const inner = left.right;
      return inner !== null && heightOf(inner) > heightOf(left.left)
        ? join(join(left.left, left, inner.left), inner, join(inner.right, entry, right))
        : join(left.left, left, join(inner, entry, right));
    }
    if (lean < -1 && right !== null) {
      const inner = right.left;
      return inner !== null && heightOf(inner) > heightOf(right.right)
        ? join(join(left, entry, inner.left), inner, join(inner.right, right, right.right))
        : join(join(left, entry, inner), right, right.right);
    }
    return join(left, entry, right);
  };

  const set = (map: Tree, entry: Entry): Entry => {
    if (map === null) return join(null, entry, null);
    if (entry.name === map.name) return join(map.left, entry, map.right);
    return entry.name < map.name
      ? balance(set(map.left, entry), map, map.right)
      : balance(map.left, map, set(map.right, entry));
  };

  const withoutFirst = (map: Entry): Tree =>
    map.left === null ? map.right : balance(withoutFirst(map.left), map, map.right);

  const firstOf = (map: Entry): Entry => {
    let at = map;
    while (at.left !== null) at = at.left;
    return at;
  };

  const remove = (map: Tree, name: string): Tree => {
    if (map === null) return null;
    if (name < map.name) {
      const left = remove(map.left, name);
      return left === map.left ? map : balance(left, map, map.right);
    }
    if (name > map.name) {
      const right = remove(map.right, name);
      return right === map.right ? map : balance(map.left, map, right);
    }
    if (map.right === null) return map.left;
    return balance(map.left, firstOf(map.right), withoutFirst(map.right));
  };

  return {
    set,
    delete: remove,
    get(map, name) {
      let at = map;
      while (at !== null && at.name !== name) at = name < at.name ? at.left : at.right;
      return at ?? undefined;
    },
    entries(map) {
      const entries: Entry[] = [];
      const visit = (at: Tree): void => {
        if (at === null) return;
        visit(at.left);
        entries.push(at);
        visit(at.right);
      };
      visit(map);
      return entries;
    },
  };
};
