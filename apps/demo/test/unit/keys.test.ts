import { describe, expect, it } from "vitest";
import { readKeys } from "../../src/interactive/keys.ts";

const keysOf = (input: string): (string | { text: string })[] =>
  readKeys(new TextEncoder().encode(input)).map((key) =>
    key.kind === "text" ? { text: new TextDecoder().decode(key.bytes) } : key.kind,
  );

describe("the keyboard", () => {
  it("passes text on as it is, with its returns and deletions", () => {
    expect(keysOf("lsx\x7f\rä")).toEqual([{ text: "lsx\x7f\rä" }]);
  });

  it("chooses domains with Tab, Ctrl+] and Shift+Tab", () => {
    expect(keysOf("\t\x1d\x1b[Z")).toEqual(["next", "next", "previous"]);
  });

  it("ends with Ctrl+C", () => {
    expect(keysOf("\x03")).toEqual(["quit"]);
  });

  it("keeps the order of text and other keys", () => {
    expect(keysOf("a\tb\x03")).toEqual([{ text: "a" }, "next", { text: "b" }, "quit"]);
  });

  it("leaves out arrow and function keys", () => {
    expect(keysOf("a\x1b[A\x1bOP\x1b[15~\x1b[1;5Cb")).toEqual([{ text: "ab" }]);
  });

  it("passes a lone Escape on", () => {
    expect(keysOf("\x1b")).toEqual([{ text: "\x1b" }]);
  });
});
