/**
 * Opcode maps as text, in the manner of the opcode maps of [SDM2D-A]. A line is one or more opcodes (`b0-b7`) and what they
 * are; eight specifications parted by `|` are a group, chosen by bits 5:3 of the ModRM byte. A specification is a mnemonic,
 * operands (meanings in operand-codes.ts) and marks:
 *
 * `:lock` LOCK is legal with a memory destination. `:no64` and `:only64` not in, only in 64-bit code. `:d64` the operand size
 * defaults to 64 bits in 64-bit code, `:f64` it is always 64 there. `:b :w :z` size of the operation where the first operand
 * does not tell. `:modrm` a ModRM byte follows although no operand names it.
 */
const ARITHMETIC = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];

const hex = (opcode: number): string => opcode.toString(16).padStart(2, "0");

const arithmeticLines = ARITHMETIC.map((name, row) => {
  const lock = name === "cmp" ? "" : " :lock";
  const at = (column: number): string => hex(8 * row + column);
  return [
    `${at(0)} ${name} Eb Gb${lock}`,
    `${at(1)} ${name} Ev Gv${lock}`,
    `${at(2)} ${name} Gb Eb`,
    `${at(3)} ${name} Gv Ev`,
    `${at(4)} ${name} AL Ib`,
    `${at(5)} ${name} rAX Iz`,
  ].join("\n");
}).join("\n");

const arithmeticGroup = (operands: string): string =>
  ARITHMETIC.map((name) => `${name} ${operands}${name === "cmp" ? "" : " :lock"}`).join(" | ");

const shiftGroup = (operands: string): string =>
  ["rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"].map((name) => `${name} ${operands}`).join(" | ");

/** Names of the sixteen conditions by their encoding. [SDM1-B] */
export const CONDITIONS = [
  "o",
  "no",
  "b",
  "ae",
  "e",
  "ne",
  "be",
  "a",
  "s",
  "ns",
  "p",
  "np",
  "l",
  "ge",
  "le",
  "g",
] as const;

const conditional = (first: number, prefix: string, operands: string): string =>
  CONDITIONS.map((name, index) => `${hex(first + index)} ${prefix}${name} ${operands}`).join("\n");

/** One-byte opcodes. */
export const ONE_BYTE_MAP: string = `
${arithmeticLines}
06 push-sreg ES :no64
07 pop-sreg ES :no64
0e push-sreg CS :no64
16 push-sreg SS :no64
17 pop-sreg SS :no64
1e push-sreg DS :no64
1f pop-sreg DS :no64
27 daa :b :no64
2f das :b :no64
37 aaa :b :no64
3f aas :b :no64
40-47 inc Zv :no64
48-4f dec Zv :no64
50-57 push Zv :d64
58-5f pop Zv :d64
60 pusha :no64
61 popa :no64
62 bound Gv Ma :no64
63 arpl Ew Gw :no64 ; movsxd Gv Ed :only64
68 push Iz :d64
69 imul Gv Ev Iz
6a push Ibs :d64
6b imul Gv Ev Ibs
6c ins :b
6d ins :z
6e outs :b
6f outs :z
${conditional(0x70, "j", "Jb :f64")}
80 ${arithmeticGroup("Eb Ib")}
81 ${arithmeticGroup("Ev Iz")}
82 ${arithmeticGroup("Eb Ib :no64")}
83 ${arithmeticGroup("Ev Ibs")}
84 test Eb Gb
85 test Ev Gv
86 xchg Eb Gb :lock
87 xchg Ev Gv :lock
88 mov Eb Gb
89 mov Ev Gv
8a mov Gb Eb
8b mov Gv Ev
8c mov-from-sreg Mw/Rv Sw
8d lea Gv M
8e mov-to-sreg Sw Ew
8f pop Ev :d64 | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm
90-97 xchg Zv rAX
98 cbw
99 cwd
9a call-far Ap :no64
9b wait
9c pushf :d64
9d popf :d64
9e sahf :b
9f lahf :b
a0 mov AL Ob
a1 mov rAX Ov
a2 mov Ob AL
a3 mov Ov rAX
a4 movs :b
a5 movs
a6 cmps :b
a7 cmps
a8 test AL Ib
a9 test rAX Iz
aa stos :b
ab stos
ac lods :b
ad lods
ae scas :b
af scas
b0-b7 mov Zb Ib
b8-bf mov Zv Iv
c0 ${shiftGroup("Eb Ub")}
c1 ${shiftGroup("Ev Ub")}
c2 ret Iw :f64
c3 ret :f64
c4 les Gv Mp :no64
c5 lds Gv Mp :no64
c6 mov Eb Ib | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm
c7 mov Ev Iz | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm
c8 enter Iw Ub :d64
c9 leave :d64
ca ret-far Iw
cb ret-far
cc int3
cd int Ub
ce into :no64
cf iret
d0 ${shiftGroup("Eb 1")}
d1 ${shiftGroup("Ev 1")}
d2 ${shiftGroup("Eb CL")}
d3 ${shiftGroup("Ev CL")}
d4 aam Ub :b :no64
d5 aad Ub :b :no64
d6 salc :b :no64
d7 xlat :b
d8-df x87 :modrm
e0 loopne Jb :f64
e1 loope Jb :f64
e2 loop Jb :f64
e3 jcxz Jb :f64
e4 in AL Ub :b
e5 in zAX Ub :z
e6 out Ub AL :b
e7 out Ub zAX :z
e8 call Jz :f64
e9 jmp Jz :f64
ea jmp-far Ap :no64
eb jmp Jb :f64
ec in AL DX :b
ed in zAX DX :z
ee out DX AL :b
ef out DX zAX :z
f1 int1
f4 hlt
f5 cmc
f6 test Eb Ib | test Eb Ib | not Eb :lock | neg Eb :lock | mul Eb | imul Eb | div Eb | idiv Eb
f7 test Ev Iz | test Ev Iz | not Ev :lock | neg Ev :lock | mul Ev | imul Ev | div Ev | idiv Ev
f8 clc
f9 stc
fa cli
fb sti
fc cld
fd std
fe inc Eb :lock | dec Eb :lock | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm | ud :modrm
ff inc Ev :lock | dec Ev :lock | call Ev :f64 | call-far Mp | jmp Ev :f64 | jmp-far Mp | push Ev :d64 | ud :modrm
`;

