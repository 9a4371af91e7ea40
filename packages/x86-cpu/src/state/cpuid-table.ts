/**
 * A table of answers of CPUID in memory, for generated code: an entry of `entryBytes` for each of the first `leaves` leaves of
 * the basic range, then of the extended one, then {@link CPUID_TABLE.subleaves} entries for subleaves. An entry is EAX, EBX, ECX,
 * EDX, and at `valid` 1 where they hold whatever the subleaf is. Where it is 0 the words that follow it say of how many subleaves, from 0
 * on, the answers are known, and where they begin in the table.
 */
export const CPUID_TABLE = {
  leaves: 32,
  subleaves: 32,
  entryBytes: 32,
  valid: 16,
  count: 20,
  first: 24,
  sizeBytes: 3072,
} as const;

/** EAX, EBX, ECX and EDX. */
type Answer = readonly [number, number, number, number];

/**
 * Fills a table: with the answer of a leaf that knows no subleaves, with those of the first subleaves, as far as there is room, or
 * with none.
 */
export const fillCpuidTable = (
  view: DataView,
  at: number,
  answersOf: (leaf: number) => readonly Answer[],
): void => {
  const { leaves, subleaves, entryBytes, valid, count, first } = CPUID_TABLE;
  const put = (index: number, answer: Answer): void =>
    answer.forEach((word, position) => {
      view.setUint32(at + index * entryBytes + 4 * position, word, true);
    });
  const behind = 2 * leaves;
  let used = 0;
  for (let index = 0; index < behind; index++) {
    const entry = at + index * entryBytes;
    const answers = answersOf(index < leaves ? index : 0x8000_0000 + index - leaves);
    const [only] = answers;
    const isOnly = only !== undefined && answers.length === 1;
    const known = isOnly ? [] : answers.slice(0, subleaves - used);
    if (isOnly) put(index, only);
    view.setUint32(entry + valid, isOnly ? 1 : 0, true);
    view.setUint32(entry + count, known.length, true);
    view.setUint32(entry + first, (behind + used) * entryBytes, true);
    for (const answer of known) put(behind + used++, answer);
  }
};
