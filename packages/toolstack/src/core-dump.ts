import type { DomainControl, DomainDescription } from "@xenolith/domain-interface/control";
import { type CoreSection, ELF_MACHINE, encodeNote, writeCore } from "@xenolith/elf";
import { type DomId, type GuestWidth, toVcpuIndex } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";

const PAGE_BYTES = 4096;
const OWNER = "Xen";
/** Notes of a core file of a domain. [XENDOC dump-core-format.txt] */
const NOTE = { none: 0x200_0000, header: 0x200_0001, version: 0x200_0002, format: 0x200_0003 } as const;
/** Magic of a paravirtual domain's core. */
const MAGIC = 0xf00f_ebedn;
const FORMAT_VERSION = 1n;
/** Sizes of the parts of the note that tells the version. */
const VERSION_PARTS = { extra: 16, compileInfo: 144, capabilities: 1024, changeset: 64 } as const;
/** Frames read at once. */
const FRAMES_AT_ONCE = 256;

const words = (...values: readonly bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values).buffer);

const text = (value: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(value).subarray(0, length - 1));
  return bytes;
};

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

const versionNote = ({ version }: DomainControl, width: GuestWidth): Uint8Array =>
  join(
    words(BigInt(version.major), BigInt(version.minor)),
    text(version.extra, VERSION_PARTS.extra),
    new Uint8Array(VERSION_PARTS.compileInfo),
    text(`xen-3.0-${width} `, VERSION_PARTS.capabilities),
    new Uint8Array(VERSION_PARTS.changeset),
    words(BigInt.asUintN(64, BigInt(HYPERVISOR_RANGE[width].virtStart)), BigInt(PAGE_BYTES)),
  );

const notes = (control: DomainControl, { width, vcpus }: DomainDescription, pages: number): Uint8Array =>
  join(
    encodeNote(OWNER, NOTE.none, new Uint8Array(0)),
    encodeNote(OWNER, NOTE.header, words(MAGIC, BigInt(vcpus), BigInt(pages), BigInt(PAGE_BYTES))),
    encodeNote(OWNER, NOTE.version, versionNote(control, width)),
    encodeNote(OWNER, NOTE.format, words(FORMAT_VERSION)),
  );

const section = (name: string, bytes: Uint8Array, more: Partial<CoreSection> = {}): CoreSection => ({
  name,
  type: "data",
  entryBytes: 0,
  alignment: 8,
  lengthBytes: bytes.length,
  pieces: () => [bytes],
  ...more,
});

/**
 * The core of a domain as a file, piece by piece: notes, the VCPUs' state, shared_info, the list of frames, and their contents,
 * in Xen's format. The domain should be at rest: paused, shut down or crashed. [XENDOC dump-core-format.txt]
 * @returns null when there is no such domain, or it is no paravirtual one.
 */
export const dumpCore = (control: DomainControl, domain: DomId): Iterable<Uint8Array> | null => {
  const description = control.describe(domain);
  if (description === null) return null;
  const contexts = Array.from({ length: description.vcpus }, (_, index) =>
    control.vcpuContext(domain, toVcpuIndex(index)),
  );
  const [first] = contexts;
  if (first === null || first === undefined) return null;
  const numbers = control.physicalNumbersOf(domain);
  const pages = control.framesOf(domain).flatMap((frame, index) => {
    const pfn = numbers[index] ?? null;
    return pfn === null ? [] : [{ frame, pfn }];
  });
  const contentOf = (frames: readonly (typeof pages)[number][]): Uint8Array => {
    const bytes = new Uint8Array(frames.length * PAGE_BYTES);
    for (const [index, { frame }] of frames.entries())
      control.readFrame(domain, frame, bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES));
    return bytes;
  };
  function* contents(): Generator<Uint8Array> {
    for (let at = 0; at < pages.length; at += FRAMES_AT_ONCE)
      yield contentOf(pages.slice(at, at + FRAMES_AT_ONCE));
  }
  const sharedInfo = new Uint8Array(PAGE_BYTES);
  control.readFrame(domain, control.sharedInfoFrame(domain), sharedInfo);
  return writeCore(description.width === "x86_64" ? ELF_MACHINE.x86_64 : ELF_MACHINE.i386, [
    section(".note.Xen", notes(control, description, pages.length), { type: "notes" }),
    section(".xen_prstatus", join(...contexts.map((context) => context ?? new Uint8Array(first.length))), {
      entryBytes: first.length,
    }),
    section(".xen_shared_info", sharedInfo, { entryBytes: PAGE_BYTES }),
    section(".xen_p2m", words(...pages.flatMap(({ pfn, frame }) => [BigInt(pfn), BigInt(frame)])), {
      entryBytes: 16,
    }),
    section(".xen_pages", new Uint8Array(0), {
      entryBytes: PAGE_BYTES,
      alignment: PAGE_BYTES,
      lengthBytes: pages.length * PAGE_BYTES,
      pieces: contents,
    }),
  ]);
};
