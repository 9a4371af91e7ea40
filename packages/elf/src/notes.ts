import type { ElfNote } from "./types.ts";

const HEADER_BYTES = 12;
const align4 = (value: number): number => (value + 3) & ~3;

/**
 * Splits a note segment into its entries: name size, description size, type, then both padded to four bytes. A description
 * that runs over the end is cut there (GRUB's images have such a one); what cannot be read at all ends the list. [ELF 2-4]
 */
export const readNotes = (bytes: Uint8Array): ElfNote[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const nameBytes = view.getUint32(at, true);
    const descriptionBytes = view.getUint32(at + 4, true);
    const nameAt = at + HEADER_BYTES;
    if (nameBytes > bytes.length || descriptionBytes > bytes.length) break;
    const descriptionAt = nameAt + align4(nameBytes);
    if (descriptionAt > bytes.length) break;
    const name = bytes.subarray(nameAt, nameAt + nameBytes);
    const end = name.indexOf(0);
    notes.push({
      owner: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
      type: view.getUint32(at + 8, true),
      description: bytes.subarray(descriptionAt, descriptionAt + descriptionBytes),
    });
    at = descriptionAt + align4(descriptionBytes);
  }
  return notes;
};
