import { describe, expect, it } from "vitest";
import { createConsoleText } from "../../src/model/console-text.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const linesAfter = (...pieces: string[]): readonly string[] => {
  const text = createConsoleText();
  for (const piece of pieces) text.feed(bytes(piece));
  return text.lines;
};

describe("a console's text", () => {
  it("begins with an empty line", () => {
    expect(createConsoleText().lines).toEqual([""]);
  });

  it("breaks lines at line feeds, with or without a return before them", () => {
    expect(linesAfter("one\r\ntwo\nthree")).toEqual(["one", "two", "three"]);
  });

  it("writes over a line after a return", () => {
    expect(linesAfter("10 %\r20")).toEqual(["20 %"]);
  });

  it("erases as line editors do: back, a blank, back", () => {
    const text = createConsoleText();
    text.feed(bytes("lsx\b \b"));
    expect(text.lines).toEqual(["ls "]);
    expect(text.column).toBe(2);
  });

  it("moves to the next multiple of eight at a tab", () => {
    expect(linesAfter("a\tb\t\tc")).toEqual(["a       b               c"]);
  });

  it("swallows escape sequences, also cut ones", () => {
    expect(linesAfter("\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;x\x1b\\link\x1b(B.")).toEqual([
      "red linkB.",
    ]);
    expect(linesAfter("a\x1b", "[2", "Jb")).toEqual(["ab"]);
  });

  it("gives an unfinished sequence up at the end of the line", () => {
    expect(linesAfter("\x1b]0;for ever\nand on")).toEqual(["", "and on"]);
  });

  it("puts characters together that come in pieces", () => {
    const text = createConsoleText();
    for (const byte of bytes("größe │")) text.feed(Uint8Array.of(byte));
    expect(text.lines).toEqual(["größe │"]);
  });

  it("shows a question mark for what may not be one column wide", () => {
    expect(linesAfter("漢\u0301\u202e\u200b\u{1f5ff}")).toEqual(["?????"]);
  });

  it("leaves out control characters of either half of the table", () => {
    expect(linesAfter("a\x00\x07\x7f\x9bb")).toEqual(["ab"]);
  });

  it("tells a change by its revision", () => {
    const text = createConsoleText();
    const before = text.revision;
    text.feed(bytes("x"));
    expect(text.revision).toBeGreaterThan(before);
  });
});
