/**
 * A table of answers of CPUID in memory, for generated code: an entry of `entryBytes` for each of the first `leaves` leaves of
 * the basic range, then of the extended one. An entry is EAX, EBX, ECX, EDX, and at `valid` 1 where they hold whatever the
 * subleaf is.
 */
export const CPUID_TABLE = { leaves: 32, entryBytes: 32, valid: 16, sizeBytes: 2048 } as const;

/** Fills a table: the answer of a leaf that knows no subleaves, or null. */
export const fillCpuidTable = (
  view: DataView,
  at: number,
  answerOf: (leaf: number) => readonly [number, number, number, number] | null,
): void => {
  const { leaves, entryBytes, valid } = CPUID_TABLE;
  for (let index = 0; index < 2 * leaves; index++) {
    const leaf = index < leaves ? index : 0x8000_0000 + index - leaves;
    const answer = answerOf(leaf);
    const entry = at + index * entryBytes;
    for (const [position, word] of (answer ?? []).entries()) view.setUint32(entry + 4 * position, word, true);
    view.setUint32(entry + valid, answer === null ? 0 : 1, true);
  }
};
