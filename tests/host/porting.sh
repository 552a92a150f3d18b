#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Does what docs/porting.md says, word for word: its blocks marked sh are run, in order, and a block marked c goes
# into the file named on the line before it. What they print has to hold what the page promises; and a
# header with a number that cannot be has to be refused with the reason.
#
# usage: porting.sh ROOT

set -eu

cd "$1"
B=$(mktemp -d)
export B
trap 'rm -rf "$B"' EXIT

fail() {
    printf 'porting: %s\n' "$*" >&2
    cat "$B/log" >&2
    exit 1
}

# Whether what was printed so far has it, N times.
printed() {
    count=$(grep -cF -- "$2" "$B/log" || true)
    [ "$count" = "$1" ] || fail "'$2' was printed $count times, not $1"
}

# A line "! command" has to fail; sh -e would not look.
awk '
    /^`\$B\/.*`:$/ { file = substr($0, 2, length($0) - 3) }
    /^```$/ && block != "" { if (block == "c") { print "END_OF_FILE" } block = ""; next }
    /^```c$/ { block = "c"; print "cat >" file " <<\"END_OF_FILE\""; next }
    /^```sh$/ { block = "sh"; next }
    block == "sh" && /^! / { print "if " substr($0, 3) "; then echo DID-NOT-FAIL; fi"; next }
    block != ""' docs/porting.md >"$B/steps"
[ "$(grep -c build-board "$B/steps")" = 1 ] || fail "the page has no step that builds, or more than one"
timeout 300 sh -eu "$B/steps" >"$B/log" 2>&1 || fail "a step ended with status $?"

printed 1 '@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg,04*016Kg,01*064Kg,07*128Kg'
printed 1 'File downloaded successfully'
printed 0 DID-NOT-FAIL
printed 1 'limit 16384 kept'
# Each LED was seen to go on and off: blink 0.1 has one, blink 0.2 two.
for pin in 'PB0 level=1' 'PB0 level=0' 'PB7 level=1' 'PB7 level=0'; do
    grep -qF " pin $pin" "$B/log" || fail "no '$pin' in what was printed"
done
size=$(stat -c %s "$B/out/nucleo-f429zi/blink-0.2.bin")
cmp -n "$size" -i 0:49152 "$B/out/nucleo-f429zi/blink-0.2.bin" "$B/flash.bin" ||
    fail "the flash does not hold the image loaded last"

# What a header can get wrong, each refused with its reason before anything is compiled, or by the compiler.
mkdir "$B/wrong"
refused() {
    sed "$1" "$B/nucleo-f429zi/board.h" >"$B/wrong/board.h"
    status=0
    script/build-board "$B/wrong" --into "$B/out" >"$B/log" 2>&1 || status=$?
    [ "$status" = 1 ] || fail "a board.h after sed '$1': status $status, not 1"
    grep -qF "$2" "$B/log" || fail "a board.h after sed '$1': the reason was not told"
    ! grep -q -e '-Werror' -e 'ld returned' "$B/log" || fail "command lines instead of the reason"
}
refused 's/ 8000000$/ 8388608/' 'BOARD_HSE_HZ is not 4 to 26 MHz, or PLLM cannot make 1 MHz of it'
refused '/BOARD_HSE_HZ/d' 'define BOARD_HSE_HZ'
refused '/CHIP_FLASH_KB/d' 'CHIP_FLASH_KB is 512 (E), 1024 (G) or 2048 (I)'
refused 's/ otg_fs/ OTG_FS/' 'BOARD_USB_CORE is otg_fs, otg_hs, otg_hs_ulpi or otg_hs_ulpi_large'
refused 's/stm32f42x/stm32f411/; s/ 2048/ 512/; s/ otg_fs/ otg_hs/' 'this chip has no OTG_HS'
refused 's/VBUS_SENSING /USB_HIGH_SPEED/' 'BOARD_USB_HIGH_SPEED needs an external transceiver'
refused "s/'C'/C/" "at a port from 'A' to 'I', in quotes"
refused 's/_PIN  *13/_PIN 16/' 'a pin from 0 to 15'
refused 's/BUTTON_PORT/BUTON_PORT/' 'nothing reads BOARD_BUTON_PORT; is it misspelt?'
refused '/board_defaults/d' 'it does not end with #include "port/stm32f4/board_defaults.h"'
refused 's/^#define CHIP_F.*/&\n#define BOARD_APPLICATION_FIRST 2/' 'in this order: bootloader,'
refused 's/^#define CHIP_F.*/&\n#define BOARD_SETTINGS_FIRST 3\n#define BOARD_APPLICATION_FIRST 5/' 'have to be of one size'

# Another map (section 4): settings in sectors 2 and 3, the application from sector 4, no updater.
mkdir "$B/moved"
sed 's/^#define CHIP_F.*/&\n#define BOARD_SETTINGS_FIRST 2\n#define BOARD_APPLICATION_FIRST 4/' \
    "$B/nucleo-f429zi/board.h" >"$B/moved/board.h"
script/build-board "$B/moved" --into "$B/out" >"$B/log" 2>&1 || fail "a board with another map is not built"
printed 1 'no updater'
[ ! -e "$B/out/moved/updater.bin" ] || fail "an updater for another map"
V="build/vboard run --chip STM32F429ZI --hse 8MHz --usb fs --flash $B/moved.bin --pin PC13=1@0+500ms --limit 2s"
if ! {
    $V --load "$B/out/moved/redfu-boot.elf" -- dfu-util -a 0 -s 0x08010000:leave -D "$B/out/moved/blink-0.1.bin" &&
        $V --trace "$B/trace" -- build/redfu write "$B/out/moved/blink-0.2.bin"
} >"$B/log" 2>&1; then
    fail "two loads at 0x08010000: status $?"
fi
grep -q ' pin PB7 level=1' "$B/trace" || fail "blink 0.2 at 0x08010000 does not blink"
