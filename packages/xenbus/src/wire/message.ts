import type { ByteStream } from "@xenolith/backend-interface";
import {
  XENSTORE_PAYLOAD_MAX,
  XSD_SOCKMSG,
  XSD_SOCKMSG_BYTES,
  type XsdSockmsg,
} from "@xenolith/xen-abi/io/xs-wire";

/** A whole message of xenstore's wire protocol, in either direction. [XEN io/xs_wire.h] */
export interface StoreMessage {
  /** `XS_*`. */
  readonly type: number;
  /** Number chosen by the client, echoed in the answer; 0 in a watch event. */
  readonly requestId: number;
  /** Transaction, or 0. */
  readonly transactionId: number;
  readonly payload: Uint8Array;
}

/** Encodes a message: a header of 16 bytes, then the payload. The payload is at most `XENSTORE_PAYLOAD_MAX` bytes. */
export const encodeMessage = (message: StoreMessage): Uint8Array => {
  const bytes = new Uint8Array(XSD_SOCKMSG_BYTES + message.payload.length);
  XSD_SOCKMSG.write(new DataView(bytes.buffer), 0, "x86_64", {
    type: message.type,
    reqId: message.requestId,
    txId: message.transactionId,
    len: message.payload.length,
  });
  bytes.set(message.payload, XSD_SOCKMSG_BYTES);
  return bytes;
};

/** Puts messages together from a stream that gives them in pieces. Keeps at most one unfinished message. */
export interface MessageReader {
  /** Takes bytes from the stream until a message is whole. @returns null when it has not all come, or never will. */
  next(stream: ByteStream): StoreMessage | null;
  /** Whether a header announced a payload longer than the protocol allows. Nothing more can be read then. */
  readonly violated: boolean;
  /** Forgets an unfinished message and a violation: the stream starts again at a message's first byte. */
  reset(): void;
}

const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

/** A class, not closures: a host has one for every domain. */
class StreamReader implements MessageReader {
  violated = false;
  /** Room for the header; none between messages that do not come one right after the other. */
  #headerBytes: Uint8Array | null = null;
  #header: XsdSockmsg | null = null;
  #payload = NO_PAYLOAD;
  #filled = 0;

  reset(): void {
    this.#header = null;
    this.#headerBytes = null;
    this.#filled = 0;
    this.violated = false;
  }

  next(stream: ByteStream): StoreMessage | null {
    if (this.violated) return null;
    if (this.#header === null) {
      this.#headerBytes ??= new Uint8Array(XSD_SOCKMSG_BYTES);
      if (!this.#fill(stream, this.#headerBytes)) {
        if (this.#filled === 0) this.#headerBytes = null;
        return null;
      }
      const next = XSD_SOCKMSG.read(new DataView(this.#headerBytes.buffer), 0, "x86_64");
      this.violated = next.len > XENSTORE_PAYLOAD_MAX;
      if (this.violated) return null;
      this.#header = next;
      this.#payload = new Uint8Array(next.len);
    }
    if (!this.#fill(stream, this.#payload)) return null;
    const { type, reqId, txId } = this.#header;
    const payload = this.#payload;
    this.#header = null;
    this.#payload = NO_PAYLOAD;
    return { type, requestId: reqId, transactionId: txId, payload };
  }

  /** Reads on into a buffer. @returns whether it is full. */
  #fill(stream: ByteStream, into: Uint8Array): boolean {
    while (this.#filled < into.length) {
      const count = stream.read(into.subarray(this.#filled));
      if (count <= 0) return false;
      this.#filled += count;
    }
    this.#filled = 0;
    return true;
  }
}

/** Makes a reader that stands at the first byte of a message. */
export const createMessageReader = (): MessageReader => new StreamReader();
