/** Lines kept of one console. */
const MOST_LINES = 1000;
/** Columns after which a line is broken. */
const MOST_COLUMNS = 500;
const TAB_COLUMNS = 8;

/**
 * What a console says, as text that is safe to show: a domain decides which characters come, not what they do to the
 * terminal they are shown on. Line feeds, returns, backspaces and tabs are obeyed, escape sequences are swallowed, and
 * characters that a terminal may not show one column wide become `?`.
 */
export interface ConsoleText {
  /** Takes what the console wrote next; a character may be cut anywhere. */
  feed(bytes: Uint8Array): void;
  /** The last lines. The last one is what stands on the cursor's line, perhaps nothing. Never empty. */
  readonly lines: readonly string[];
  /** Column of the cursor on the last line. */
  readonly column: number;
  /** Grows with each change. */
  readonly revision: number;
}

type State = "text" | "escape" | "control-sequence" | "string" | "string-escape";

/** Whether every terminal shows it, one column wide: ASCII, Latin-1, dashes, quotes and bullets, box drawing and blocks. */
const isShowable = (code: number): boolean =>
  (code >= 0x20 && code < 0x7f) ||
  (code > 0xa0 && code <= 0xff && code !== 0xad) ||
  (code >= 0x2010 && code <= 0x2027) ||
  (code >= 0x2500 && code <= 0x25ff);

/** Makes the text of a console that has said nothing. */
export const createConsoleText = (): ConsoleText => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const lines: string[] = [""];
  let column = 0;
  let state: State = "text";
  let revision = 0;

  const breakLine = (): void => {
    lines.push("");
    if (lines.length > MOST_LINES) lines.shift();
    column = 0;
  };
  const put = (character: string): void => {
    if (column >= MOST_COLUMNS) breakLine();
    const line = lines[lines.length - 1] ?? "";
    lines[lines.length - 1] = line.slice(0, column) + character + line.slice(column + 1);
    column++;
  };
  const obey = (code: number): void => {
    if (code === 0x0a) breakLine();
    else if (code === 0x0d) column = 0;
    else if (code === 0x08) column = Math.max(0, column - 1);
    else if (code === 0x09) for (put(" "); column % TAB_COLUMNS !== 0; ) put(" ");
    else if (code === 0x1b) state = "escape";
  };

  const take = (character: string): void => {
    const code = character.codePointAt(0) ?? 0;
    // A new line always ends a sequence: an unfinished one must not silence the console.
    if (code === 0x0a) state = "text";
    switch (state) {
      case "text":
        if (isShowable(code)) put(character);
        else if (code < 0x20) obey(code);
        else if (code > 0xa0) put("?");
        break;
      case "escape":
        state = character === "[" ? "control-sequence" : /[\]PX^_]/.test(character) ? "string" : "text";
        break;
      case "control-sequence":
        if (code >= 0x40) state = "text";
        break;
      case "string":
        if (code === 0x07) state = "text";
        else if (code === 0x1b) state = "string-escape";
        break;
      case "string-escape":
        state = "text";
    }
  };

  return {
    feed: (bytes) => {
      for (const character of decoder.decode(bytes, { stream: true })) take(character);
      revision++;
    },
    lines,
    get column() {
      return column;
    },
    get revision() {
      return revision;
    },
  };
};
