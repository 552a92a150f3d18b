#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs as `cmake --install` puts them somewhere: they run from there, with nothing of the build folder.
# Usage: installed.sh BUILD_FOLDER
set -eu

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "installed.sh: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$work/usr" --component redfu >"$work/log" 2>&1 ||
    fail "no install: $(cat "$work/log")"
cd "$work"
usr=$work/usr
for file in bin/redfu bin/vboard lib/redfu/libvboard-preload.so lib/udev/rules.d/70-redfu.rules \
    share/man/man1/redfu.1 share/man/man1/vboard.1 share/bash-completion/completions/redfu \
    share/bash-completion/completions/vboard share/zsh/vendor-completions/_redfu \
    share/fish/vendor_completions.d/redfu.fish \
    share/redfu/firmware/stm32f4-discovery/redfu-boot.bin share/redfu/firmware/stm32f407-hs/redfu-boot.hex; do
    [ -f "$usr/$file" ] || fail "$file is not there: $(find usr -type f)"
done
others=$(find usr/share/redfu -type f ! -name 'redfu-boot.*')
[ -z "$others" ] || fail "more firmware than bootloaders: $others"
grep -q 'ATTR{idVendor}=="0483", ATTR{idProduct}=="df11"' usr/lib/udev/rules.d/70-redfu.rules ||
    fail "no rule in the udev rules"

PATH=$usr/bin:$PATH
[ "$(command -v redfu)" = "$usr/bin/redfu" ] || fail "another redfu"
redfu --version | grep -qx 'redfu [0-9.]*' || fail "redfu --version: $(redfu --version)"
# The board, its preloaded library and redfu, all from there.
boot=$usr/share/redfu/firmware/stm32f4-discovery/redfu-boot.hex
vboard run --load "$boot" -- redfu list >found 2>&1 || fail "vboard run failed: $(cat found)"
grep -q '0483:DF11' found || fail "redfu list: $(cat found)"
vboard run --load "$boot" -- dfu-util -l | grep -q 'Internal Flash' || fail "dfu-util does not see the board"

# Every command, and every option that a command's help names, is in the manual.
mandoc -T ascii usr/share/man/man1/redfu.1 | sed 's/.\x08//g' >manual
for command in '' $(redfu --help | sed -n 's/^  \([a-z][a-z-]*\)\( .*\)*$/\1/p'); do
    grep -qE -- "^ +$command( |\$)" manual || fail "$command is not in redfu(1) (packaging/man/redfu.1)"
    # shellcheck disable=SC2086 # none or one word
    redfu $command --help
done | grep -oE -- '--[a-z][a-z-]*(=[a-z]+)?' | sort -u >options
[ "$(wc -l <options)" -gt 30 ] || fail "only these options: $(cat options)"
while read -r option; do
    grep -qE -- "$option([^a-z-]|\$)" manual || fail "$option is not in redfu(1) (packaging/man/redfu.1)"
done <options
