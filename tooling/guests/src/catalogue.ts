/** A file that a guest test needs, and the Debian package it is in. */
export interface GuestFile {
  /** Name it gets in the folder of guests. */
  readonly name: string;
  readonly package: string;
  /** The package has nothing in it but a dependency on the one with the file, whose name is like this. */
  readonly dependency?: RegExp;
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
];

/** Initial file systems, made after everything has been fetched: a shell, and one that can use disks. */
export const INITIAL_FILE_SYSTEMS: readonly InitialFileSystem[] = [
  { name: "initrd-shell.gz", files: { "bin/busybox": "busybox" }, setUp: [] },
  {
    name: "initrd-disk.gz",
    files: { "bin/busybox": "busybox", "lib/xen-blkfront.ko": "xen-blkfront.ko" },
    setUp: ["/bin/busybox insmod /lib/xen-blkfront.ko"],
  },
];
