import { dword, type Register } from "@xenolith/system-tests/hypervisor";

/** Code that both machines run. */

/** `incl address`: counts an operation. */
export const count = (counter: number): readonly number[] => [0xff, 0x05, ...dword(counter)];

/** Goes back to the first of some instructions, for ever. */
export const forever = (...instructions: readonly (readonly number[])[]): readonly number[] => {
  const code = instructions.flat();
  return [...code, 0xe9, ...dword(-(code.length + 5))];
};

/** `mov (%ebx), %al`, of two bytes. */
export const touch: readonly number[] = [0x8a, 0x03];

/** A handler of faults with an error code that goes on behind an instruction of two bytes. */
export const skipInstruction: readonly number[] = [
  ...[0x83, 0x44, 0x24, 0x04, 0x02], // addl $2, 4(%esp)
  ...[0x83, 0xc4, 0x04, 0xcf], // addl $4, %esp; iret
];

/** A million turns of arithmetic on registers and on a page that EDI points to; then the turn is counted. */
export const compute = (counter: number): readonly number[] =>
  forever(
    [0xbe, ...dword(1_000_000)], // mov $1000000, %esi
    [0x69, 0xc0, ...dword(1_664_525)], // imul $1664525, %eax, %eax
    [0x05, ...dword(1_013_904_223)], // add $1013904223, %eax
    [0xc1, 0xc3, 0x07, 0x31, 0xc3], // rol $7, %ebx; xor %eax, %ebx
    [0x89, 0xc2, 0xc1, 0xea, 0x16], // mov %eax, %edx; shr $22, %edx
    [0x01, 0x1c, 0x97], // add %ebx, (%edi,%edx,4)
    [0x03, 0x0c, 0x97], // add (%edi,%edx,4), %ecx
    [0x4e, 0x75, 0xe2], // dec %esi; jnz back to imul
    count(counter),
  );

/** The register that {@link compute} expects to point to a page. */
export const COMPUTE_PAGE: Register = "edi";
