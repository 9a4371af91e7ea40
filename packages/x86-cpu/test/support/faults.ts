import { packFault, VECTOR } from "@xenolith/x86-architecture";

/** Packed faults by the manual's names. */
export const GP = (code: number): number => packFault(VECTOR.generalProtection, code);
export const NP = (code: number): number => packFault(VECTOR.segmentNotPresent, code);
export const SS = (code: number): number => packFault(VECTOR.stackFault, code);
export const TS = (code: number): number => packFault(VECTOR.invalidTss, code);
export const PF = (code: number): number => packFault(VECTOR.pageFault, code);
export const UD: number = packFault(VECTOR.invalidOpcode, 0);
