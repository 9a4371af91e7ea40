import { type BlockRequest, type BlockStatus, type BlockStore, SECTOR_BYTES } from "../block-store.ts";

/** A store under test, writable, of at least 64 sectors. */
export interface BlockStoreSubject {
  readonly store: BlockStore;
  /** Lets everything run that answers requests. Nothing to do for stores that answer at once. */
  readonly settle: () => void;
}

/** One sentence of the contract, and a check of it. The check throws when the law is broken. */
export interface BlockStoreLaw {
  readonly name: string;
  readonly check: (subject: BlockStoreSubject) => void;
}

/** Carries a request out. @returns its status; "unanswered" and "answered twice" are breaches of the contract. */
export const performRequest = (
  { store, settle }: BlockStoreSubject,
  request: BlockRequest,
): BlockStatus | "unanswered" | "answered twice" => {
  const answers: BlockStatus[] = [];
  store.submit(request, (status) => answers.push(status));
  settle();
  return answers.length > 1 ? "answered twice" : (answers[0] ?? "unanswered");
};

const expectEqual = (actual: unknown, expected: unknown): void => {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
};

const pattern = (sectorCount: number, start: number): Uint8Array =>
  Uint8Array.from({ length: sectorCount * SECTOR_BYTES }, (_unused, index) => (start + index * 31) % 251);

const readSectors = (subject: BlockStoreSubject, sector512: number, sectorCount: number): number[] => {
  const into = new Uint8Array(sectorCount * SECTOR_BYTES);
  expectEqual(performRequest(subject, { kind: "read", sector512, into }), "ok");
  return [...into];
};
const writeSectors = (subject: BlockStoreSubject, sector512: number, from: Uint8Array): void =>
  expectEqual(performRequest(subject, { kind: "write", sector512, from }), "ok");

/** Laws of every {@link BlockStore}. */
export const BLOCK_STORE_LAWS: readonly BlockStoreLaw[] = [
  {
    name: "what is written is read back, and nothing beside it changes",
    check: (subject): void => {
      writeSectors(subject, 0, pattern(16, 1));
      writeSectors(subject, 5, pattern(3, 99));
      const expected = pattern(16, 1);
      expected.set(pattern(3, 99), 5 * SECTOR_BYTES);
      expectEqual(readSectors(subject, 0, 16), [...expected]);
    },
  },
  {
    name: "the last sector can be used, and nothing beyond it",
    check: (subject): void => {
      const last = subject.store.sectorCount - 1;
      writeSectors(subject, last, pattern(1, 7));
      expectEqual(readSectors(subject, last, 1), [...pattern(1, 7)]);
      const two = new Uint8Array(2 * SECTOR_BYTES);
      expectEqual(performRequest(subject, { kind: "read", sector512: last, into: two }), "io-error");
      expectEqual(performRequest(subject, { kind: "write", sector512: last, from: two }), "io-error");
      expectEqual(performRequest(subject, { kind: "write", sector512: 2 ** 50, from: two }), "io-error");
      expectEqual(readSectors(subject, last, 1), [...pattern(1, 7)]);
    },
  },
  {
    name: "requests that are submitted together are each answered once",
    check: ({ store, settle }): void => {
      const answers = new Array<number>(40).fill(0);
      for (const index of answers.keys()) {
        const data = new Uint8Array(SECTOR_BYTES);
        const request: BlockRequest =
          index % 2 === 0
            ? { kind: "read", sector512: index, into: data }
            : { kind: "write", sector512: index, from: data };
        store.submit(request, () => {
          answers[index] = (answers[index] ?? 0) + 1;
        });
      }
      settle();
      expectEqual(
        answers,
        answers.map(() => 1),
      );
    },
  },
  {
    name: "a request from within an answer is served",
    check: ({ store, settle }): void => {
      let second: BlockStatus | null = null;
      store.submit({ kind: "flush" }, () => {
        store.submit({ kind: "flush" }, (status) => {
          second = status;
        });
      });
      settle();
      expectEqual(second, "ok");
    },
  },
  {
    name: "discard works where it is offered, is unsupported elsewhere, and leaves the neighbours alone",
    check: (subject): void => {
      writeSectors(subject, 8, pattern(4, 3));
      const status = performRequest(subject, { kind: "discard", sector512: 9, sectorCount: 2 });
      expectEqual(status, subject.store.canDiscard ? "ok" : "unsupported");
      expectEqual(readSectors(subject, 8, 1), [...pattern(4, 3).subarray(0, SECTOR_BYTES)]);
      expectEqual(readSectors(subject, 11, 1), [...pattern(4, 3).subarray(3 * SECTOR_BYTES)]);
    },
  },
];
