/** A few instructions as bytes, enough for guests of tests. Each function gives one instruction. */

/** Four bytes, lowest first. */
export const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

const REGISTERS = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;

/** Name of a general register. */
export type Register = keyof typeof REGISTERS;

/** `mov $value, %register` */
export const movImmediate = (register: Register, value: number): number[] => [
  0xb8 + REGISTERS[register],
  ...dword(value),
];

/** `mov %register, address` */
export const store = (register: Register, address: number): number[] => [
  0x89,
  0x05 | (REGISTERS[register] << 3),
  ...dword(address),
];

/** `mov address, %register` */
export const load = (register: Register, address: number): number[] => [
  0x8b,
  0x05 | (REGISTERS[register] << 3),
  ...dword(address),
];

/** `push $value` */
export const pushImmediate = (value: number): number[] => [0x68, ...dword(value)];

/** `int $vector` */
export const int = (vector: number): number[] => [0xcd, vector];

/** A hypercall with up to five arguments. */
export const hypercall = (number: number, ...args: readonly number[]): number[] => [
  ...args.flatMap((value, index) =>
    movImmediate((["ebx", "ecx", "edx", "esi", "edi"] as const)[index] ?? "edi", value),
  ),
  ...movImmediate("eax", number),
  ...int(0x82),
];

/** `jmp .` */
export const spin: readonly number[] = [0xeb, 0xfe];

/** `iret` */
export const iret: readonly number[] = [0xcf];
