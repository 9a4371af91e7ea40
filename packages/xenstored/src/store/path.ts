import { XENSTORE_ABS_PATH_MAX } from "@xenolith/xen-abi/io/xs-wire";

/** Name of the node above all others. */
export const ROOT_PATH = "/";

/** Directory under which relative paths of a domain lie. [XENDOC xenstore.txt] */
export const domainPath = (domain: number): string => `/local/domain/${domain}`;

const ALLOWED = /^[-A-Za-z0-9/_@]+$/;

/**
 * Makes a path absolute and checks its form: allowed characters, no double and no trailing slash, at most
 * `XENSTORE_ABS_PATH_MAX` bytes. Names that begin with `@` are special and stay as they are.
 * @returns null when the form is wrong.
 */
export const canonicalPath = (text: string, relativeTo: string, allowSpecial: boolean): string | null => {
  if (!ALLOWED.test(text)) return null;
  const special = text.startsWith("@");
  if (special && !allowSpecial) return null;
  const path = text.startsWith("/") || special ? text : `${relativeTo}/${text}`;
  if (path.length > XENSTORE_ABS_PATH_MAX || path.includes("//")) return null;
  return path !== ROOT_PATH && path.endsWith("/") ? null : path;
};

/** Length that quotas count: without the `/local/domain/N/` that a domain does not choose. */
export const countedPathLength = (path: string): number =>
  path.length - (/^\/local\/domain\/\d{1,5}\//.exec(path)?.[0].length ?? 0);

/** Path of the node above. The parent of the root and of a special name is the root. */
export const parentPath = (path: string): string => {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? ROOT_PATH : path.slice(0, slash);
};

/** Last name of a path. */
export const leafName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Path of a child. */
export const childPath = (parent: string, name: string): string =>
  parent === ROOT_PATH ? `/${name}` : `${parent}/${name}`;

/** Keys from the top of the tree down: `/a/b` is `/`, `a`, `b`; a special name is one key. */
export const pathKeys = (path: string): string[] => {
  if (!path.startsWith("/")) return [path];
  return path === ROOT_PATH ? [ROOT_PATH] : [ROOT_PATH, ...path.slice(1).split("/")];
};

/** The path itself and every path above it, the path first. */
export const pathAndAncestors = (path: string): string[] => {
  const paths = [path];
  if (!path.startsWith("/")) return paths;
  for (let at = path; at !== ROOT_PATH; ) {
    at = parentPath(at);
    paths.push(at);
  }
  return paths;
};
