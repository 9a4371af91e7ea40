import { createTraceRecorder } from "@xenolith/trace";
import { DOMID_INVALID } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { FRAME_TABLE_TRACE, FRAME_TYPE } from "../../src/index.ts";
import { createFixture, DOM1, first } from "../support/fixture.ts";

describe("the trace", () => {
  it("tells of owners and types as they change", () => {
    const trace = createTraceRecorder(16, () => 0);
    const { frames, take } = createFixture({ trace });
    trace.setOn(true);
    const frame = first(take(DOM1, 1));
    frames.getPageAndType(frame, DOM1, FRAME_TYPE.writable);
    frames.putPageAndType(frame);
    frames.release(DOM1, frame);
    expect(trace.records().map(({ event, values }) => [event, ...values])).toEqual([
      [FRAME_TABLE_TRACE.owner, frame, DOM1],
      [FRAME_TABLE_TRACE.type, frame, DOM1, FRAME_TYPE.none, FRAME_TYPE.writable],
      [FRAME_TABLE_TRACE.owner, frame, DOMID_INVALID],
    ]);
  });
});
