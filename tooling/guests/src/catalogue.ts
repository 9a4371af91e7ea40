/** A file that a guest test needs, and the Debian package it is in. */
export interface GuestFile {
  /** Name it gets in the folder of guests. */
  readonly name: string;
  readonly package: string;
  /** The package has nothing in it but a dependency on the one with the file, whose name is like this. */
  readonly dependency?: RegExp;
  /** Release of Debian it is from, where that is not the one of this machine. */
  readonly suite?: string;
  /** The file is packed with xz, and is wanted as it is without. */
  readonly isPacked?: boolean;
  /** Not everybody can have it: what cannot be fetched is said and left out. */
  readonly isOptional?: boolean;
  /** Path inside the unpacked package. `*` stands for the one entry that fits there. */
  readonly path: string;
}

/** An initial file system made of files of the folder of guests. */
export interface InitialFileSystem {
  readonly name: string;
  /** Name in the folder of guests, by path in the file system. */
  readonly files: Readonly<Record<string, string>>;
  /** Lines of the script that starts the shell. */
  readonly setUp: readonly string[];
}

const CLOUD_KERNEL = {
  package: "linux-image-cloud-amd64",
  dependency: /^linux-image-[\d.]+-\d+-cloud-amd64$/,
} as const;

/** The kernel of the release after bookworm. */
const LATER_CLOUD_KERNEL = {
  package: "linux-image-cloud-amd64",
  dependency: /^linux-image-[\d.]+\+deb13-cloud-amd64$/,
  suite: "trixie",
  isOptional: true,
} as const;

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
  { name: "vmlinuz", ...CLOUD_KERNEL, path: "boot/vmlinuz-*" },
  {
    name: "xen-blkfront.ko",
    ...CLOUD_KERNEL,
    path: "lib/modules/*/kernel/drivers/block/xen-blkfront.ko",
  },
  { name: "busybox", package: "busybox-static", path: "bin/busybox" },
  { name: "vmlinuz-6.12", ...LATER_CLOUD_KERNEL, path: "boot/vmlinuz-*" },
  {
    name: "xen-blkfront-6.12.ko",
    ...LATER_CLOUD_KERNEL,
    path: "usr/lib/modules/*/kernel/drivers/block/xen-blkfront.ko.xz",
    isPacked: true,
  },
  {
    name: "gnumach-xen.gz",
    package: "gnumach-image-1.8-xen-486",
    path: "boot/gnumach-*-xen-486.gz",
    isOptional: true,
  },
];

/** Initial file systems, made after everything has been fetched: a shell, and one that can use disks. */
export const INITIAL_FILE_SYSTEMS: readonly InitialFileSystem[] = [
  { name: "initrd-shell.gz", files: { "bin/busybox": "busybox" }, setUp: [] },
  {
    name: "initrd-disk.gz",
    files: { "bin/busybox": "busybox", "lib/xen-blkfront.ko": "xen-blkfront.ko" },
    setUp: ["/bin/busybox insmod /lib/xen-blkfront.ko"],
  },
  {
    name: "initrd-disk-6.12.gz",
    files: { "bin/busybox": "busybox", "lib/xen-blkfront.ko": "xen-blkfront-6.12.ko" },
    setUp: ["/bin/busybox insmod /lib/xen-blkfront.ko"],
  },
];
