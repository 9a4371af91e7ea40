/**
 * A store as simple as can be: a map of paths, no transactions, everything sequential. What xenstored answers to a history
 * of requests is compared with it.
 */
interface ReferenceNode {
  value: string;
  /** Owner first, as on the wire. */
  permissions: string[];
}

export type ReferenceOperation =
  | { readonly kind: "read" | "mkdir" | "rm" | "directory" | "get-permissions"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly value: string }
  | { readonly kind: "set-permissions"; readonly path: string; readonly permissions: readonly string[] };

export interface ReferenceStore {
  /** Answer as `|`-separated text or the name of an error; a directory's names are sorted. */
  apply(domain: number, operation: ReferenceOperation): string;
  /** Everything, for comparison. */
  dump(): string;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

export const createReferenceStore = (): ReferenceStore => {
  const nodes = new Map<string, ReferenceNode>([
    ["/", { value: "", permissions: ["n0"] }],
    ["/tool", { value: "", permissions: ["n0"] }],
    ["/tool/xenstored", { value: "", permissions: ["n0"] }],
  ]);
  const children = (path: string): string[] =>
    [...nodes.keys()].filter((other) => other !== "/" && parentOf(other) === path).sort();
  const allowed = (domain: number, { permissions }: ReferenceNode, right: "r" | "w" | "o"): boolean => {
    const [owner = "", ...others] = permissions;
    if (domain === 0 || Number(owner.slice(1)) === domain) return true;
    const entry = others.find((other) => Number(other.slice(1)) === domain) ?? owner;
    return right !== "o" && (entry.startsWith("b") || entry.startsWith(right));
  };
  const nearest = (path: string): ReferenceNode => {
    let at = parentOf(path);
    while (!nodes.has(at)) at = parentOf(at);
    return nodes.get(at) as ReferenceNode;
  };
  /** The node, or the error that a client gets who wants these rights on it. */
  const access = (domain: number, path: string, rights: ("r" | "w" | "o")[]): ReferenceNode | string => {
    const node = nodes.get(path);
    if (node !== undefined && rights.every((right) => allowed(domain, node, right))) return node;
    const above = path === "/" ? node : nearest(path);
    if (above === undefined || !rights.some((right) => allowed(domain, above, right))) return "EACCES";
    return node === undefined ? "ENOENT" : "EACCES";
  };
  const create = (domain: number, path: string, value: string): void => {
    const parent = parentOf(path);
    if (!nodes.has(parent)) create(domain, parent, "");
    const [owner = "", ...others] = nodes.get(parent)?.permissions ?? [];
    const own = domain === 0 ? owner : `${owner.charAt(0)}${domain}`;
    nodes.set(path, { value, permissions: [own, ...others] });
  };

  const apply = (domain: number, operation: ReferenceOperation): string => {
    const { kind, path } = operation;
    if (kind === "read" || kind === "directory" || kind === "get-permissions") {
      const node = access(domain, path, ["r"]);
      if (typeof node === "string") return node;
      if (kind === "read") return node.value;
      if (kind === "get-permissions") return node.permissions.map((entry) => `${entry}|`).join("");
      return children(path)
        .map((child) => `${child.slice(child.lastIndexOf("/") + 1)}|`)
        .join("");
    }
    if (kind === "set-permissions") {
      const node = access(domain, path, ["w", "o"]);
      if (typeof node === "string") return node;
      const [owner = ""] = operation.permissions;
      if (domain !== 0 && owner.slice(1) !== node.permissions[0]?.slice(1)) return "EPERM";
      node.permissions = [...operation.permissions];
      return "OK|";
    }
    const node = access(domain, path, ["w"]);
    if (kind === "rm") {
      if (node === "ENOENT") return nodes.has(parentOf(path)) ? "OK|" : "ENOENT";
      if (typeof node === "string") return node;
      if (path === "/") return "EINVAL";
      for (const other of [...nodes.keys()]) {
        if (other === path || other.startsWith(`${path}/`)) nodes.delete(other);
      }
      return "OK|";
    }
    if (node === "ENOENT") create(domain, path, kind === "write" ? operation.value : "");
    else if (typeof node === "string") return node;
    else if (kind === "write") node.value = operation.value;
    return "OK|";
  };

  return {
    apply,
    dump: () =>
      [...nodes]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, { value, permissions }]) => `${path}=${value} ${permissions.join()}`)
        .join("\n"),
  };
};
