#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What redfu tells programs: --json (every line an object, of a type that docs/json.md has), -v and --trace,
# on the virtual board. usage: words.sh VBOARD REDFU FIRMWARE_FOLDER DOCS_FOLDER
set -eu

vboard=$1 redfu=$2 firmware=$3 docs=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
    echo "words.sh: $*" >&2
    exit 1
}
says() {
    grep -qF -- "$1" out || fail "no '$1' in: $(cat out)"
}

cat >commands <<END
$redfu list --json
$redfu info --json
$redfu write $firmware/blink-0.2.bin --no-run --json --trace load.pcapng
$redfu write $firmware/blink-0.2.bin --dry-run --json
$redfu verify $firmware/blink-0.2.bin --json
$redfu verify $firmware/blink-0.1.bin --json
$redfu read 0x0800C000 4K back --json
$redfu settings set 0x5555 u16:4660 --json
$redfu settings list --json
$redfu settings get 0x5555 --json
$redfu write --all $firmware/blink-0.1.bin --no-run --json
$redfu erase 0x0800C000 16K --json
$redfu doctor --sector 0x080E0000 --yes --json
$redfu doctor --conformance --json
$redfu list --json --serial 1
END
"$vboard" run --load "$firmware/redfu-boot.elf" -- sh commands >out 2>err || true

# Nothing but objects, and each type is described.
if grep -v '^{"type":"[a-z]*",.*}$' out; then
    fail "lines that are no objects of a type"
fi
sed 's/^{"type":"\([a-z]*\)".*/\1/' out | sort -u >types
while read -r type; do
    grep -q "^| \`$type\` |" "$docs/json.md" || fail "docs/json.md has no type $type"
done <types
[ "$(tr '\n' ' ' <types)" = "area assertion board device done error fact finding info plan progress request setting touch verdict " ] || fail "types: $(cat types)"
# And each member of each.
grep -o '"[a-z_]*":' out | sort -u | tr -d '":' | grep -vx type >members
while read -r member; do
    grep -q "\`$member\`" "$docs/json.md" || fail "docs/json.md has no member $member"
done <members
[ "$(grep -c '"type":"\(done\|error\)"' out)" = 15 ] || fail "not one end a command: $(cat out)"
says '{"type":"device","path":"1-1","serial":"316E52724F42","vendor":1155,"product":57105,'
says '"application_address":134266880,"application_bytes":999424'
says '{"type":"plan","erase_sectors":[3,4],"erase_bytes":81920,'
says '{"type":"plan","erase_sectors":[],"erase_bytes":0,"write_bytes":0,"same_bytes":'
says '{"type":"progress","phase":"erasing","address":134266880,"bytes":16384,"done":16384,'
says '{"type":"error","exit_status":44,"means":"the device does not hold what the file holds","text":"'
says '{"type":"setting","key":21845,"hex":"3412"}'
says '{"type":"board","path":"1-1","serial":"316E52724F42","exit_status":0,"seconds":'
says '{"type":"error","exit_status":30,"means":"no matching device in DFU mode","text":"no device in DFU mode matches --serial 1","advice":"'

# -v: every transfer, in the specifications' words, on standard error.
"$vboard" run --load "$firmware/redfu-boot.elf" -- "$redfu" write "$firmware/blink-0.1.bin" -v 2>out >/dev/null
says ' 1:2 SET_INTERFACE 0, alternate setting 0: done'
says ' 1:2 DNLOAD erase the sector at 0x0800C000: done'
says ' 1:2 GETSTATUS: OK, poll 1 ms, dfuDNBUSY'
says ' 1:2 DNLOAD set address 0x0800C000: done'
says ' 1:2 DNLOAD block 2, '
says ' 1:2 GETSTATE: dfuIDLE'
says ', empty: the end: done'
if grep -vE '^ +[0-9]+\.[0-9]{6} [0-9]+:[0-9]+ [A-Za-z]' out; then
    fail "lines that are no transfers"
fi

# --trace: refused before anything, or a capture.
status=0
"$redfu" list --trace none/x.pcapng 2>out || status=$?
[ $status = 13 ] || fail "exit status $status: $(cat out)"
says 'redfu: --trace none/x.pcapng: No such file or directory'
status=0
"$vboard" run --load "$firmware/redfu-boot.elf" -- "$redfu" list --trace /dev/full >/dev/null 2>out || status=$?
[ $status = 13 ] || fail "exit status $status: $(cat out)"
says 'redfu: --trace /dev/full: No space left on device'
for words in --help --version 'list --json' list; do
    status=0
    # shellcheck disable=SC2086 # several words
    "$vboard" run --load "$firmware/redfu-boot.elf" -- "$redfu" $words >/dev/full 2>out || status=$?
    [ $status = 13 ] || fail "redfu $words >/dev/full: exit status $status: $(cat out)"
    says 'redfu: standard output cannot be written (is the disk full?); all else was done'
done
[ "$(od -An -tx4 -N4 load.pcapng)" = " 0a0d0d0a" ] || fail "no pcapng"
command -v tshark >/dev/null || {
    echo "without a look at the capture: no tshark here"
    exit 0
}
look() {
    tshark -r load.pcapng -d usb.device==0x00010002,usbdfu "$@" 2>/dev/null
}
look >out
says 'Sent Command: Download'
[ "$(look -Y "usb.urb_type == 'S'" | wc -l)" = "$(look -Y "usb.urb_type == 'C'" | wc -l)" ] ||
    fail "submissions without end"
look -Y usbdfu.state -T fields -e usbdfu.state | tr '\n' ' ' >out
says '4 5 4 5'
