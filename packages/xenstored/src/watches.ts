import { pathAndAncestors } from "./store/path.ts";
import type { Principal } from "./store/permissions.ts";

/** Who watches. */
export interface WatchOwner {
  readonly principal: Principal;
  /** Queues an event for the client. `path` is absolute. */
  fire(watch: Watch, path: string): void;
}

/** A client's wish to be told of changes at a path and below it. */
export interface Watch {
  /** Absolute path, or a special name. */
  readonly path: string;
  /** Returned with each event. One byte per character. */
  readonly token: string;
  /** Characters that the client left out at the front, because it named the path relative to its own directory. */
  readonly prefixLength: number;
  readonly owner: WatchOwner;
  /** Order in which watches were set, over all clients. */
  readonly sequence: number;
}

/** All watches, found by path without looking at the others. */
export interface WatchRegistry {
  add(watch: Omit<Watch, "sequence">): Watch;
  remove(watch: Watch): void;
  /**
   * Watches that a change at a path concerns, in the order in which they were set: those on the path and above it, or with
   * `exact` on the path alone.
   */
  matching(path: string, exact: boolean): Watch[];
  readonly size: number;
}

const NONE: readonly Watch[] = [];

/** Makes a registry without watches. */
export const createWatchRegistry = (): WatchRegistry => {
  const byPath = new Map<string, readonly Watch[]>();
  let sequence = 0;
  let size = 0;
  return {
    get size() {
      return size;
    },
    add: ({ path, token, prefixLength, owner }) => {
      // Field by field: objects that are made by spreading another have a layout of their own each.
      const watch: Watch = { path, token, prefixLength, owner, sequence: sequence++ };
      byPath.set(path, (byPath.get(path) ?? NONE).concat(watch));
      size++;
      return watch;
    },
    remove: (watch) => {
      const there = byPath.get(watch.path) ?? NONE;
      const others = there.filter((other) => other !== watch);
      if (others.length === there.length) return;
      size--;
      if (others.length > 0) byPath.set(watch.path, others);
      else byPath.delete(watch.path);
    },
    matching: (path, exact) => {
      const found: Watch[] = [];
      for (const at of exact ? [path] : pathAndAncestors(path)) {
        const there = byPath.get(at);
        if (there !== undefined) found.push(...there);
      }
      return found.sort((a, b) => a.sequence - b.sequence);
    },
  };
};
