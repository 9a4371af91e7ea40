#!/bin/sh
# Builds the image. Usage: build.sh [DIRECTORY]
#
# Without a directory: image/pebble-x86_32p.elf, image/BUILT-WITH and
# src/image.generated.ts are replaced. With one, all three go there instead.
#
# Needs gcc (code generation for -m32 is enough, no 32-bit library) and binutils.
# The same gcc and binutils give the same bytes, wherever the sources lie: only
# relative paths, no build id, no time, no notes of the compiler's.
set -eu
umask 022
LC_ALL=C
export LC_ALL

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    image_dir=$(cd "$1" && pwd)
    source_dir=$image_dir
    cd "$(dirname "$0")"
else
    cd "$(dirname "$0")"
    image_dir=$PWD/image
    source_dir=$PWD/src
fi

CC=${CC:-gcc}
LD=${LD:-ld}
OBJCOPY=${OBJCOPY:-objcopy}
width=x86_32p
name=pebble-$width

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# No vector or floating-point registers: the kernel does not save them.
flags="-m32 -march=i686 -std=gnu11 -Os -ffreestanding -fno-pic -fno-pie
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
    -fno-common -fno-strict-aliasing -fno-ident -mgeneral-regs-only
    -mpreferred-stack-boundary=2 -Wall -Wextra -Wmissing-prototypes
    -fno-delete-null-pointer-checks -g0 -ffile-prefix-map=$PWD=. -ffile-prefix-map=$work=."
link="-m elf_i386 -static -nostdlib --build-id=none -z noexecstack -z max-page-size=4096
    --no-warn-rwx-segments --orphan-handling=error"

# 1. The process, as flat bytes.
# shellcheck disable=SC2086
{
    $CC $flags -c kernel/user/program.c -o "$work/program.o"
    $CC $flags -E -P -Ui386 -x assembler-with-cpp -Ikernel/user kernel/user/program.lds.S -o "$work/program.lds"
    $LD $link -T "$work/program.lds" "$work/program.o" -o "$work/program.elf"
}
$OBJCOPY -O binary "$work/program.elf" "$work/user.bin"

# 2. The kernel. The order of the objects is the order in the image.
arch=kernel/arch/$width
objects=
for source in $arch/start.S $arch/entry.S $arch/abi_check.c $arch/frame.c kernel/common/*.c; do
    object=$work/$(basename "$source").o
    # shellcheck disable=SC2086
    $CC $flags -Ikernel/include -I$arch -Wa,-I"$work" -c "$source" -o "$object"
    objects="$objects $object"
done
# shellcheck disable=SC2086
{
    $CC $flags -E -P -Ui386 -x assembler-with-cpp -I$arch $arch/kernel.lds.S -o "$work/kernel.lds"
    $LD $link -T "$work/kernel.lds" $objects -o "$work/$name.elf"
}
# Names of functions stay, for whoever reads a trace.
$OBJCOPY --strip-debug --discard-locals "$work/$name.elf" "$image_dir/$name.elf"

chmod 644 "$image_dir/$name.elf"

# 3. What built it, and the image as a module.
{
    $CC --version | head -n 1
    $LD --version | head -n 1
} >"$image_dir/BUILT-WITH"
{
    echo "// Made by build.sh from image/$name.elf. Do not edit."
    echo
    echo "/** The bytes of the image, in base64. */"
    echo "export const PEBBLE_X86_32P_BASE64: string ="
    printf '  "%s";\n' "$(base64 <"$image_dir/$name.elf" | tr -d '\n')"
} >"$source_dir/image.generated.ts"
