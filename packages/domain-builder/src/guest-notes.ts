import type { ElfImage } from "@xenolith/elf";
import * as note from "@xenolith/xen-abi/elfnote";

/** What a kernel says about how it wants to be started. Absent ones are null; addresses are linear, sign-extended on 64-bit. */
export interface GuestNotes {
  /** `elf-notes`, or the string section of kernels older than Xen 3.0.3. */
  readonly form: "elf-notes" | "__xen_guest";
  readonly guestOs: string;
  readonly xenVersion: string | null;
  readonly virtualBase: number | null;
  readonly physicalOffset: number | null;
  readonly entry: number | null;
  /** Linear address of the page to be filled with hypercall stubs. */
  readonly hypercallPage: number | null;
  /** `yes`, `yes[extended-cr3]`, `bimodal`, `no` … */
  readonly paeMode: string | null;
  /** The module may stay unmapped and be named by frame number. */
  readonly modStartPfn: boolean;
  /** Where the P2M is wanted, if not in the initial mapping. */
  readonly initP2m: number | null;
  /** Physical entry of a PVH start. */
  readonly physicalEntry: number | null;
}

const numberOf = (bytes: Uint8Array | undefined): number | null => {
  if (bytes === undefined) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 8) return Number(view.getBigInt64(0, true));
  return bytes.length >= 4 ? view.getUint32(0, true) : null;
};

const textOf = (bytes: Uint8Array | undefined): string | null => {
  if (bytes === undefined) return null;
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

const fromElfNotes = (elf: ElfImage): GuestNotes | null => {
  const byType = new Map<number, Uint8Array>();
  for (const entry of elf.notes)
    if (entry.owner === note.XEN_ELFNOTE_NAME) byType.set(entry.type, entry.description);
  if (byType.size === 0) return null;
  const number = (type: number): number | null => numberOf(byType.get(type));
  return {
    form: "elf-notes",
    guestOs: textOf(byType.get(note.XEN_ELFNOTE_GUEST_OS)) ?? "unknown",
    xenVersion: textOf(byType.get(note.XEN_ELFNOTE_XEN_VERSION)),
    virtualBase: number(note.XEN_ELFNOTE_VIRT_BASE),
    physicalOffset: number(note.XEN_ELFNOTE_PADDR_OFFSET),
    entry: number(note.XEN_ELFNOTE_ENTRY),
    hypercallPage: number(note.XEN_ELFNOTE_HYPERCALL_PAGE),
    paeMode: textOf(byType.get(note.XEN_ELFNOTE_PAE_MODE)),
    modStartPfn: number(note.XEN_ELFNOTE_MOD_START_PFN) === 1,
    initP2m: number(note.XEN_ELFNOTE_INIT_P2M),
    physicalEntry: number(note.XEN_ELFNOTE_PHYS32_ENTRY),
  };
};

/** Numbers of the string section: hexadecimal with 0x, else decimal; wider than 32 bits are sign-extended. */
const legacyNumber = (text: string | undefined): number | null => {
  if (text === undefined || !/^(0x[0-9a-f]{1,16}|[0-9]{1,19})$/i.test(text)) return null;
  return Number(BigInt.asIntN(64, BigInt(text)));
};

/**
 * The section `__xen_guest`: one string of NAME=value joined by commas. HYPERCALL_PAGE is a page number there, counted
 * from VIRT_BASE, and physical addresses are taken as linear ones unless ELF_PADDR_OFFSET says otherwise.
 */
const fromLegacySection = (elf: ElfImage, bytes: Uint8Array): GuestNotes | null => {
  const section = elf.sections.find((candidate) => candidate.name === "__xen_guest");
  if (section === undefined) return null;
  const text = textOf(bytes.subarray(section.offset, section.offset + section.fileBytes)) ?? "";
  const fields = new Map(
    text.split(",").map((field) => {
      const at = field.indexOf("=");
      return at < 0
        ? ([field.trim(), ""] as const)
        : ([field.slice(0, at).trim(), field.slice(at + 1).trim()] as const);
    }),
  );
  const virtualBase = legacyNumber(fields.get("VIRT_BASE"));
  const hypercallPage = legacyNumber(fields.get("HYPERCALL_PAGE"));
  return {
    form: "__xen_guest",
    guestOs: fields.get("GUEST_OS") ?? "unknown",
    xenVersion: fields.get("XEN_VER") ?? null,
    virtualBase,
    physicalOffset: legacyNumber(fields.get("ELF_PADDR_OFFSET")) ?? virtualBase,
    entry: legacyNumber(fields.get("VIRT_ENTRY")),
    hypercallPage: hypercallPage === null ? null : (virtualBase ?? 0) + hypercallPage * 4096,
    paeMode: fields.get("PAE") ?? null,
    modStartPfn: false,
    initP2m: null,
    physicalEntry: null,
  };
};

/** Finds what a kernel says in its ELF notes, else in its string section; null when it says nothing. [XEN elfnote.h] */
export const readGuestNotes = (elf: ElfImage, bytes: Uint8Array): GuestNotes | null =>
  fromElfNotes(elf) ?? fromLegacySection(elf, bytes);
