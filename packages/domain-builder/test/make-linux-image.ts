/** A Linux image of one setup sector around a packed kernel. Its unpacked size follows, but for gzip, which ends with it. */
export const makeLinuxImage = (
  packed: Uint8Array,
  unpackedBytes: number,
  endsWithSize: boolean,
): Uint8Array => {
  const first = 1024 + 64;
  const payloadBytes = packed.length + (endsWithSize ? 0 : 4);
  const image = new Uint8Array(first + payloadBytes);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x5372_6448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint32(0x248, 64, true);
  view.setUint32(0x24c, payloadBytes, true);
  image.set(packed, first);
  if (!endsWithSize) view.setUint32(first + packed.length, unpackedBytes, true);
  return image;
};
