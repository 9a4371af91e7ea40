import { REGISTER } from "@xenolith/x86-architecture";
import type { Operand } from "./instruction.ts";

/**
 * Instructions behind D8 to DF. A memory form is a mnemonic and the bytes of its operand; one without a size says by itself
 * what it accesses. In eights by ModRM.reg; `-` is undefined. [SDM2D-A.5.2]
 */
const MEMORY = [
  "fadd.4 fmul.4 fcom.4 fcomp.4 fsub.4 fsubr.4 fdiv.4 fdivr.4",
  "fld.4 - fst.4 fstp.4 fldenv fldcw.2 fnstenv fnstcw.2",
  "fiadd.4 fimul.4 ficom.4 ficomp.4 fisub.4 fisubr.4 fidiv.4 fidivr.4",
  "fild.4 fisttp.4 fist.4 fistp.4 - fld.10 - fstp.10",
  "fadd.8 fmul.8 fcom.8 fcomp.8 fsub.8 fsubr.8 fdiv.8 fdivr.8",
  "fld.8 fisttp.8 fst.8 fstp.8 frstor - fnsave fnstsw.2",
  "fiadd.2 fimul.2 ficom.2 ficomp.2 fisub.2 fisubr.2 fidiv.2 fidivr.2",
  "fild.2 fisttp.2 fist.2 fistp.2 fbld.10 fild.8 fbstp.10 fistp.8",
];

/**
 * Register forms in eights by ModRM.reg: mnemonic and operands, `0` ST(0) and `i` ST(ModRM.rm). `*`: every ModRM.rm is an
 * instruction of its own, see {@link SINGLE}. Some are aliases that the manual does not list. [APM3 A.1.3]
 */
const REGISTERS = [
  "fadd.0i fmul.0i fcom.0i fcomp.0i fsub.0i fsubr.0i fdiv.0i fdivr.0i",
  "fld.i fxch.i * fstpnce.i * * * *",
  "fcmovb.0i fcmove.0i fcmovbe.0i fcmovu.0i - * - -",
  "fcmovnb.0i fcmovne.0i fcmovnbe.0i fcmovnu.0i * fucomi.0i fcomi.0i -",
  "fadd.i0 fmul.i0 fcom.0i fcomp.0i fsubr.i0 fsub.i0 fdivr.i0 fdiv.i0",
  "ffree.i fxch.i fst.i fstp.i fucom.0i fucomp.0i - -",
  "faddp.i0 fmulp.i0 fcomp.0i * fsubrp.i0 fsubp.i0 fdivrp.i0 fdivp.i0",
  "ffreep.i fxch.i fstp.i fstp.i * fucomip.0i fcomip.0i -",
];

/** Instructions by opcode << 8 | ModRM byte. */
const SINGLE: ReadonlyMap<number, string> = new Map([
  [0xd9d0, "fnop"],
  [0xd9e0, "fchs"],
  [0xd9e1, "fabs"],
  [0xd9e4, "ftst"],
  [0xd9e5, "fxam"],
  ...["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"].map(
    (name, index) => [0xd9e8 + index, name] as const,
  ),
  ...[
    "f2xm1",
    "fyl2x",
    "fptan",
    "fpatan",
    "fxtract",
    "fprem1",
    "fdecstp",
    "fincstp",
    "fprem",
    "fyl2xp1",
    "fsqrt",
    "fsincos",
    "frndint",
    "fscale",
    "fsin",
    "fcos",
  ].map((name, index) => [0xd9f0 + index, name] as const),
  [0xdae9, "fucompp"],
  [0xdbe0, "fneni"],
  [0xdbe1, "fndisi"],
  [0xdbe2, "fnclex"],
  [0xdbe3, "fninit"],
  [0xdbe4, "fnsetpm"],
  [0xded9, "fcompp"],
  [0xdfe0, "fnstsw"],
]);

interface Entry {
  readonly mnemonic: string;
  readonly operands: string;
}

const parse = (lines: readonly string[]): readonly Entry[] =>
  lines.flatMap((line) =>
    line.split(" ").map((text) => {
      const [mnemonic = "ud", operands = ""] = text.split(".");
      return { mnemonic: mnemonic === "-" ? "ud" : mnemonic, operands };
    }),
  );

const memoryForms = parse(MEMORY);
const registerForms = parse(REGISTERS);

const UNDEFINED: Entry = { mnemonic: "ud", operands: "" };

const stackRegister = (register: number): Operand => ({ kind: "x87", register, high: false, sizeBytes: 10 });

const accumulator: Operand = { kind: "register", register: REGISTER.rax, high: false, sizeBytes: 2 };

/** A register form: mnemonic ("ud" when there is none) and operands. */
export const x87RegisterForm = (
  opcode: number,
  modRm: number,
): { readonly mnemonic: string; readonly operands: Operand[] } => {
  const { mnemonic, operands } = registerForms[8 * (opcode & 7) + ((modRm >> 3) & 7)] ?? UNDEFINED;
  if (mnemonic === "*") {
    const name = SINGLE.get((opcode << 8) | modRm) ?? "ud";
    return { mnemonic: name, operands: name === "fnstsw" ? [accumulator] : [] };
  }
  return {
    mnemonic,
    operands: [...operands].map((letter) => stackRegister(letter === "0" ? 0 : modRm & 7)),
  };
};

/** A memory form: mnemonic and bytes of the operand, 0 where the instruction says. */
export const x87MemoryForm = (
  opcode: number,
  modRm: number,
): { readonly mnemonic: string; readonly sizeBytes: number } => {
  const { mnemonic, operands } = memoryForms[8 * (opcode & 7) + ((modRm >> 3) & 7)] ?? UNDEFINED;
  return { mnemonic, sizeBytes: Number(operands) };
};

/** Every mnemonic of D8 to DF. */
export const X87_MNEMONICS: ReadonlySet<string> = new Set(
  [...memoryForms, ...registerForms]
    .map(({ mnemonic }) => mnemonic)
    .concat([...SINGLE.values()])
    .filter((mnemonic) => mnemonic !== "ud" && mnemonic !== "*"),
);
