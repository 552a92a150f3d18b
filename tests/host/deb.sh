#!/bin/sh
# SPDX-License-Identifier: MIT
#
# script/package: what is built, as Debian packages that lintian has nothing against, installed into a folder by
# dpkg, used from there, and removed without a trace. Usage: deb.sh SOURCE_FOLDER BUILD_FOLDER
set -eu

source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "deb.sh: $*" >&2
    exit 1
}

"$source/script/package" --build "$build" "$work/debs" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
set -- "$work"/debs/*.deb
[ $# = 3 ] || fail "not three packages: $*"
depends=$(dpkg-deb -f "$work"/debs/redfu_*.deb Depends)
for needed in libusb-1.0-0 libelf1 umockdev; do
    case $depends in
    *"$needed"*) ;;
    *) fail "redfu does not depend on $needed but on: $depends" ;;
    esac
done

# An installation of its own: this system's package database is left alone.
mkdir -p "$work/root" "$work/admin/updates" "$work/admin/info"
: >"$work/admin/status"
: >"$work/admin/available"
dpkg_here() {
    dpkg --admindir="$work/admin" --instdir="$work/root" --log=/dev/null --force-not-root --force-depends \
        --force-script-chrootless "$@" >"$work/log" 2>&1 || fail "dpkg $*: $(cat "$work/log")"
}
dpkg_here -i "$@"
usr=$work/root/usr
PATH=$usr/bin:$PATH
[ "$(command -v redfu)" = "$usr/bin/redfu" ] || fail "another redfu"
vboard run --load "$usr/share/redfu/firmware/stm32f4-discovery/redfu-boot.hex" -- redfu list >"$work/list" 2>&1 ||
    fail "$(cat "$work/list")"
grep -q '0483:DF11' "$work/list" || fail "redfu list: $(cat "$work/list")"
[ -f "$usr/lib/udev/rules.d/70-redfu.rules" ] || fail "no udev rule"
man=$(zcat "$usr/share/man/man1/redfu.1.gz" | mandoc -T ascii | wc -l)
[ "$man" -gt 100 ] || fail "redfu(1) has $man lines"

# A stranger's program, by what pkg-config says of the library.
printf '#include <redfu.h>\nint main(void) { return redfu_result_text(REDFU_OK)[0] != 100; }\n' >"$work/main.c"
PKG_CONFIG_PATH=$(dirname "$(find "$usr/lib" -name redfu.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # words
cc -o "$work/main" "$work/main.c" $(pkg-config --cflags --libs redfu) || fail "a program does not build"
LD_LIBRARY_PATH=$(dirname "$(find "$usr/lib" -name libredfu.so.0)") "$work/main" || fail "a program does not run"

dpkg_here --purge redfu libredfu-dev libredfu0
left=$(find "$work/root" -type f -o -type l)
[ -z "$left" ] || fail "left behind: $left"
