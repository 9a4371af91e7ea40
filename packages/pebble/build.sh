#!/bin/sh
# Builds the images. Usage: build.sh [DIRECTORY]
#
# Without a directory: image/pebble-WIDTH.elf for each width, image/BUILT-WITH and
# src/image.generated.ts are replaced. With one, all go there instead.
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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# No vector or floating-point registers: the kernel does not save them.
common_flags="-std=gnu11 -Os -ffreestanding -fno-pic -fno-pie
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
    -fno-common -fno-strict-aliasing -fno-ident -mgeneral-regs-only
    -Wall -Wextra -Wmissing-prototypes
    -fno-delete-null-pointer-checks -g0 -ffile-prefix-map=$PWD=. -ffile-prefix-map=$work=."
common_link="-static -nostdlib --build-id=none -z noexecstack -z max-page-size=4096
    --no-warn-rwx-segments --orphan-handling=error"

# Sets what depends on the width. Its own headers go before those of its family.
choose() {
    width=$1
    name=pebble-$width
    case $width in
    x86_64)
        family=kernel/arch/x86_64
        flags="-m64 -mcmodel=kernel -mno-red-zone -include $family/integers.h $common_flags"
        scripts="-DELF_FORMAT=elf64-x86-64 -DELF_MACHINE=i386:x86-64"
        link="-m elf_x86_64 $common_link"
        ;;
    *)
        family=kernel/arch/i386
        flags="-m32 -march=i686 -mpreferred-stack-boundary=2 $common_flags"
        scripts="-DELF_FORMAT=elf32-i386 -DELF_MACHINE=i386"
        link="-m elf_i386 $common_link"
        ;;
    esac
    headers="-Ikernel/include -Ikernel/arch/$width -I$family"
}

# The process, as flat bytes, and the kernel around it. The order of the objects is
# the order in the image. Names of functions stay, for whoever reads a trace.
build() {
    # shellcheck disable=SC2086
    {
        $CC $flags -c kernel/user/program.c -o "$work/program.o"
        $CC $flags $scripts -E -P -Ui386 -x assembler-with-cpp -Ikernel/user kernel/user/program.lds.S \
            -o "$work/program.lds"
        $LD $link -T "$work/program.lds" "$work/program.o" -o "$work/program.elf"
    }
    $OBJCOPY -O binary "$work/program.elf" "$work/user.bin"

    objects=
    for source in $family/start.S kernel/notes.S $family/entry.S $family/abi_check_arch.c $family/frame.c \
        kernel/common/*.c; do
        object=$work/$(basename "$source").o
        # shellcheck disable=SC2086
        $CC $flags $headers -Wa,-I"$work" -c "$source" -o "$object"
        objects="$objects $object"
    done
    # shellcheck disable=SC2086
    {
        $CC $flags $scripts $headers -E -P -Ui386 -x assembler-with-cpp kernel/kernel.lds.S -o "$work/kernel.lds"
        $LD $link -T "$work/kernel.lds" $objects -o "$work/$name.elf"
    }
    $OBJCOPY --strip-debug --discard-locals "$work/$name.elf" "$image_dir/$name.elf"
    chmod 644 "$image_dir/$name.elf"
}

# What built them, and the images as a module.
{
    $CC --version | head -n 1
    $LD --version | head -n 1
} >"$image_dir/BUILT-WITH"
module=$source_dir/image.generated.ts
echo "// Made by build.sh from image/pebble-*.elf. Do not edit." >"$module"
for width in x86_32 x86_32p x86_64; do
    choose $width
    build
    {
        echo
        echo "/** The bytes of the image for $width, in base64. */"
        echo "export const PEBBLE_$(echo $width | tr a-z A-Z)_BASE64: string ="
        printf '  "%s";\n' "$(base64 <"$image_dir/$name.elf" | tr -d '\n')"
    } >>"$module"
done
