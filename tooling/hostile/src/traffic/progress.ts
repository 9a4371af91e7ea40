/** How far one kind of traffic has come. */
export interface Progress {
  /** What it is, in the plural. */
  readonly what: string;
  readonly done: number;
  readonly wanted: number;
  /** Further figures for people. */
  readonly details: Readonly<Record<string, number>>;
}
