// terminal-picture.mjs TITLE < SCREEN > PICTURE.svg: draws a terminal's screen, text with its colours, as a picture.
//
// The screen is what a terminal multiplexer captures. The picture of the demo in the README was made like this:
//
//   tmux new-session -d -s picture -x 88 -y 26 'npm run demo:only'; sleep 12
//   tmux capture-pane -e -p -t picture | node tooling/scripts/terminal-picture.mjs 'npm run demo' > docs/pictures/demo.svg
//   tmux send-keys -t picture C-c
import { readFileSync } from "node:fs";

const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const FONT_SIZE = 14;
const MARGIN = 14;
const TITLE_HEIGHT = 34;
const BACKGROUND = "#0C0F14";
const FRAME = "#1E252F";
const INK = "#EBEFF4";
const FAINT_INK = "#8793A1";
/** Levels of red, green and blue in the colour cube of 256-colour terminals. */
const CUBE_LEVELS = [0, 95, 135, 175, 215, 255];

/**
 * A run of characters that look alike.
 * @typedef {object} Run
 * @property {string} text
 * @property {number} column
 * @property {string} color
 * @property {boolean} bold
 */

/** Colour 16 to 255 of a 256-colour terminal. @param {number} index @returns {string} */
function paletteColor(index) {
  if (index >= 232) {
    const level = 8 + (index - 232) * 10;
    return `rgb(${level},${level},${level})`;
  }
  const cube = index - 16;
  const levels = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6];
  return `rgb(${levels.map((level) => CUBE_LEVELS[level] ?? 0).join(",")})`;
}

/** Splits a captured line into runs. @param {string} line @param {{ color: string, bold: boolean, faint: boolean }} pen kept from line to line @returns {Run[]} */
function runsOf(line, pen) {
  /** @type {Run[]} */
  const runs = [];
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what this reads
  for (const [, codes, text] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (text !== undefined) {
      runs.push({ text, column, color: pen.faint ? FAINT_INK : pen.color, bold: pen.bold });
      column += text.length;
      continue;
    }
    const list = (codes ?? "").split(";").map(Number);
    for (let at = 0; at < list.length; at++) {
      const code = list[at];
      if (code === 0) Object.assign(pen, { color: INK, bold: false, faint: false });
      else if (code === 1) pen.bold = true;
      else if (code === 2) pen.faint = true;
      else if (code === 22) Object.assign(pen, { bold: false, faint: false });
      else if (code === 39) pen.color = INK;
      else if (code === 38 && list[at + 1] === 5) {
        pen.color = paletteColor(list[at + 2] ?? 0);
        at += 2;
      }
    }
  }
  return runs;
}

/** @param {string} text */
const escapeXml = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** @param {number} value */
const round = (value) => String(Math.round(value * 100) / 100);

/**
 * Blocks and lines are drawn as shapes, so that they join whatever the reader's font is.
 * @param {string} character @param {number} x @param {number} y top of the cell @param {string} color
 */
function shapeOf(character, x, y, color) {
  const code = character.codePointAt(0) ?? 0;
  /** @type {(dx: number, dy: number, width: number, height: number) => string} */
  const rectangle = (dx, dy, width, height) =>
    `<rect x="${round(x + dx)}" y="${round(y + dy)}" width="${round(width)}" height="${round(height)}" fill="${color}"/>`;
  if (code >= 0x2588 && code <= 0x258f) {
    return rectangle(0, 3, (CELL_WIDTH * (0x2590 - code)) / 8 + 0.2, CELL_HEIGHT - 5);
  }
  if (character === "─") return rectangle(0, CELL_HEIGHT / 2, CELL_WIDTH + 0.2, 1);
  if (character === "│") return rectangle(CELL_WIDTH / 2, 0, 1, CELL_HEIGHT);
  return "";
}

/** @param {Run} run @param {number} row @returns {string} */
function draw(run, row) {
  const y = TITLE_HEIGHT + row * CELL_HEIGHT;
  const x = MARGIN + run.column * CELL_WIDTH;
  const shapes = [...run.text].map((character, index) =>
    shapeOf(character, x + index * CELL_WIDTH, y, run.color),
  );
  const letters = [...run.text].map((character, index) => (shapes[index] === "" ? character : " ")).join("");
  if (letters.trim() === "") return shapes.join("");
  const lead = letters.length - letters.trimStart().length;
  const word = letters.trim();
  const weight = run.bold ? ' font-weight="bold"' : "";
  const place = `x="${round(x + lead * CELL_WIDTH)}" y="${round(y + CELL_HEIGHT - 5)}"`;
  const length = `textLength="${round(word.length * CELL_WIDTH)}"`;
  return `${shapes.join("")}<text ${place} ${length} fill="${run.color}"${weight}>${escapeXml(word)}</text>`;
}

/** A captured screen as SVG. @param {string} screen @param {string} title @returns {string} */
function pictureOf(screen, title) {
  const lines = screen.replace(/\n$/, "").split("\n");
  const pen = { color: INK, bold: false, faint: false };
  const rows = lines.map((line) => runsOf(line, pen));
  const columns = Math.max(
    ...rows.map((runs) => runs.reduce((end, run) => Math.max(end, run.column + run.text.length), 0)),
  );
  const width = round(2 * MARGIN + columns * CELL_WIDTH);
  const height = TITLE_HEIGHT + lines.length * CELL_HEIGHT + MARGIN;
  const body = rows
    .map((runs, row) => runs.map((run) => draw(run, row)).join(""))
    .filter((text) => text !== "");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
<path d="M0 8a8 8 0 0 1 8-8h${round(Number(width) - 16)}a8 8 0 0 1 8 8v16H0z" fill="${FRAME}"/>
<g font-family="ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT_SIZE}" xml:space="preserve">
<text x="${MARGIN}" y="17" fill="${FAINT_INK}" font-size="12">${escapeXml(title)}</text>
${body.join("\n")}
</g>
</svg>
`;
}

process.stdout.write(pictureOf(readFileSync(0, "utf8"), process.argv[2] ?? ""));
