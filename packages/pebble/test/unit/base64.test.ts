import { describe, expect, it } from "vitest";
import { decodeBase64 } from "../../src/internal/base64.ts";

describe("decodeBase64", () => {
  it("agrees with Node for every length and byte", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length) & 0xff);
      expect(decodeBase64(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
    }
  });

  it("refuses what is not base64", () => {
    expect(() => decodeBase64("QU?D")).toThrow(RangeError);
  });
});
