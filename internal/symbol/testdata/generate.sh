#!/bin/sh
# Builds the binaries that are kept in the repository, so that the tests of what
# is read from them run on machines without a C compiler. Needs gcc on x86-64.
set -eu
cd "$(dirname "$0")"
gcc -g -gdwarf-5 -O1 -nostdlib -static -fno-asynchronous-unwind-tables -fno-stack-protector \
	-ffile-prefix-map="$PWD"=/src -Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567 \
	-Wl,-z,noseparate-code -o tiny.elf tiny.c
objcopy --compress-debug-sections=zlib tiny.elf
ls -l tiny.elf
