import type { BlockStatus, BlockStore } from "@xenolith/backend-interface";
import { createFakeHost } from "@xenolith/domain-interface/testing";
import { describe, expect, it } from "vitest";
import { createHolds } from "../../src/holds.ts";
import { createTimedStore } from "../../src/timed-store.ts";

const timing = { accessNs: 100, perByteNs: 1, flushNs: 1000 };

/** A store whose answers come when the test says. */
const slowStore = () => {
  const answers: ((status: BlockStatus) => void)[] = [];
  const store: BlockStore = {
    sectorCount: 8,
    readOnly: false,
    canDiscard: false,
    submit: (_request, done) => answers.push(done),
    close: async () => {},
  };
  return { store, answers };
};

describe("timed store", () => {
  it("completes at the modelled time, however early the medium answers", () => {
    const host = createFakeHost();
    const { store, answers } = slowStore();
    const timed = createTimedStore(store, host.domain(0).timers, createHolds(), timing);
    const completed: number[] = [];
    timed.submit({ kind: "read", sector512: 0, into: new Uint8Array(512) }, () =>
      completed.push(host.domain(0).timers.now()),
    );
    timed.submit({ kind: "flush" }, () => completed.push(host.domain(0).timers.now()));
    for (const answer of answers) answer("ok");
    expect(completed).toEqual([]);
    host.advance(10_000);
    expect(completed).toEqual([612, 1612]);
  });

  it("holds time at the modelled completion until a late answer is there", async () => {
    const host = createFakeHost();
    const { store, answers } = slowStore();
    const holds = createHolds();
    const timed = createTimedStore(store, host.domain(0).timers, holds, timing);
    const statuses: BlockStatus[] = [];
    timed.submit({ kind: "flush" }, (status) => statuses.push(status));
    host.advance(1000);
    expect([holds.count, statuses.length]).toEqual([1, 0]);
    answers[0]?.("io-error");
    await holds.released();
    expect([holds.count, statuses]).toEqual([0, ["io-error"]]);
  });
});
