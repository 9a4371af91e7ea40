/** Limits that hold for each domain that is not privileged. What exceeds them is refused, never cut. */
export interface Quotas {
  /** Nodes a domain may own: ENOSPC. */
  readonly nodes: number;
  /** Bytes of one node, names of its children included: ENOSPC. */
  readonly nodeBytes: number;
  /** Entries in one node's permissions: ENOSPC. */
  readonly permissionsPerNode: number;
  /** Characters of a path below the domain's own directory: EINVAL. */
  readonly pathLength: number;
  /** Watches of one connection: E2BIG. */
  readonly watches: number;
  /** Transactions of one connection at a time: ENOSPC. */
  readonly transactions: number;
  /** Nodes that one transaction may look at or change: ENOSPC. */
  readonly transactionNodes: number;
  /** Answers that may wait for room before no more requests are taken from the connection. */
  readonly outstandingReplies: number;
  /** Watch events that may wait for room; beyond them a watch says only once that something below its path has changed. */
  readonly pendingEvents: number;
}

/** The limits that Xen's own daemon starts with; `pendingEvents` is ours. */
export const DEFAULT_QUOTAS: Quotas = {
  nodes: 1000,
  nodeBytes: 2048,
  permissionsPerNode: 5,
  pathLength: 2048,
  watches: 128,
  transactions: 10,
  transactionNodes: 1024,
  outstandingReplies: 20,
  pendingEvents: 1024,
};
