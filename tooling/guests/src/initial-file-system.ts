import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { InitialFileSystem } from "./catalogue.ts";
import { type CpioEntry, encodeCpio } from "./cpio.ts";

const DIRECTORY = 0o40755;
const PROGRAM = 0o100755;
const LINK = 0o120777;
const TERMINAL = 0o20600;

/** Commands of busybox that scripts use by their own names. */
const COMMANDS = [
  ..."sh mount umount ls cat cp echo uname dmesg grep head tail wc free df".split(" "),
  ..."poweroff reboot md5sum dd sync sleep seq true false test insmod time ps kill".split(" "),
];

/** The first process: the usual file systems, what else there is to set up, and a shell on the console. */
const initScript = (setUp: readonly string[]): string => `#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
${setUp.map((line) => `${line}\n`).join("")}exec /bin/busybox setsid /bin/busybox cttyhack /bin/sh
`;

/** What the kernel runs when it is asked from outside to end: puts file systems away first. */
const endScript = (command: string): string => `#!/bin/sh
/bin/busybox umount -a -r 2> /dev/null
exec /bin/busybox ${command} -f
`;

/** Makes an initial file system from files that have been fetched into a folder. */
export const writeInitialFileSystem = (folder: string, { name, files, setUp }: InitialFileSystem): void => {
  const directories = new Set([
    "bin",
    "sbin",
    "dev",
    "proc",
    "sys",
    "mnt",
    ...Object.keys(files).map((path) => dirname(path)),
  ]);
  const entries: CpioEntry[] = [
    ...[...directories].map((path) => ({ path, mode: DIRECTORY })),
    { path: "dev/console", mode: TERMINAL, device: [5, 1] as const },
    ...["poweroff", "reboot"].map((command) => ({
      path: `sbin/${command}`,
      mode: PROGRAM,
      content: new TextEncoder().encode(endScript(command)),
    })),
    { path: "init", mode: PROGRAM, content: new TextEncoder().encode(initScript(setUp)) },
    ...Object.entries(files).map(([path, file]) => ({
      path,
      mode: PROGRAM,
      content: new Uint8Array(readFileSync(join(folder, file))),
    })),
    ...COMMANDS.map((command) => ({
      path: `bin/${command}`,
      mode: LINK,
      content: new TextEncoder().encode("busybox"),
    })),
  ];
  writeFileSync(join(folder, name), gzipSync(encodeCpio(entries), { level: 9 }));
};
