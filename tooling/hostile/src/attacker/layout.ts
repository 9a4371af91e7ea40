import { PAGE_SIZE } from "@xenolith/machine-interface";

/** Widths of attackers: both lie at the same linear addresses. */
export type AttackerWidth = "x86_32p" | "x86_64";

/** Linear address at which the attacker's pseudo-physical memory begins. */
export const VIRTUAL_BASE = 0xc000_0000;

const pageAt = (page: number): number => VIRTUAL_BASE + page * PAGE_SIZE;

/** Pages of the attacker's image, in order. */
export const PAGE = { code: 0, command: 1, stack: 2, sharedInfo: 3, arena: 4, guard: 20 } as const;

/** Pages that the domain builder puts behind the image: frame list, start_info, xenstore, console, page tables. */
export const builderPages = (width: AttackerWidth): { readonly store: number; readonly console: number } => {
  const listPages = width === "x86_64" ? 2 : 1;
  const store = PAGE.guard + listPages + 2;
  return { store, console: store + 1 };
};

/** Pages for the structures that calls point to. */
export const ARENA_PAGES = PAGE.guard - PAGE.arena;

/** Pages of the image, the guard page behind the arena included: that one is unmapped before the attack. */
export const IMAGE_PAGES = PAGE.guard + 1;

/** First page of those that the attack is about: everything below belongs to the image or to the domain builder. */
export const PLAYGROUND_PAGE = 64;

/** Memory of an attacker, all of it mapped by the builder. */
export const MEMORY_MIB = 4;
export const MEMORY_PAGES = MEMORY_MIB * 256;

/** Linear addresses of the image's parts. */
export const AT = {
  code: pageAt(PAGE.code),
  command: pageAt(PAGE.command),
  /** Where VCPUs may register areas: the lower end of the stack page. */
  areas: pageAt(PAGE.stack),
  stackTop: pageAt(PAGE.stack + 1),
  sharedInfo: pageAt(PAGE.sharedInfo),
  arena: pageAt(PAGE.arena),
  guard: pageAt(PAGE.guard),
  playground: pageAt(PLAYGROUND_PAGE),
} as const;

/**
 * Offsets in the command page: the call to make next, what came of the last one, and the word that says it is done. All but
 * number and word have 8 bytes, of which 32-bit code uses the low half.
 */
export const COMMAND = {
  number: 0,
  arguments: 8,
  argumentBytes: 8,
  stackPointer: 48,
  result: 56,
  done: 64,
  doneBytes: 4,
} as const;

/** Entry points in the code page. */
export const CODE = {
  /** Takes commands for ever. */
  loop: AT.code,
  /** Behind the hypercall: where an iret has to return to. */
  continuation: AT.code + 0x40,
  /** Handler of all exceptions: the call counts as answered with {@link FAULTED}. */
  recover: AT.code + 0x100,
  /** Event callback. */
  event: AT.code + 0x140,
  /** What other VCPUs do: wait. */
  park: AT.code + 0x180,
  /** An empty `sched_poll` that the waiting uses. */
  pollRequest: AT.code + 0x1c0,
  bytes: 0x200,
} as const;

/** Result of a call in whose course the attacker's own code faulted. It is no errno. */
export const FAULTED = 0xdead_0000;
