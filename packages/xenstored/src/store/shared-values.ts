import { formatPermission, type Permissions } from "./permissions.ts";

/**
 * Values that are equal for many nodes, kept once: names such as `state` and lists of permissions are in the store again and
 * again, for every domain. What is kept is bounded: when there is too much, all is forgotten, and equal values are two from then on.
 */
const createShared = <Value>(limit: number): ((key: string, value: Value) => Value) => {
  const known = new Map<string, Value>();
  return (key, value) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= limit) known.clear();
    known.set(key, value);
    return value;
  };
};

const MOST_NAMES = 1024;
/** Longer names are hardly shared: that of a domain's `platform-feature-multiprocessor-suspend` is, which has 39 characters. */
const LONGEST_NAME = 40;
const MOST_LISTS = 64;

const sharedNames = createShared<string>(MOST_NAMES);
const sharedLists = createShared<Permissions>(MOST_LISTS);

/** A string equal to a node's name. */
export const sharedName = (name: string): string =>
  name.length > LONGEST_NAME ? name : sharedNames(name, name);

/** A list equal to a node's permissions. */
export const sharedPermissions = (permissions: Permissions): Permissions =>
  sharedLists(permissions.map(formatPermission).join(), permissions);
