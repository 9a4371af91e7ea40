/**
 * Opcode maps of MMX, SSE and the instructions that share their opcodes. A line is an opcode (or a range) and what it is
 * without a mandatory prefix / behind 66 / F3 / F2; `-` is undefined, as is what is missing at the end. Where memory and
 * register form are different instructions a `~` parts them. Groups and marks are those of opcode-table.ts; further marks name
 * the feature that an instruction needs where the column does not tell: MMX registers need `mmx`, vector registers without
 * prefix or behind F3 `sse`, behind 66 and F2 `sse2`. `:y` the operation has 8 bytes with REX.W, else 4; `:v` its size is the
 * usual one. [SDM2D-A.3]
 */

const hex = (opcode: number): string => opcode.toString(16).padStart(2, "0");

/** Instructions on whole MMX and vector registers alike. */
const both = (first: number, ...names: readonly string[]): string =>
  names.map((name, index) => `${hex(first + index)} ${name} Pq Qq / ${name} Vo Wo`).join("\n");

/** Packed and scalar arithmetic on floats. */
const fourFloats = (opcode: number, name: string): string =>
  `${hex(opcode)} ${name}ps Vo Wo / ${name}pd Vo Wo / ${name}ss Vo Wd / ${name}sd Vo Wq`;

const twoFloats = (opcode: number, name: string): string =>
  `${hex(opcode)} ${name}ps Vo Wo / ${name}pd Vo Wo`;

const shiftGroup = (names: readonly string[]): string => {
  const group = (operands: string): string =>
    Array.from({ length: 8 }, (_, index) => (names[index] ? `${names[index]} ${operands}` : "ud")).join(
      " | ",
    );
  return `${group("Nq Ub")} / ${group("Uo Ub")}`;
};

const WIDE_SHIFTS = [
  "- | - | psrlq Nq Ub | ud | - | - | psllq Nq Ub | ud".replaceAll("-", "ud"),
  "- | - | psrlq Uo Ub | psrldq Uo Ub | - | - | psllq Uo Ub | pslldq Uo Ub".replaceAll("-", "ud"),
].join(" / ");

const GROUP_15 = [
  "fxsave M :y :fxsr | fxrstor M :y :fxsr | ldmxcsr Md | stmxcsr Md | xsave M :y :xsave | xrstor M :y :xsave |" +
    " xsaveopt M :y :xsaveopt | clflush Mb :clflush ~ ud | ud | ud | ud | ud | lfence :sse2 | mfence :sse2 | sfence :sse",
  "ud | ud | ud | ud | ud | ud | clwb Mb :clwb | clflushopt Mb :clflushopt",
  ["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"].map((name) => `${name} Ty :only64 :fsgsbase`).join(" | ") +
    " | ud | ud | ud | ud",
].join(" / ");

