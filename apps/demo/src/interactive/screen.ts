import type { ReadStream, WriteStream } from "node:tty";
import { ansiText } from "../view/line.ts";
import type { Frame, ScreenSize } from "../view/view.ts";

const ENTER = "\x1b[?1049h\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ERASE_TO_END_OF_LINE = "\x1b[K";

/** What the screen needs of a process's terminal. */
export interface ScreenOptions {
  readonly output: Pick<WriteStream, "write" | "rows" | "columns">;
  /** Null: there is no keyboard. */
  readonly input: Pick<ReadStream, "setRawMode"> | null;
  readonly colors: boolean;
}

/** A terminal's second screen, and its keyboard in raw mode. */
export interface Screen {
  readonly size: ScreenSize;
  /** Shows a frame; only lines that changed are written. */
  draw(frame: Frame): void;
  /** The next frame is drawn as a whole. */
  invalidate(): void;
  /** Gives the terminal back as it was. Harmless when repeated. */
  close(): void;
}

const moveTo = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

/** Takes over the terminal until {@link Screen.close}. */
export const openScreen = ({ output, input, colors }: ScreenOptions): Screen => {
  let shown: readonly string[] = [];
  let isOpen = true;
  input?.setRawMode(true);
  output.write(ENTER);

  return {
    get size() {
      return { rows: output.rows, columns: output.columns };
    },
    draw: ({ lines, cursor }) => {
      if (!isOpen) return;
      const next = Array.from({ length: output.rows }, (_, row) => ansiText(lines[row] ?? [], colors));
      const changes = next.map((text, row) =>
        // Erased before it is written: a line as wide as the screen leaves the cursor on its last character.
        text === shown[row] ? "" : `${moveTo(row, 0)}${ERASE_TO_END_OF_LINE}${text}`,
      );
      const place = cursor === null ? "" : `${moveTo(cursor.row, cursor.column)}${SHOW_CURSOR}`;
      output.write(`${HIDE_CURSOR}${changes.join("")}${place}`);
      shown = next;
    },
    invalidate: () => {
      shown = [];
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      output.write(LEAVE);
      input?.setRawMode(false);
    },
  };
};
