import { REGISTER, SEGMENT, type VcpuContext } from "@xenolith/x86-architecture";
import type { Vcpu } from "../vcpu.ts";

const STACK_WORDS = 32;
const WORDS_PER_LINE = 8;

const hex32 = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
const hex64 = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, "0");
const hex16 = (value: number): string => (value & 0xffff).toString(16).padStart(4, "0");
/** A linear address of either width; 64-bit ones are sign-extended numbers. */
const hexAddress = (value: number, wide: boolean): string => (wide ? hex64(BigInt(value)) : hex32(value));

const generalRegisters = (context: VcpuContext, wide: boolean): string[] => {
  const rows: [string, number][][] = wide
    ? [
        [
          ["rax", REGISTER.rax],
          ["rbx", REGISTER.rbx],
          ["rcx", REGISTER.rcx],
        ],
        [
          ["rdx", REGISTER.rdx],
          ["rsi", REGISTER.rsi],
          ["rdi", REGISTER.rdi],
        ],
        [
          ["rbp", REGISTER.rbp],
          ["rsp", REGISTER.rsp],
          ["r8 ", REGISTER.r8],
        ],
        [
          ["r9 ", REGISTER.r9],
          ["r10", REGISTER.r10],
          ["r11", REGISTER.r11],
        ],
        [
          ["r12", REGISTER.r12],
          ["r13", REGISTER.r13],
          ["r14", REGISTER.r14],
        ],
        [["r15", REGISTER.r15]],
      ]
    : [
        [
          ["eax", REGISTER.rax],
          ["ebx", REGISTER.rbx],
          ["ecx", REGISTER.rcx],
          ["edx", REGISTER.rdx],
        ],
        [
          ["esi", REGISTER.rsi],
          ["edi", REGISTER.rdi],
          ["ebp", REGISTER.rbp],
          ["esp", REGISTER.rsp],
        ],
      ];
  return rows.map((row) =>
    row
      .map(([name, index]) => {
        const value = wide ? hex64(context.wideRegister(index)) : hex32(context.register(index));
        return `${name} ${value}`;
      })
      .join("  "),
  );
};

const stackLines = (vcpu: Vcpu, context: VcpuContext, wide: boolean): string[] => {
  const top = wide
    ? Number(BigInt.asIntN(64, context.wideRegister(REGISTER.rsp)))
    : (context.segment(SEGMENT.ss).base + context.register(REGISTER.rsp)) >>> 0;
  const words: string[] = [];
  for (let index = 0; index < STACK_WORDS; index++) {
    const word = vcpu.guestMemory.readUint32(top + 4 * index);
    if (word === null) break;
    words.push(hex32(word));
  }
  if (words.length === 0) return ["stack: not readable"];
  const lines: string[] = [];
  for (let index = 0; index < words.length; index += WORDS_PER_LINE) {
    lines.push(
      `${index === 0 ? "stack:" : "      "} ${words.slice(index, index + WORDS_PER_LINE).join(" ")}`,
    );
  }
  return lines;
};

/** Registers and the top of the stack of a VCPU for people: one line per group, without a line end at the end. */
export const dumpRegisters = (vcpu: Vcpu): string => {
  const { x86, domain } = vcpu;
  const name = `domain ${domain.id} vcpu ${vcpu.index}`;
  if (x86 === null) return `${name}: no processor context`;
  const { context } = x86;
  const wide = domain.width === "x86_64";
  const selector = (index: number): string => hex16(context.segment(index).selector);
  return [
    `${name} (${domain.width}, ring ${context.privilege})`,
    `${wide ? "rip" : "eip"} ${selector(SEGMENT.cs)}:${hexAddress(context.instructionPointer, wide)}  flags ${hex32(context.flags)}`,
    ...generalRegisters(context, wide),
    `ss ${selector(SEGMENT.ss)}  ds ${selector(SEGMENT.ds)}  es ${selector(SEGMENT.es)}  fs ${selector(SEGMENT.fs)}  gs ${selector(SEGMENT.gs)}`,
    `cr0 ${hex32(vcpu.cr0)}  cr2 ${hexAddress(vcpu.cr2, wide)}  base frame ${vcpu.pageTableBase ?? "none"}  cr4 ${hex32(vcpu.cr4)}`,
    ...stackLines(vcpu, context, wide),
  ].join("\n");
};
