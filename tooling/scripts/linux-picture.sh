#!/bin/sh
# linux-picture.sh: draws the picture of Linux in the README, docs/pictures/linux.svg, from a session that it records.
#
# The session runs under the virtual clock with its input from a pipe: the same versions give the same picture. It needs what
# `pnpm guests` fetches, and mke2fs.
set -e
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
mkdir "$scratch/files"
echo "Hello from ext4." > "$scratch/files/hello.txt"
mke2fs -q -t ext4 -d "$scratch/files" "$scratch/disk.img" 16M
xl() {
  node tooling/scripts/launch.mjs apps/xl "$@"
}
{
  echo '$ pnpm xl run .guests/vmlinuz --ramdisk .guests/initrd-disk.gz --memory 256 \'
  echo '      --cmdline "console=hvc0 nr_cpus=1" --disk file:disk.img'
  cat << 'END' | xl run .guests/vmlinuz --ramdisk .guests/initrd-disk.gz --memory 256 \
    --cmdline "console=hvc0 nr_cpus=1 cryptomgr.notests" --disk "file:$scratch/disk.img" --clock virtual > "$scratch/session"
uname -srm
dmesg | grep -i 'on Xen\|Hypervisor detected\|Xen version'
dmesg | grep -o 'xvda: .*descriptors: enabled'
mount -t ext4 /dev/xvda /mnt && cat /mnt/hello.txt && md5sum /mnt/hello.txt
for i in 1 2 3; do sh -c 'echo process $$'; done
free -m | head -2; cat /proc/uptime
poweroff -f
END
  # What was written before the shell, carriage returns, and the shell's question for the cursor are no part of the picture.
  tr -d '\r' < "$scratch/session" | sed 's/\x1b\[6n//g' | sed -n '/^\/ # uname/,$p'
} | cut -c 1-108 | node tooling/scripts/terminal-picture.mjs 'pnpm xl run' > docs/pictures/linux.svg
