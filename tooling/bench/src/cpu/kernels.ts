/** What the yardstick's sub-benchmarks have in common with their neighbours is the first letter of their names. */
export type Group = "a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j";

/** The eight kernels of plain integer code and copying loops whose mean is the figure to know. */
export const CORE_KERNELS: readonly string[] = [
  "a1_alu",
  "a2_sieve",
  "a3_div",
  "b1_mix",
  "b2_interp",
  "b3_pages256",
  "c3_copy32",
  "c4_copy8",
];

/** Sub-benchmarks of operating-system work, whose bound is tighter. */
export const TRANSITION_KERNELS: readonly string[] = [
  "e1_int80",
  "e2_int80_c",
  "e3_int80_ring1",
  "f1_pagefault",
];

/** Names that only programs under an operating system report: not compared. */
export const FOREIGN_KERNELS: ReadonlySet<string> = new Set(["e0_linux_syscall", "f0_linux_pf"]);

/** Group of a sub-benchmark. */
export const groupOf = (kernel: string): string => kernel.slice(0, 1);
