/** Rights on a node, as bits. */
export const ACCESS = { none: 0, read: 1, write: 2, owner: 4 } as const;

/** Everything. */
const FULL_ACCESS = ACCESS.read | ACCESS.write | ACCESS.owner;

/** One entry of a node's list of permissions. */
export interface Permission {
  readonly domain: number;
  /** `ACCESS.read` and `ACCESS.write`, in any combination. */
  readonly access: number;
}

/**
 * A node's permissions, at least one. The first entry names the owner, who may do everything, and what all others may do
 * who have no entry of their own. [XENDOC xenstore.txt]
 */
export type Permissions = readonly [Permission, ...Permission[]];

/** On whose behalf an operation happens. */
export interface Principal {
  readonly domain: number;
  /** May do everything to every node. */
  readonly privileged: boolean;
  /** A domain whose rights it has as well (SET_TARGET), or null. */
  readonly target: number | null;
}

const LETTERS = "nrwb";

/** For instance `r5`: `n` none, `r` read, `w` write, `b` both, then the domain. */
export const formatPermission = ({ domain, access }: Permission): string =>
  `${LETTERS.charAt(access)}${domain}`;

/** Inverse of {@link formatPermission}; null for anything else. */
export const parsePermission = (text: string): Permission | null => {
  const match = /^([nrwb])(\d{1,5})$/.exec(text);
  const [, letter, digits] = match ?? [];
  return letter === undefined || digits === undefined
    ? null
    : { access: LETTERS.indexOf(letter), domain: Number(digits) };
};

/** What a principal may do to a node with these permissions. */
export const accessOf = (principal: Principal, permissions: Permissions): number => {
  const [owner, ...others] = permissions;
  const isPrincipal = (domain: number): boolean => domain === principal.domain || domain === principal.target;
  if (principal.privileged || isPrincipal(owner.domain)) return FULL_ACCESS;
  return (others.find((entry) => isPrincipal(entry.domain)) ?? owner).access;
};
