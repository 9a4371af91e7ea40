import { describe, expect, it } from "vitest";
import { openScreen } from "../../src/interactive/screen.ts";
import type { Frame } from "../../src/view/view.ts";

const setUp = (colors = true) => {
  let written = "";
  const modes: boolean[] = [];
  const output = {
    rows: 3,
    columns: 20,
    write: (text: string | Uint8Array) => {
      written += String(text);
      return true;
    },
  };
  const input = {
    setRawMode: (mode: boolean) => {
      modes.push(mode);
      return input as never;
    },
  };
  const screen = openScreen({ output, input, colors });
  const take = (): string => {
    const text = written;
    written = "";
    return text;
  };
  return { screen, take, modes };
};

const frame = (...texts: string[]): Frame => ({ lines: texts.map((text) => [{ text }]), cursor: null });

describe("the terminal", () => {
  it("is taken over with a screen of its own and raw keys, and given back once", () => {
    const { screen, take, modes } = setUp();
    expect(take()).toContain("\x1b[?1049h");
    screen.close();
    expect(take()).toBe("\x1b[?25h\x1b[?1049l");
    expect(modes).toEqual([true, false]);
    screen.close();
    screen.draw(frame("late"));
    expect(take()).toBe("");
    expect(modes).toEqual([true, false]);
  });

  it("is sent only the lines that changed", () => {
    const { screen, take } = setUp();
    screen.draw(frame("one", "two", "three"));
    take();
    screen.draw(frame("one", "2", "three"));
    const changed = take();
    expect(changed).toContain("\x1b[2;1H\x1b[K2");
    expect(changed).not.toContain("one");
    expect(changed).not.toContain("three");
  });

  it("is sent all lines after something else may have written on it", () => {
    const { screen, take } = setUp();
    screen.draw(frame("one", "two"));
    screen.invalidate();
    take();
    screen.draw(frame("one", "two"));
    expect(take()).toMatch(/one.*two/s);
  });

  it("clears what a shorter frame leaves", () => {
    const { screen, take } = setUp();
    screen.draw(frame("one", "two"));
    take();
    screen.draw(frame("one"));
    expect(take()).toContain("\x1b[2;1H\x1b[K");
  });

  it("shows the cursor where typing shows", () => {
    const { screen, take } = setUp();
    screen.draw({ ...frame("> "), cursor: { row: 0, column: 2 } });
    expect(take().endsWith("\x1b[1;3H\x1b[?25h")).toBe(true);
  });

  it("gets colours only where they are wanted", () => {
    const colored: Frame = { lines: [[{ text: "x", style: { color: 208, bold: true } }]], cursor: null };
    const withColors = setUp();
    withColors.screen.draw(colored);
    expect(withColors.take()).toContain("\x1b[1;38;5;208mx\x1b[0m");
    const without = setUp(false);
    without.screen.draw(colored);
    expect(without.take()).toContain("\x1b[1mx\x1b[0m");
  });
});
