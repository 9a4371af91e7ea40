import { decompress as unpackZstandard } from "fzstd";
import { type BuildProblem, buildProblem } from "../problem.ts";
import { findPayload } from "./bz-image.ts";
import { unpackBzip2 } from "./bzip2.ts";
import { unpackLz4Legacy } from "./lz4-legacy.ts";
import { unpackLzma } from "./lzma-alone.ts";
import { collect, streamOf } from "./streams.ts";
import { unpackXz } from "./xz.ts";

/** A form in which kernels are packed. */
interface Packing {
  readonly name: string;
  readonly magic: readonly number[];
  /** Unpacks all of it. Throws, rejects or gives null where that cannot be done. null: nobody here can. */
  readonly unpack: ((bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array | null) | null;
}

const PACKINGS: readonly Packing[] = [
  {
    name: "gzip",
    magic: [0x1f, 0x8b],
    unpack: (bytes) => collect(streamOf(bytes.slice()).pipeThrough(new DecompressionStream("gzip"))),
  },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], unpack: unpackXz },
  { name: "lz4", magic: [0x02, 0x21, 0x4c, 0x18], unpack: unpackLz4Legacy },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: (bytes) => unpackZstandard(bytes) },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], unpack: unpackBzip2 },
  { name: "lzma", magic: [0x5d, 0, 0], unpack: unpackLzma },
  { name: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a], unpack: null },
];

const packingOf = (bytes: Uint8Array): Packing | null =>
  PACKINGS.find(({ magic }) => magic.every((byte, index) => bytes[index] === byte)) ?? null;

/** Bytes behind the packed kernel in a Linux image: its size, which a strict reader takes for garbage. */
const SIZE_BYTES = 4;

/**
 * Gives the kernel in a file: a Linux image (bzImage) holds it packed, and so may a file of its own. What is neither is
 * given back as it is.
 */
export const unpackKernel = async (file: Uint8Array): Promise<Uint8Array | BuildProblem> => {
  const payload = findPayload(file);
  if (payload !== null && "kind" in payload) return payload;
  const packed = payload ?? file;
  const packing = packingOf(packed);
  if (packing === null)
    return payload === null ? file : buildProblem("the kernel is a Linux image with an unknown compression");
  if (packing.unpack === null)
    return buildProblem(`the kernel is packed with ${packing.name}, which is not supported`);
  const hasSize = payload !== null && packing.name !== "gzip";
  const bytes = packed.subarray(0, packed.length - (hasSize ? SIZE_BYTES : 0));
  try {
    const unpacked = await packing.unpack(bytes);
    if (unpacked !== null) return unpacked;
  } catch {
    // Whatever the reason is called, to the person who asked it is this:
  }
  return buildProblem(`the kernel is packed with ${packing.name} and cannot be unpacked: it is damaged`);
};
