#!/bin/sh
# Writes test/fixtures/amd64/sse4.jsonl.gz anew: vectors of SSE3 to SSE4.2, BMI and their relatives, recorded on this machine,
# which must have them all. Needs gcc. Usage: generate.sh [VECTORS PER FORM]
set -e
here=$(dirname "$0")
fixtures=$here/../test/fixtures/amd64
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
gcc -O1 -mno-red-zone -o "$work/generate" "$here/generate.c"
{
  zcat "$fixtures/sse2i.jsonl.gz" | head -1 | sed 's/"group":"sse2i"/"group":"sse4"/'
  "$work/generate" "${1:-2}"
} | gzip -9n >"$fixtures/sse4.jsonl.gz"
