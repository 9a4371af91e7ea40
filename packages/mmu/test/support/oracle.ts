/**
 * What an access comes to, written down sentence by sentence from the manual ([SDM3A-4.6], [SDM3A-4.7]) over lists of
 * entries, with none of the walker's ways.
 */
import { ACCESS, type PagingContext } from "@xenolith/machine-interface";
import type { EntryBits } from "./setup.ts";

/** The circumstances of an access. */
export interface OracleCase {
  readonly context: PagingContext;
  /** Entries from the root down; the last is used only if none before it maps a large page. */
  readonly entries: readonly EntryBits[];
  readonly access: number;
}

/** Either the page is reached through so many entries, or the access faults with this code. */
export type Verdict = { readonly used: number } | { readonly errorCode: number };

const knowsNoExecute = ({ format, noExecute }: PagingContext): boolean =>
  noExecute && (format === "pae" || format === "long");

const isPaeRoot = (context: PagingContext, depth: number): boolean => context.format === "pae" && depth === 0;

const hasReservedBit = (
  context: PagingContext,
  entry: EntryBits,
  depth: number,
  mapsLarge: boolean,
): boolean => {
  const wide = context.format !== "two-level";
  // Bit 63 is reserved while no-execute is off, and always in the root of PAE.
  if (wide && entry.noExecute && (!knowsNoExecute(context) || isPaeRoot(context, depth))) return true;
  // Of 4-byte entries only those that map 4 MiB have reserved bits.
  return entry.reserved && (wide || mapsLarge);
};

export const judge = ({ context, entries, access }: OracleCase): Verdict => {
  const kind = access & ACCESS.kindMask;
  const isUser = (access & ACCESS.user) !== 0;
  const isWrite = kind === ACCESS.write;
  const isFetch = kind === ACCESS.execute;
  const reportsFetch = knowsNoExecute(context) || context.supervisorExecutionPrevention;
  const common = (isWrite ? 2 : 0) + (isUser ? 4 : 0) + (isFetch && reportsFetch ? 16 : 0);

  const directory = entries.length - 2;
  const mapsLarge = (depth: number): boolean =>
    depth === directory &&
    entries[depth]?.large === true &&
    (context.format !== "two-level" || context.largePages);
  const isLast = (depth: number): boolean => depth === entries.length - 1 || mapsLarge(depth);
  const last = entries.findIndex((_, depth) => isLast(depth));
  const path = entries.slice(0, last + 1);

  // The first entry that is not present or has a reserved bit decides.
  for (const [depth, entry] of path.entries()) {
    if (!entry.present) return { errorCode: common };
    if (hasReservedBit(context, entry, depth, mapsLarge(depth))) return { errorCode: common + 1 + 8 };
  }

  const withRights = path.filter((_, depth) => !isPaeRoot(context, depth));
  const isUserPage = withRights.every(({ user }) => user);
  const isReadOnly = withRights.some(({ writable }) => !writable);
  const isData = withRights.some(({ noExecute }) => noExecute);
  const violations = [
    isUser && !isUserPage,
    isWrite && isReadOnly && (isUser || context.writeProtect),
    isFetch && isData,
    isFetch && !isUser && isUserPage && context.supervisorExecutionPrevention,
  ];
  return violations.includes(true) ? { errorCode: common + 1 } : { used: path.length };
};
