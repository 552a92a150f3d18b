#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libredfu as a stranger meets it: installed somewhere, found by pkg-config and by CMake, its examples built
# from that and run on the virtual board. Usage: library.sh BUILD_FOLDER SOURCE_FOLDER C_COMPILER
set -eu

build=$1 source=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "library.sh: $*" >&2
    exit 1
}

for component in redfu-lib redfu-dev; do
    cmake --install "$build" --prefix "$work/usr" --component $component >"$work/log" 2>&1 ||
        fail "no install: $(cat "$work/log")"
done
cd "$work"
library=$(find usr -name 'libredfu.so.0') || true
[ -n "$library" ] || fail "no libredfu.so.0 was installed"
folder=$work/$(dirname "$library")
readelf -d "$library" | grep -q 'SONAME.*\[libredfu\.so\.0\]' || fail "wrong soname"

# What is exported is what the headers declare, in the shared library and in the archive.
grep -ohE '\bredfu_[a-z0-9_]+\(' usr/include/redfu/*.h | tr -d '(' | sort -u >words
nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >shared
nm -g --defined-only "$folder/libredfu.a" | awk 'NF == 3 { print $3 }' | sort >static
[ "$(wc -l <shared)" -gt 30 ] || fail "only $(wc -l <shared) symbols"
cmp shared static || fail "archive and shared library differ"
undeclared=$(comm -23 shared words)
[ -z "$undeclared" ] || fail "exported, but in no header: $undeclared"
other=$(nm -D --defined-only "$library" | awk '{ print $3 }' | grep -vE '^(redfu_[a-z0-9_]+(@@REDFU_0)?|REDFU_0)$') || true
[ -z "$other" ] || fail "exported besides: $other"

# The headers alone, as C and with every warning.
for header in usr/include/redfu/*.h; do
    "$compiler" -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only -x c "$header" || fail "$header"
done

# By pkg-config.
PKG_CONFIG_PATH=$folder/pkgconfig
export PKG_CONFIG_PATH
mkdir by-pkg-config
for example in boards load; do
    # shellcheck disable=SC2046 # words are meant
    "$compiler" -Wall -Wextra -Werror "$source/host/examples/$example.c" $(pkg-config --cflags --libs redfu) \
        -Wl,-rpath,"$folder" -o by-pkg-config/$example || fail "$example by pkg-config"
done

# By CMake.
cmake -S "$source/host/examples" -B by-cmake -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/usr" \
    -DCMAKE_BUILD_RPATH="$folder" >log 2>&1 || fail "by CMake: $(cat log)"
cmake --build by-cmake >log 2>&1 || fail "by CMake: $(cat log)"

firmware=$build/firmware/stm32f4-discovery
run() {
    "$build/vboard" run --load "$firmware/redfu-boot.elf" -- "$@" >out 2>&1 ||
        fail "$*: exit status $?: $(cat out)"
}
for program in by-pkg-config/boards by-cmake/boards by-cmake/boards-static; do
    run ./$program
    grep -q '^1-1  316E52724F42  redfu-boot$' out || fail "$program says: $(cat out)"
    grep -q 'applications at 0x0800C000, up to 999424 bytes' out || fail "$program says: $(cat out)"
done
run by-pkg-config/load -v "$firmware/blink-0.1.bin"
grep -q '^writing 0x0800C000, ' out || fail "load says: $(cat out)"
grep -q '^DNLOAD erase the sector at 0x0800C000: done$' out || fail "load -v says: $(cat out)"
grep -q '^GETSTATUS: OK, poll 1 ms, dfuDNBUSY$' out || fail "load -v says: $(cat out)"
status=0
by-cmake/boards >out 2>&1 || status=$?
[ $status = 30 ] || [ $status = 36 ] || fail "without a board: exit status $status: $(cat out)"
