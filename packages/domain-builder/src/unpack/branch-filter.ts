/** Opcodes of CALL and JMP with a 32-bit displacement: they differ in one bit. */
const isBranch = (byte: number): boolean => (byte & 0xfe) === 0xe8;
/** Whether a byte can be the highest one of a displacement within 16 MiB. */
const isNear = (byte: number): boolean => byte === 0 || byte === 0xff;

/**
 * What is remembered of the last three bytes: bit n is set where an opcode stood n + 1 bytes ago whose displacement was left
 * alone. With some of these the present opcode is taken for part of that displacement.
 */
const MAY_CONVERT: readonly boolean[] = [true, true, true, false, true, false, false, false];
/** Which byte of the displacement decides, counted from its highest, by the same bits. */
const DECIDING_BYTE: readonly number[] = [0, 1, 2, 2, 3, 3, 3, 3];

const BRANCH_BYTES = 5;

/** The displacement that an absolute target was made from. */
const displacementOf = (target: number, behind: number, history: number): number => {
  let source = target;
  for (;;) {
    const displacement = (source - behind) >>> 0;
    if (history === 0) return displacement;
    const shift = 8 * (DECIDING_BYTE[history] ?? 0);
    if (!isNear((displacement >>> (24 - shift)) & 0xff)) return displacement;
    source = (displacement ^ (2 ** (32 - shift) - 1)) >>> 0;
  }
};

/**
 * Undoes, in place, the filter by which x86 code is packed better: targets of CALL and JMP, stored as absolute ones, become
 * relative again.
 */
export const undoBranchFilter = (bytes: Uint8Array): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = -1 - BRANCH_BYTES;
  let history = 0;
  for (let at = 0; at + BRANCH_BYTES <= bytes.length; at++) {
    if (!isBranch(bytes[at] ?? 0)) continue;
    const gap = at - last;
    history = gap > 3 ? 0 : (history << (gap - 1)) & 7;
    last = at;
    const deciding = bytes[at + 4 - (DECIDING_BYTE[history] ?? 0)] ?? 0;
    const isInside = history !== 0 && (MAY_CONVERT[history] === false || isNear(deciding));
    if (isInside || !isNear(bytes[at + 4] ?? 0)) {
      history = (history << 1) | 1;
      continue;
    }
    const displacement = displacementOf(view.getUint32(at + 1, true), at + BRANCH_BYTES, history);
    // 25 bits, sign-extended.
    view.setUint32(at + 1, (displacement << 7) >> 7, true);
    at += BRANCH_BYTES - 1;
  }
};
