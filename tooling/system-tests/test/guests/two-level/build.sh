#!/bin/sh
# Builds the kernel: build.sh OUTPUT
set -e
output=$1
cd "$(dirname "$0")"
gcc -m32 -march=i686 -O2 -std=gnu11 -Wall -Wextra -Wno-format -ffreestanding -fno-builtin -fno-pic -fno-pie \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
    -mgeneral-regs-only -nostdlib -static -Wl,-T,kernel.ld,-z,max-page-size=4096,-z,noexecstack,--build-id=none,--no-warn-rwx-segments \
    -o "$output" entry.S kernel.c tables.c segments.c processes.c time.c
