/** Code of an attacker at each of its entry points, without the jump to where it goes on. */
export interface ProgramParts {
  readonly loop: readonly number[];
  readonly continuation: readonly number[];
  readonly recover: readonly number[];
  readonly event: readonly number[];
  readonly park: readonly number[];
}

/** Four bytes, lowest first. */
export const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** `jmp to` as an instruction at `from`. */
export const jump = (from: number, to: number): number[] => [0xe9, ...dword(to - (from + 5))];
