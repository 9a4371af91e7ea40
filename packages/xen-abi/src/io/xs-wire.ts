import { u32 } from "../fields.ts";
import { type Struct, struct } from "../struct.ts";
import type { ByteRingPlace } from "./byte-ring.ts";

/** Types of xenstore message. [XEN io/xs_wire.h] */
export const XS_CONTROL = 0;
export const XS_DIRECTORY = 1;
export const XS_READ = 2;
export const XS_GET_PERMS = 3;
export const XS_WATCH = 4;
export const XS_UNWATCH = 5;
export const XS_TRANSACTION_START = 6;
export const XS_TRANSACTION_END = 7;
export const XS_INTRODUCE = 8;
export const XS_RELEASE = 9;
export const XS_GET_DOMAIN_PATH = 10;
export const XS_WRITE = 11;
export const XS_MKDIR = 12;
export const XS_RM = 13;
export const XS_SET_PERMS = 14;
export const XS_WATCH_EVENT = 15;
export const XS_ERROR = 16;
export const XS_IS_DOMAIN_INTRODUCED = 17;
export const XS_RESUME = 18;
export const XS_SET_TARGET = 19;
export const XS_RESET_WATCHES = 21;
export const XS_DIRECTORY_PART = 22;
/** One more than the highest type. */
export const XS_TYPE_COUNT = 23;
export const XS_INVALID = 0xffff;

/** Errors that the text of an `XS_ERROR` message may name. */
export const XSD_ERRORS = [
  "EINVAL",
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "EIO",
  "ENOTEMPTY",
  "ENOSYS",
  "EROFS",
  "EBUSY",
  "EAGAIN",
  "EISCONN",
  "E2BIG",
  "EPERM",
] as const;

/** One of {@link XSD_ERRORS}. */
export type XsdError = (typeof XSD_ERRORS)[number];

/** Header of a message: type @0, req_id @4, tx_id @8, len @12 (bytes of payload that follow); 16 bytes. */
export interface XsdSockmsg {
  readonly type: number;
  /** Chosen by the client, echoed in the answer. */
  readonly reqId: number;
  /** Transaction, or 0. */
  readonly txId: number;
  readonly len: number;
}

/** Layout and codec of {@link XsdSockmsg}, alike in every width. */
export const XSD_SOCKMSG: Struct<XsdSockmsg> = struct<XsdSockmsg>({
  type: u32,
  reqId: u32,
  txId: u32,
  len: u32,
});

/** Bytes of a {@link XsdSockmsg}. */
export const XSD_SOCKMSG_BYTES = 16;

/** Limits of the protocol. */
export const XENSTORE_PAYLOAD_MAX = 4096;
export const XENSTORE_ABS_PATH_MAX = 3072;
export const XENSTORE_REL_PATH_MAX = 2048;

/** Bytes of each of the two rings. Indices run freely; the place is `index & (XENSTORE_RING_SIZE - 1)`. */
export const XENSTORE_RING_SIZE = 1024;

/** The xenstore page: `char req[1024]` @0 (from the guest), `char rsp[1024]` @1024, u32 indices and state. */
export const XENSTORE_DOMAIN_INTERFACE = {
  req: 0,
  rsp: 1024,
  reqCons: 2048,
  reqProd: 2052,
  rspCons: 2056,
  rspProd: 2060,
  serverFeatures: 2064,
  connection: 2068,
  error: 2072,
  sizeBytes: 2076,
} as const;

/** The two rings of the xenstore page: `requests` from the guest, `replies` (and watch events) to it. */
export const XENSTORE_RING: { readonly requests: ByteRingPlace; readonly replies: ByteRingPlace } = {
  requests: {
    bufferOffset: XENSTORE_DOMAIN_INTERFACE.req,
    bufferBytes: XENSTORE_RING_SIZE,
    consumerOffset: XENSTORE_DOMAIN_INTERFACE.reqCons,
    producerOffset: XENSTORE_DOMAIN_INTERFACE.reqProd,
  },
  replies: {
    bufferOffset: XENSTORE_DOMAIN_INTERFACE.rsp,
    bufferBytes: XENSTORE_RING_SIZE,
    consumerOffset: XENSTORE_DOMAIN_INTERFACE.rspCons,
    producerOffset: XENSTORE_DOMAIN_INTERFACE.rspProd,
  },
};

/** Bits of `serverFeatures`. */
export const XENSTORE_SERVER_FEATURE_RECONNECTION = 1;
export const XENSTORE_SERVER_FEATURE_ERROR = 2;

/** Values of `connection`. */
export const XENSTORE_CONNECTED = 0;
export const XENSTORE_RECONNECT = 1;

/** Values of `error`. */
export const XENSTORE_ERROR_NONE = 0;
export const XENSTORE_ERROR_COMM = 1;
export const XENSTORE_ERROR_RINGIDX = 2;
export const XENSTORE_ERROR_PROTO = 3;
