import { REGISTER, type VcpuContext } from "@xenolith/x86-architecture";
import type { InstructionSet } from "./vector-file.ts";

/** A register by its name in the format. */
export interface NamedRegister {
  readonly name: string;
  get(context: VcpuContext): bigint;
  set(context: VcpuContext, value: bigint): void;
}

const LEGACY: readonly (readonly [string, number])[] = [
  ["ax", REGISTER.rax],
  ["cx", REGISTER.rcx],
  ["dx", REGISTER.rdx],
  ["bx", REGISTER.rbx],
  ["sp", REGISTER.rsp],
  ["bp", REGISTER.rbp],
  ["si", REGISTER.rsi],
  ["di", REGISTER.rdi],
];

const narrow = (name: string, index: number): NamedRegister => ({
  name,
  get: (context) => BigInt(context.register(index)),
  set: (context, value) => context.setRegister(index, Number(value)),
});

const wide = (name: string, index: number): NamedRegister => ({
  name,
  get: (context) => context.wideRegister(index),
  set: (context, value) => context.setWideRegister(index, value),
});

const GENERAL: Readonly<Record<InstructionSet, readonly NamedRegister[]>> = {
  i386: LEGACY.map(([name, index]) => narrow(`e${name}`, index)),
  amd64: [
    ...LEGACY.map(([name, index]) => wide(`r${name}`, index)),
    ...Array.from({ length: 8 }, (_, index) => wide(`r${index + 8}`, index + 8)),
  ],
};

const INTEGER: readonly NamedRegister[] = [
  {
    name: "fl",
    get: (context) => BigInt(context.flags),
    set: (context, value) => {
      context.flags = Number(value);
    },
  },
  {
    name: "ip",
    get: (context) => BigInt(context.instructionPointer),
    set: (context, value) => {
      context.instructionPointer = Number(value);
    },
  },
];

const word = (name: string, field: "control" | "status" | "tags" | "mxcsr"): NamedRegister => ({
  name,
  get: ({ floatingPoint }) => BigInt(floatingPoint[field]),
  set: ({ floatingPoint }, value) => {
    floatingPoint[field] = Number(value);
  },
});

const floatingPoint = (vectors: number): readonly NamedRegister[] => [
  word("fcw", "control"),
  word("fsw", "status"),
  word("ftw", "tags"),
  word("mxcsr", "mxcsr"),
  ...Array.from({ length: 8 }, (_, index) => ({
    name: `R${index}`,
    get: (context: VcpuContext) => context.floatingPoint.register(index),
    set: (context: VcpuContext, value: bigint) => context.floatingPoint.setRegister(index, value),
  })),
  ...Array.from({ length: vectors }, (_, index) => ({
    name: `x${index}`,
    get: (context: VcpuContext) => context.floatingPoint.vector(index),
    set: (context: VcpuContext, value: bigint) => context.floatingPoint.setVector(index, value),
  })),
];

/** All registers of an instruction set that vectors speak of. */
export const REGISTER_FILE: Readonly<Record<InstructionSet, readonly NamedRegister[]>> = {
  i386: [...GENERAL.i386, ...INTEGER, ...floatingPoint(8)],
  amd64: [...GENERAL.amd64, ...INTEGER, ...floatingPoint(16)],
};
