#!/bin/sh
# Builds the kernel, runs it, and fails where it fails: what a CI job does. XL says how xl is called here.
set -e
cd "$(dirname "$0")"
out=${OUT:-$(mktemp -d)}
gcc -m64 -Os -ffreestanding -fno-pic -mno-red-zone -mgeneral-regs-only -fcf-protection=none \
    -nostdlib -static -Wl,-Ttext=0,-z,max-page-size=4096,--build-id=none -o "$out/hello" entry.S hello.c

code=0
${XL:-pnpm --silent xl} run "$out/hello" --memory 8 --timeout 60 > "$out/console" || code=$?
case $code in
    0) grep -q '^Hello from a kernel' "$out/console" && echo "passed" ;;
    1) echo "crashed: the reason and its registers are above" >&2; exit 1 ;;
    2) echo "xl could not start it" >&2; exit 1 ;;
    3) echo "it did not end within a minute: its registers are above" >&2; exit 1 ;;
esac
