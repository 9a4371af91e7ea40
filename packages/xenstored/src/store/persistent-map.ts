/**
 * A map from strings that never changes: adding and removing give a new map that shares all but a few entries with the
 * old one. A height-balanced tree, so that no choice of keys makes it slow.
 */
export interface MapEntry<Value> {
  readonly key: string;
  readonly value: Value;
  readonly left: PersistentMap<Value>;
  readonly right: PersistentMap<Value>;
  readonly height: number;
}

/** The topmost entry, or null when the map is empty. */
export type PersistentMap<Value> = MapEntry<Value> | null;

const heightOf = <Value>(map: PersistentMap<Value>): number => map?.height ?? 0;

const join = <Value>(
  left: PersistentMap<Value>,
  { key, value }: { readonly key: string; readonly value: Value },
  right: PersistentMap<Value>,
): MapEntry<Value> => ({
  key,
  value,
  left,
  right,
  height: 1 + Math.max(heightOf(left), heightOf(right)),
});

/** Joins two maps whose heights differ by at most two, by one or two rotations. */
const balance = <Value>(
  left: PersistentMap<Value>,
  entry: { readonly key: string; readonly value: Value },
  right: PersistentMap<Value>,
): MapEntry<Value> => {
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

/** Value of a key, or undefined. */
export const mapGet = <Value>(map: PersistentMap<Value>, key: string): Value | undefined => {
  let at = map;
  while (at !== null && at.key !== key) at = key < at.key ? at.left : at.right;
  return at?.value;
};

/** The map with a key added, or its value replaced. */
export const mapSet = <Value>(map: PersistentMap<Value>, key: string, value: Value): MapEntry<Value> => {
  if (map === null) return join(null, { key, value }, null);
  if (key === map.key) return join(map.left, { key, value }, map.right);
  return key < map.key
    ? balance(mapSet(map.left, key, value), map, map.right)
    : balance(map.left, map, mapSet(map.right, key, value));
};

const withoutFirst = <Value>(map: MapEntry<Value>): PersistentMap<Value> =>
  map.left === null ? map.right : balance(withoutFirst(map.left), map, map.right);

const firstOf = <Value>(map: MapEntry<Value>): MapEntry<Value> => {
  let at = map;
  while (at.left !== null) at = at.left;
  return at;
};

/** The map without a key; the same map when it has no such key. */
export const mapDelete = <Value>(map: PersistentMap<Value>, key: string): PersistentMap<Value> => {
  if (map === null) return null;
  if (key < map.key) {
    const left = mapDelete(map.left, key);
    return left === map.left ? map : balance(left, map, map.right);
  }
  if (key > map.key) {
    const right = mapDelete(map.right, key);
    return right === map.right ? map : balance(map.left, map, right);
  }
  if (map.right === null) return map.left;
  return balance(map.left, firstOf(map.right), withoutFirst(map.right));
};

/** All entries in ascending order of their keys. */
export const mapEntries = <Value>(map: PersistentMap<Value>): MapEntry<Value>[] => {
  const entries: MapEntry<Value>[] = [];
  const visit = (at: PersistentMap<Value>): void => {
    if (at === null) return;
    visit(at.left);
    entries.push(at);
    visit(at.right);
  };
  visit(map);
  return entries;
};
