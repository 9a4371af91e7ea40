/** What a piece of keyboard input means to the view. `text` is for whoever has the keyboard. */
export type Key =
  | { readonly kind: "next" }
  | { readonly kind: "previous" }
  | { readonly kind: "quit" }
  | { readonly kind: "text"; readonly bytes: Uint8Array };

const CONTROL_C = 0x03;
const TAB = 0x09;
const CONTROL_BRACKET = 0x1d;
const ESCAPE = 0x1b;
const SHIFT_TAB = "[Z";

/** Length of the escape sequence that a terminal sends for one key, or 0: a lone Escape. */
const sequenceLength = (rest: string): number =>
  /^(?:\[[0-?]*[ -/]*[@-~]|O[@-~])/.exec(rest)?.[0].length ?? 0;

/**
 * Takes input of a raw terminal apart. Tab and Ctrl+] choose the next domain, Shift+Tab the one before, Ctrl+C ends. What
 * arrow and function keys send is left out: consoles that know only characters would show it as litter.
 */
export const readKeys = (input: Uint8Array): Key[] => {
  const keys: Key[] = [];
  const text: number[] = [];
  const add = (key: Key): void => {
    if (text.length > 0) keys.push({ kind: "text", bytes: Uint8Array.from(text.splice(0)) });
    if (key.kind !== "text") keys.push(key);
  };
  for (let at = 0; at < input.length; at++) {
    const byte = input[at] ?? 0;
    if (byte === CONTROL_C) add({ kind: "quit" });
    else if (byte === TAB || byte === CONTROL_BRACKET) add({ kind: "next" });
    else if (byte === ESCAPE) {
      const rest = String.fromCharCode(...input.subarray(at + 1, at + 17));
      const length = sequenceLength(rest);
      if (length === 0) text.push(byte);
      else if (rest.startsWith(SHIFT_TAB)) add({ kind: "previous" });
      at += length;
    } else text.push(byte);
  }
  if (text.length > 0) keys.push({ kind: "text", bytes: Uint8Array.from(text) });
  return keys;
};
