import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { FRAME_RECORD_FLAG, FRAME_RECORD_TYPE, FRAME_RECORDS } from "@xenolith/x86-architecture";
import { expect, test } from "vitest";
import { FRAME_TYPE } from "../../src/index.ts";
import { FRAME_FLAG } from "../../src/internal/frame-store.ts";
import { createFixture, DOM1 } from "../support/fixture.ts";

test("the numbers that the processor knows are those of the table", () => {
  expect(FRAME_TYPE).toMatchObject(FRAME_RECORD_TYPE);
  expect([FRAME_FLAG.validated, FRAME_FLAG.lastSlot]).toEqual([
    FRAME_RECORD_FLAG.validated,
    FRAME_RECORD_FLAG.bound,
  ]);
});

test("what is known of frames lies where the processor looks for it", () => {
  const memory = createFakeMemory({ frameCount: 512, reserveBytes: 1 << 16 });
  const recordsAt = memory.reserve(512 * FRAME_RECORDS.bytesPerFrame);
  const { frames, buildSpace } = createFixture({ memory, recordsAt });
  const { root, level1, pages } = buildSpace(DOM1, 4);
  expect(frames.pin(DOM1, root, 3)).toBe(0);
  const at = (field: "references" | "uses" | "owner" | "type" | "flags"): number =>
    recordsAt + 512 * FRAME_RECORDS[field];
  for (const frame of [root, level1, ...pages]) {
    const known = frames.describe(frame);
    expect(memory.view.getUint32(at("references") + 4 * frame, true)).toBe(known?.count);
    expect(memory.view.getUint32(at("uses") + 4 * frame, true)).toBe(known?.typeCount);
    expect(memory.view.getUint16(at("owner") + 2 * frame, true)).toBe(known?.owner);
    expect(memory.view.getUint8(at("type") + frame)).toBe(known?.type);
    const isValidated = (memory.view.getUint8(at("flags") + frame) & FRAME_RECORD_FLAG.validated) !== 0;
    expect(isValidated).toBe(known?.validated);
  }
  expect(frames.checkInvariants()).toEqual([]);
});
