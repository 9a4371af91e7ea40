/** A file that a guest test needs, and the Debian package it is in. */
export interface GuestFile {
  /** Name it gets in the folder of guests. */
  readonly name: string;
  readonly package: string;
  /** Path inside the unpacked package. */
  readonly path: string;
}

/** All guests, in the order in which they are fetched. */
export const GUEST_FILES: readonly GuestFile[] = [
  {
    name: "grub-i386-xen.bin",
    package: "grub-xen-host",
    path: "usr/lib/grub-xen/grub-i386-xen.bin",
  },
  {
    name: "grub-x86_64-xen.bin",
    package: "grub-xen-host",
    path: "usr/lib/grub-xen/grub-x86_64-xen.bin",
  },
];
