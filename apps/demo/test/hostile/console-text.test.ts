import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createConsoleText } from "../../src/model/console-text.ts";

const ESCAPES = [
  "\x1b",
  "\x1b[",
  "\x1b]",
  "\x1bP",
  "\x9b",
  "\b",
  "\r",
  "\n",
  "\t",
  "7",
  "H",
  "m",
  "\x07",
  "ä",
  "漢",
];

describe("a console whose domain writes whatever it likes", () => {
  it("shows nothing but characters of one column, in lines of bounded length", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(...ESCAPES).map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = createConsoleText();
        for (const bytes of pieces) text.feed(bytes);
        expect(text.lines.length).toBeGreaterThan(0);
        for (const line of text.lines) {
          expect(line).toMatch(/^[\x20-\x7e\xa1-\xac\xae-\xff\u2010-\u2027\u2500-\u25ff]*$/);
          expect(line.length).toBeLessThanOrEqual(500);
        }
        expect(text.column).toBeLessThanOrEqual(500);
      }),
    );
  });

  it("keeps a bounded number of lines", () => {
    const text = createConsoleText();
    text.feed(new TextEncoder().encode("x".repeat(100_000)));
    text.feed(new TextEncoder().encode("\n".repeat(100_000)));
    expect(text.lines.length).toBe(1000);
  });
});
