/** How a piece of text looks. A colour is an index of the 256-colour palette. */
export interface Style {
  readonly color?: number;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
}

/** A piece of text, every character one column wide, without control characters. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** A line of the screen. */
export type Line = readonly Span[];

const RESET = "\x1b[0m";

const codesOf = ({ color, bold, dim, inverse }: Style, colors: boolean): string =>
  [
    bold === true ? "1" : "",
    dim === true ? "2" : "",
    inverse === true ? "7" : "",
    color !== undefined && colors ? `38;5;${color}` : "",
  ]
    .filter((code) => code !== "")
    .join(";");

/** Cuts a line to a width. */
export const clipLine = (line: Line, width: number): Line => {
  let room = width;
  return line.flatMap((span) => {
    const text = span.text.slice(0, Math.max(0, room));
    room -= text.length;
    return text === "" ? [] : [{ ...span, text }];
  });
};

/** A line's text. */
export const plainText = (line: Line): string => line.map(({ text }) => text).join("");

/** A line as a terminal takes it, with every style ended. Without `colors` only bold, dim and inverse are used. */
export const ansiText = (line: Line, colors: boolean): string =>
  line
    .map(({ text, style }) => {
      const codes = style === undefined ? "" : codesOf(style, colors);
      return codes === "" ? text : `\x1b[${codes}m${text}${RESET}`;
    })
    .join("");
