import type { ByteRingPlace } from "./byte-ring.ts";

/**
 * The console page: `char in[1024]` @0 (to the guest), `char out[2048]` @1024 (from the guest), then free-running u32
 * indices. [XEN io/console.h]
 */
export const XENCONS_INTERFACE = {
  in: 0,
  out: 1024,
  inCons: 3072,
  inProd: 3076,
  outCons: 3080,
  outProd: 3084,
  sizeBytes: 3088,
} as const;

/** Bytes of the ring to the guest. */
export const XENCONS_IN_BYTES = 1024;

/** Bytes of the ring from the guest. */
export const XENCONS_OUT_BYTES = 2048;

/** The two rings of the console page: `in` to the guest, `out` from the guest. */
export const CONSOLE_RING: { readonly in: ByteRingPlace; readonly out: ByteRingPlace } = {
  in: {
    bufferOffset: XENCONS_INTERFACE.in,
    bufferBytes: XENCONS_IN_BYTES,
    consumerOffset: XENCONS_INTERFACE.inCons,
    producerOffset: XENCONS_INTERFACE.inProd,
  },
  out: {
    bufferOffset: XENCONS_INTERFACE.out,
    bufferBytes: XENCONS_OUT_BYTES,
    consumerOffset: XENCONS_INTERFACE.outCons,
    producerOffset: XENCONS_INTERFACE.outProd,
  },
};