/** Behind 0F. */
export const VECTOR_MAP_0F: string = `
10 movups Vo Wo / movupd Vo Wo / movss Vo Wd / movsd Vo Wq
11 movups Wo Vo / movupd Wo Vo / movss Wd Vo / movsd Wq Vo
12 movlps Vo Mq ~ movhlps Vo Uo / movlpd Vo Mq / movsldup Vo Wo :sse3 / movddup Vo Wq :sse3
13 movlps Mq Vo / movlpd Mq Vo
${twoFloats(0x14, "unpckl")}
${twoFloats(0x15, "unpckh")}
16 movhps Vo Mq ~ movlhps Vo Uo / movhpd Vo Mq / movshdup Vo Wo :sse3
17 movhps Mq Vo / movhpd Mq Vo
28 movaps Vo Wo / movapd Vo Wo
29 movaps Wo Vo / movapd Wo Vo
2a cvtpi2ps Vo Qq / cvtpi2pd Vo Qq / cvtsi2ss Vo Ey / cvtsi2sd Vo Ey
2b movntps Mo Vo / movntpd Mo Vo
2c cvttps2pi Pq Wq / cvttpd2pi Pq Wo / cvttss2si Gy Wd / cvttsd2si Gy Wq
2d cvtps2pi Pq Wq / cvtpd2pi Pq Wo / cvtss2si Gy Wd / cvtsd2si Gy Wq
2e ucomiss Vo Wd / ucomisd Vo Wq
2f comiss Vo Wd / comisd Vo Wq
50 movmskps Gd Uo / movmskpd Gd Uo
${fourFloats(0x51, "sqrt")}
52 rsqrtps Vo Wo / - / rsqrtss Vo Wd
53 rcpps Vo Wo / - / rcpss Vo Wd
${twoFloats(0x54, "and")}
${twoFloats(0x55, "andn")}
${twoFloats(0x56, "or")}
${twoFloats(0x57, "xor")}
${fourFloats(0x58, "add")}
${fourFloats(0x59, "mul")}
5a cvtps2pd Vo Wq :sse2 / cvtpd2ps Vo Wo / cvtss2sd Vo Wd :sse2 / cvtsd2ss Vo Wq
5b cvtdq2ps Vo Wo :sse2 / cvtps2dq Vo Wo / cvttps2dq Vo Wo :sse2
${fourFloats(0x5c, "sub")}
${fourFloats(0x5d, "min")}
${fourFloats(0x5e, "div")}
${fourFloats(0x5f, "max")}
60 punpcklbw Pq Qd / punpcklbw Vo Wo
61 punpcklwd Pq Qd / punpcklwd Vo Wo
62 punpckldq Pq Qd / punpckldq Vo Wo
${both(0x63, "packsswb", "pcmpgtb", "pcmpgtw", "pcmpgtd", "packuswb", "punpckhbw", "punpckhwd", "punpckhdq", "packssdw")}
6c - / punpcklqdq Vo Wo
6d - / punpckhqdq Vo Wo
6e movd Pq Ey / movd Vo Ey
6f movq Pq Qq / movdqa Vo Wo / movdqu Vo Wo :sse2
70 pshufw Pq Qq Ub :sse / pshufd Vo Wo Ub / pshufhw Vo Wo Ub :sse2 / pshuflw Vo Wo Ub
71 ${shiftGroup(["", "", "psrlw", "", "psraw", "", "psllw"])}
72 ${shiftGroup(["", "", "psrld", "", "psrad", "", "pslld"])}
73 ${WIDE_SHIFTS}
${both(0x74, "pcmpeqb", "pcmpeqw", "pcmpeqd")}
77 emms :mmx
7c - / haddpd Vo Wo :sse3 / - / haddps Vo Wo :sse3
7d - / hsubpd Vo Wo :sse3 / - / hsubps Vo Wo :sse3
7e movd Ey Pq / movd Ey Vo / movq Vo Wq :sse2
7f movq Qq Pq / movdqa Wo Vo / movdqu Wo Vo :sse2
ae ${GROUP_15}
c2 cmpps Vo Wo Ub / cmppd Vo Wo Ub / cmpss Vo Wd Ub / cmpsd Vo Wq Ub
c3 movnti My Gy :sse2
c4 pinsrw Pq Rd/Mw Ub :sse / pinsrw Vo Rd/Mw Ub
c5 pextrw Gd Nq Ub :sse / pextrw Gd Uo Ub
c6 shufps Vo Wo Ub / shufpd Vo Wo Ub
d0 - / addsubpd Vo Wo :sse3 / - / addsubps Vo Wo :sse3
${both(0xd1, "psrlw", "psrld", "psrlq")}
d4 paddq Pq Qq :sse2 / paddq Vo Wo
${both(0xd5, "pmullw")}
d6 - / movq Wq Vo / movq2dq Vo Nq :sse2 / movdq2q Pq Uo
d7 pmovmskb Gd Nq :sse / pmovmskb Gd Uo
${both(0xd8, "psubusb", "psubusw")}
da pminub Pq Qq :sse / pminub Vo Wo
${both(0xdb, "pand", "paddusb", "paddusw")}
de pmaxub Pq Qq :sse / pmaxub Vo Wo
${both(0xdf, "pandn")}
e0 pavgb Pq Qq :sse / pavgb Vo Wo
${both(0xe1, "psraw", "psrad")}
e3 pavgw Pq Qq :sse / pavgw Vo Wo
e4 pmulhuw Pq Qq :sse / pmulhuw Vo Wo
${both(0xe5, "pmulhw")}
e6 - / cvttpd2dq Vo Wo / cvtdq2pd Vo Wq :sse2 / cvtpd2dq Vo Wo
e7 movntq Mq Pq :sse / movntdq Mo Vo
${both(0xe8, "psubsb", "psubsw")}
ea pminsw Pq Qq :sse / pminsw Vo Wo
${both(0xeb, "por", "paddsb", "paddsw")}
ee pmaxsw Pq Qq :sse / pmaxsw Vo Wo
${both(0xef, "pxor")}
f0 - / - / - / lddqu Vo Mo :sse3
${both(0xf1, "psllw", "pslld", "psllq")}
f4 pmuludq Pq Qq :sse2 / pmuludq Vo Wo
${both(0xf5, "pmaddwd")}
f6 psadbw Pq Qq :sse / psadbw Vo Wo
f7 maskmovq Ydq Pq Nq :sse / maskmovdqu Ydo Vo Uo
${both(0xf8, "psubb", "psubw", "psubd")}
fb psubq Pq Qq :sse2 / psubq Vo Wo
${both(0xfc, "paddb", "paddw", "paddd")}
`;

