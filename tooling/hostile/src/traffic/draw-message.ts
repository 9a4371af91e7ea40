import { XS_TYPE_COUNT, XSD_SOCKMSG_BYTES } from "@xenolith/xen-abi/io/xs-wire";
import { encodeMessage } from "@xenolith/xenbus/wire";
import { type Draw, drawOdd } from "../draw.ts";

/** What requests are put together from. */
const PIECES: readonly string[] = [
  "data",
  "data/a",
  "data/a/b",
  "data//a",
  "/local/domain/0",
  "/local/domain/1/data",
  "/local/domain/0/backend/vbd",
  "/",
  "",
  "..",
  "@introduceDomain",
  "@releaseDomain",
  "@nothing",
  "/tool/xenstored",
  "error",
  "control/shutdown",
  "T",
  "F",
  "token",
  "n0",
  "r1",
  "b2",
  "w9999",
  "x1",
  "0",
  "7",
  "65535",
  "99999999999",
  "value of a node",
  "a".repeat(300),
  "p/".repeat(400),
];

const drawPayload = (draw: Draw): Uint8Array => {
  if (draw.chance(12)) return draw.bytes(draw.below(64));
  const parts = Array.from({ length: draw.below(5) }, () =>
    draw.chance(6) ? `data/node${draw.below(1500)}` : draw.pick(PIECES),
  );
  const text = parts.map((part) => `${part}\0`).join("") + (draw.chance(8) ? "rest" : "");
  return new TextEncoder().encode(text);
};

/** Makes up a message: most are requests with a mistake or none; one in some hundreds has a length that ends the connection. */
export const drawMessage = (draw: Draw): Uint8Array => {
  const bytes = encodeMessage({
    type: draw.chance(10) ? drawOdd(draw) : draw.below(XS_TYPE_COUNT + 1),
    requestId: draw.next32(),
    transactionId: draw.chance(3) ? draw.below(14) : 0,
    payload: drawPayload(draw),
  });
  if (!draw.chance(400)) return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint32(XSD_SOCKMSG_BYTES - 4, draw.pick([4097, 0x1_0000, 0x7fff_ffff, 0xffff_ffff]), true);
  return bytes;
};
