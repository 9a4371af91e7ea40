import { type PackedFault, packFault, VECTOR } from "@xenolith/x86-architecture";

/** #UD */
export const invalidOpcode = (): PackedFault => packFault(VECTOR.invalidOpcode, 0);

/** #GP with an error code. */
export const generalProtection = (errorCode: number): PackedFault =>
  packFault(VECTOR.generalProtection, errorCode);

/** #NP with an error code. */
export const segmentNotPresent = (errorCode: number): PackedFault =>
  packFault(VECTOR.segmentNotPresent, errorCode);

/** #SS with an error code. */
export const stackFault = (errorCode: number): PackedFault => packFault(VECTOR.stackFault, errorCode);

/** #TS with an error code. */
export const invalidTss = (errorCode: number): PackedFault => packFault(VECTOR.invalidTss, errorCode);
