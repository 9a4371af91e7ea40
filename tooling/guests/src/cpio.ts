/** One entry of an archive, parents first. */
export interface CpioEntry {
  readonly path: string;
  /** Type and permissions, as stat gives them. */
  readonly mode: number;
  readonly content?: Uint8Array;
  /** Major and minor number of a device. */
  readonly device?: readonly [major: number, minor: number];
}

const ALIGNMENT = 4;
const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
const padding = (length: number): Uint8Array =>
  new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);

const encodeEntry = ({ path, mode, content, device }: CpioEntry, inode: number): Uint8Array[] => {
  const bytes = content ?? new Uint8Array(0);
  const [major, minor] = device ?? [0, 0];
  // ino, mode, uid, gid, nlink, mtime, filesize, dev major and minor, rdev major and minor, namesize, check
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, path.length + 1, 0];
  const head = new TextEncoder().encode(`070701${fields.map(hex).join("")}${path}\0`);
  return [head, padding(head.length), bytes, padding(bytes.length)];
};

/** An archive in the form that Linux unpacks at its start (cpio, "new ASCII"). The same entries give the same bytes. */
export const encodeCpio = (entries: readonly CpioEntry[]): Uint8Array => {
  const parts = [...entries, { path: "TRAILER!!!", mode: 0 }].flatMap((entry, index) =>
    encodeEntry(entry, index + 1),
  );
  return new Uint8Array(Buffer.concat(parts));
};