/** Opcodes behind 0F, but for those of vector-table.ts. What is missing is undefined. */
export const TWO_BYTE_MAP: string = `
00 sldt Mw/Rv | str Mw/Rv | lldt Ew | ltr Ew | verr Ew | verw Ew | ud :modrm | ud :modrm
01 sgdt M | sidt M | lgdt M | lidt M | smsw Mw/Rv | ud :modrm | lmsw Ew | invlpg M
02 lar Gv Ew
03 lsl Gv Ew
05 syscall
06 clts
07 sysret
08 invd
09 wbinvd
0b ud2
0d nop Ev
18-1f nop Ev
20 mov-from-cr Ry Cy
21 mov-from-dr Ry Dy
22 mov-to-cr Cy Ry
23 mov-to-dr Dy Ry
30 wrmsr
31 rdtsc
32 rdmsr
33 rdpmc
34 sysenter
35 sysexit
${conditional(0x40, "cmov", "Gv Ev")}
${conditional(0x80, "j", "Jz :f64")}
${conditional(0x90, "set", "Eb")}
a0 push-sreg FS :d64
a1 pop-sreg FS :d64
a2 cpuid
a3 bt Ev Gv
a4 shld Ev Gv Ub
a5 shld Ev Gv CL
a8 push-sreg GS :d64
a9 pop-sreg GS :d64
aa rsm
ab bts Ev Gv :lock
ac shrd Ev Gv Ub
ad shrd Ev Gv CL
af imul Gv Ev
b0 cmpxchg Eb Gb :lock
b1 cmpxchg Ev Gv :lock
b2 lss Gv Mp
b3 btr Ev Gv :lock
b4 lfs Gv Mp
b5 lgs Gv Mp
b6 movzx Gv Eb
b7 movzx Gv Ew
b8 ud :modrm
b9 ud1 Gv Ev
ba ud :modrm | ud :modrm | ud :modrm | ud :modrm | bt Ev Ibs | bts Ev Ibs :lock | btr Ev Ibs :lock | btc Ev Ibs :lock
bb btc Ev Gv :lock
bc bsf Gv Ev
bd bsr Gv Ev
be movsx Gv Eb
bf movsx Gv Ew
c0 xadd Eb Gb :lock
c1 xadd Ev Gv :lock
c7 ud :modrm | cmpxchg8b Mqo :lock | ud :modrm | ud :modrm | ud :modrm | ud :modrm | rdrand Rv | rdseed Rv
c8-cf bswap Zv
ff ud0 Gv Ev
`;

/** Opcodes behind 0F 01 with a register ModRM byte, by the whole byte. */
export const REGISTER_GROUP_7: ReadonlyMap<number, string> = new Map([
  [0xc8, "monitor"],
  [0xc9, "mwait"],
  [0xca, "clac"],
  [0xcb, "stac"],
  [0xd0, "xgetbv"],
  [0xd1, "xsetbv"],
  [0xf8, "swapgs"],
  [0xf9, "rdtscp"],
]);

/** Those of {@link REGISTER_GROUP_7} that 66, F2 and F3 make undefined. */
export const PLAIN_ONLY: ReadonlySet<string> = new Set([
  "monitor",
  "mwait",
  "clac",
  "stac",
  "xgetbv",
  "xsetbv",
]);

/** Mnemonics whose behaviour with an F3 or F2 prefix is that of a repetition. */
export const REPEATABLE: ReadonlySet<string> = new Set([
  "movs",
  "cmps",
  "stos",
  "lods",
  "scas",
  "ins",
  "outs",
]);
