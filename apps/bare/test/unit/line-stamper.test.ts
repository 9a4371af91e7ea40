import { describe, expect, it } from "vitest";
import { LineStamper } from "../../src/line-stamper.ts";

const stamp = (text: string, end = true): string[] => {
  const pieces: string[] = [];
  let now = 0;
  const stamper = new LineStamper(
    (bytes) => pieces.push(new TextDecoder().decode(bytes)),
    () => {
      now += 1.5;
      return now;
    },
  );
  for (const character of text) stamper.send(character.charCodeAt(0));
  if (end) stamper.end();
  return pieces;
};

describe("serial output", () => {
  it("gets a time at the end of lines that begin with S or E and a space, and of no others", () => {
    expect(stamp("S one\nE two\nSE\nx S\n\nS\nE \n").join("")).toBe(
      "S one t=1.5000\nE two t=3.0000\nSE\nx S\n\nS\nE  t=4.5000\n",
    );
  });

  it("leaves at once, but for marked lines, which wait for their end", () => {
    expect(stamp("login: ", false).join("")).toBe("login: ");
    expect(stamp("S half", false)).toEqual([]);
  });

  it("leaves in the end whatever it was", () => {
    expect(stamp("S half").join("")).toBe("S half");
  });
});