/** Behind 0F 38. Without a mark: SSE4.1 behind 66, SSSE3 else. */
export const VECTOR_MAP_0F38: string = `
${both(0x00, "pshufb", "phaddw", "phaddd", "phaddsw", "pmaddubsw", "phsubw", "phsubd", "phsubsw", "psignb", "psignw", "psignd", "pmulhrsw")}
10 - / pblendvb Vo Wo :sse41
14 - / blendvps Vo Wo :sse41
15 - / blendvpd Vo Wo :sse41
17 - / ptest Vo Wo :sse41
${both(0x1c, "pabsb", "pabsw", "pabsd")}
20 - / pmovsxbw Vo Wq :sse41
21 - / pmovsxbd Vo Wd :sse41
22 - / pmovsxbq Vo Ww :sse41
23 - / pmovsxwd Vo Wq :sse41
24 - / pmovsxwq Vo Wd :sse41
25 - / pmovsxdq Vo Wq :sse41
28 - / pmuldq Vo Wo :sse41
29 - / pcmpeqq Vo Wo :sse41
2a - / movntdqa Vo Mo :sse41
2b - / packusdw Vo Wo :sse41
30 - / pmovzxbw Vo Wq :sse41
31 - / pmovzxbd Vo Wd :sse41
32 - / pmovzxbq Vo Ww :sse41
33 - / pmovzxwd Vo Wq :sse41
34 - / pmovzxwq Vo Wd :sse41
35 - / pmovzxdq Vo Wq :sse41
37 - / pcmpgtq Vo Wo :sse42
38 - / pminsb Vo Wo :sse41
39 - / pminsd Vo Wo :sse41
3a - / pminuw Vo Wo :sse41
3b - / pminud Vo Wo :sse41
3c - / pmaxsb Vo Wo :sse41
3d - / pmaxsd Vo Wo :sse41
3e - / pmaxuw Vo Wo :sse41
3f - / pmaxud Vo Wo :sse41
40 - / pmulld Vo Wo :sse41
41 - / phminposuw Vo Wo :sse41
f0 movbe Gv Mv :v :movbe / movbe Gv Mv :v :movbe / - / crc32 Gy Eb :b :sse42
f1 movbe Mv Gv :v :movbe / movbe Mv Gv :v :movbe / - / crc32 Gy Ev :v :sse42
`;

/** Behind 0F 3A. Without a mark: SSE4.1. */
export const VECTOR_MAP_0F3A: string = `
08 - / roundps Vo Wo Ub :sse41
09 - / roundpd Vo Wo Ub :sse41
0a - / roundss Vo Wd Ub :sse41
0b - / roundsd Vo Wq Ub :sse41
0c - / blendps Vo Wo Ub :sse41
0d - / blendpd Vo Wo Ub :sse41
0e - / pblendw Vo Wo Ub :sse41
0f palignr Pq Qq Ub :ssse3 / palignr Vo Wo Ub :ssse3
14 - / pextrb Rd/Mb Vo Ub :sse41
15 - / pextrw Rd/Mw Vo Ub :sse41
16 - / pextrd Ey Vo Ub :sse41
17 - / extractps Rd/Md Vo Ub :sse41
20 - / pinsrb Vo Rd/Mb Ub :sse41
21 - / insertps Vo Wd Ub :sse41
22 - / pinsrd Vo Ey Ub :sse41
40 - / dpps Vo Wo Ub :sse41
41 - / dppd Vo Wo Ub :sse41
42 - / mpsadbw Vo Wo Ub :sse41
60 - / pcmpestrm Vo Wo Ub :y :sse42
61 - / pcmpestri Vo Wo Ub :y :sse42
62 - / pcmpistrm Vo Wo Ub :sse42
63 - / pcmpistri Vo Wo Ub :sse42
`;

/** VEX-coded instructions on general registers, in map 2 (0F 38): the same columns. B: register by VEX.vvvv. */
export const VEX_MAP_0F38: string = `
f2 andn Gy By Ey :bmi1
f3 ud | blsr By Ey :bmi1 | blsmsk By Ey :bmi1 | blsi By Ey :bmi1 | ud | ud | ud | ud
f5 bzhi Gy Ey By :bmi2 / - / pext Gy By Ey :bmi2 / pdep Gy By Ey :bmi2
f6 - / - / - / mulx Gy By Ey :bmi2
f7 bextr Gy Ey By :bmi1 / shlx Gy Ey By :bmi2 / sarx Gy Ey By :bmi2 / shrx Gy Ey By :bmi2
`;

/** The same in map 3 (0F 3A). */
export const VEX_MAP_0F3A: string = `
f0 - / - / - / rorx Gy Ey Ub :bmi2
`;
