import type { FloatingPointContext } from "@xenolith/x86-architecture";
import type { GuestWidth } from "@xenolith/xen-abi";

/** Where the parts of an image of FXSAVE lie. [SDM1-10.5.1] */
const IMAGE = {
  control: 0,
  status: 2,
  tags: 4,
  mxcsr: 24,
  mxcsrMask: 28,
  stack: 32,
  vectors: 160,
  bytes: 512,
} as const;

const STACK_REGISTERS = 8;
const SLOT_BYTES = 16;

/** Bits of the control word that can be set; bit 6 is always. */
const CONTROL_BITS = 0x1f3f;
const CONTROL_FIXED = 0x40;
/** Exceptions of the status word, and the bits that say that one of them is not masked. */
const STATUS_EXCEPTIONS = 0x3f;
const STATUS_SUMMARY = 0x8080;
/** Bits of MXCSR that exist. */
const MXCSR_BITS = 0xffff;

const LOW_64 = 0xffff_ffff_ffff_ffffn;
const UPPER_16 = 0xffffn;

const vectorCount = (width: GuestWidth): number => (width === "x86_64" ? 16 : 8);

/** Physical register behind each of the stack's, which begins at TOP. */
const physicalOf = (status: number, index: number): number => ((status >>> 11) + index) % STACK_REGISTERS;

/** The x87 and vector registers as FXSAVE stores them. Pointers to the last instruction are left 0. */
export const writeFloatingPoint = (state: FloatingPointContext, width: GuestWidth): Uint8Array => {
  const bytes = new Uint8Array(IMAGE.bytes);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: bigint): void => {
    view.setBigUint64(at, value & LOW_64, true);
    view.setBigUint64(at + 8, value >> 64n, true);
  };
  view.setUint16(IMAGE.control, state.control, true);
  view.setUint16(IMAGE.status, state.status, true);
  view.setUint8(IMAGE.tags, state.tags);
  view.setUint32(IMAGE.mxcsr, state.mxcsr, true);
  view.setUint32(IMAGE.mxcsrMask, MXCSR_BITS, true);
  for (let index = 0; index < STACK_REGISTERS; index++)
    put(IMAGE.stack + SLOT_BYTES * index, state.register(physicalOf(state.status, index)));
  for (let index = 0; index < vectorCount(width); index++)
    put(IMAGE.vectors + SLOT_BYTES * index, state.vector(index));
  return bytes;
};

/** Loads them from such an image; bits that do not exist are left out. */
export const readFloatingPoint = (
  state: FloatingPointContext,
  width: GuestWidth,
  bytes: Uint8Array,
): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const get = (at: number): bigint => view.getBigUint64(at, true) | (view.getBigUint64(at + 8, true) << 64n);
  state.control = (view.getUint16(IMAGE.control, true) & CONTROL_BITS) | CONTROL_FIXED;
  const status = view.getUint16(IMAGE.status, true) & ~STATUS_SUMMARY;
  state.status = (status & STATUS_EXCEPTIONS & ~state.control) === 0 ? status : status | STATUS_SUMMARY;
  state.tags = view.getUint8(IMAGE.tags);
  state.mxcsr = view.getUint32(IMAGE.mxcsr, true) & MXCSR_BITS;
  for (let index = 0; index < STACK_REGISTERS; index++) {
    const value = get(IMAGE.stack + SLOT_BYTES * index) & ((UPPER_16 << 64n) | LOW_64);
    state.setRegister(physicalOf(status, index), value);
  }
  for (let index = 0; index < vectorCount(width); index++)
    state.setVector(index, get(IMAGE.vectors + SLOT_BYTES * index));
};
