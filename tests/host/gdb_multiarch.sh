#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian's gdb at vboard's port. usage: gdb_multiarch.sh VBOARD PROGRAMS FIRMWARE DOCUMENTATION. Skipped (77) where there is
# no gdb-multiarch.

# shellcheck disable=SC2016 # gdb's own $

set -eu

command -v gdb-multiarch >/dev/null || {
    echo "no gdb-multiarch here (Debian: gdb-multiarch)"
    exit 77
}
vboard=$1 programs=$2 firmware=$3 documentation=$4
folder=$(mktemp -d)
board=''
trap 'kill $board 2>/dev/null || true; rm -rf "$folder"' EXIT

# start ARGUMENT...: a board in the background, and the port it says.
start() {
    : >"$folder/board" # nothing of the one before
    "$vboard" run --gdb 0,wait "$@" >>"$folder/board" 2>&1 &
    board=$!
    port=''
    while [ -z "$port" ]; do
        kill -0 "$board" 2>/dev/null || wrong "vboard did not start"
        sleep 0.05
        port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$folder/board")
    done
}

wrong() {
    echo "wrong: $*"
    cat "$folder"/board "$folder"/gdb 2>/dev/null || true
    exit 1
}

# debug ELF COMMAND...: gdb's words are left in $folder/gdb.
debug() {
    elf=$1
    shift
    set -- "$@" DETACH
    while [ "$1" != DETACH ]; do
        set -- "$@" -ex "$1"
        shift
    done
    shift
    timeout 100 gdb-multiarch -q -batch -nx "$elf" -ex 'set confirm off' -ex "target remote :$port" "$@" -ex detach \
        >"$folder/gdb" 2>&1 || wrong "gdb ended with $?"
}

says() {
    grep -q -e "$1" "$folder/gdb" || wrong "gdb does not say: $1"
}

# A program that calls once(), which counts in `sink`, and functions in SRAM.
start --load "$programs/observe-1.elf" --pace real
debug "$programs/observe-1.elf" 'break once' continue 'backtrace' 'watch *(int *)&sink' continue 'p $s3' 'set $s3=1.5' \
    'p $s3' 'delete' 'stepi' 'break in_sram' continue 'info registers' 'x/xw 0xe000ed00' 'load' 'compare-sections' \
    'monitor reset halt' 'maintenance flush register-cache' 'p $pc' 'p $msp' 'x/xw 0xc0000000'
kill -INT "$board"
wait "$board" || wrong "vboard ended with $?"
says '^Breakpoint 1, .* in once ()'
says '^#1 .* in start ()'
says '^Old value = 0$'
says '^New value = 1$'
says '= 1.5$'
says 'in in_sram ()'
says '^control  *0x0'
says '0xe000ed00:.*0x410fc241'
says '\.text.*: matched'
says '\.data.*: matched'
says '<start>$'
says 'Cannot access memory at address 0xc0000000'

# After a reset the registers are the old ones to gdb, and vboard says so; with the hook of docs/debugging.md they
# are the new ones.
sed -n '/^    define hookpost-monitor$/,/^    end$/s/^    //p' "$documentation/debugging.md" >"$folder/hook"
[ -s "$folder/hook" ] || wrong "docs/debugging.md has no hook"
start --load "$programs/observe-1.elf" --pace real
debug "$programs/observe-1.elf" 'break once' continue 'monitor reset' 'info symbol $pc' \
    "source $folder/hook" 'monitor reset' 'info symbol $pc'
kill -INT "$board"
wait "$board" || wrong "vboard ended with $?"
says "maintenance flush register-cache' (docs"
[ "$(sed -n 's/^\([a-z_]*\).* in section .*/\1/p' "$folder/gdb" | tr '\n' ' ')" = 'once start ' ] ||
    wrong 'the registers are not first the old ones, then the new ones'

# A HardFault stops it, and the frame leads back to where it came from.
start --load "$programs/observe-4.elf" --pace real
debug "$programs/observe-4.elf" continue 'backtrace' 'x/xw 0xe000ed38'
kill -INT "$board"
wait "$board" || wrong "vboard ended with $?"
says 'SIGSEGV'
says '^#0 .* in hard_fault ()'
says '^#1  <signal handler called>'
says '^#2 .* in start ()'
says '0xe000ed38:.*0xc0000000'

# A host program at the board's USB port does not notice: it takes the same virtual time and gives the same
# trace as without the debugger, which stopped the board in the middle of control transfers.
dfu="$firmware/redfu-boot.elf"
"$vboard" run --load "$dfu" --trace "$folder/plain" -- dfu-util -l >"$folder/list" 2>&1
start --load "$dfu" --trace "$folder/debugged" -- dfu-util -l
debug "$dfu" 'hbreak on_descriptor' continue continue 'stepi 20' continue 'delete'
wait "$board" || wrong "dfu-util ended with $?"
says '^Breakpoint 1, on_descriptor ('
grep -q 'Found DFU' "$folder/board" || wrong "dfu-util found no board"
cmp "$folder/plain" "$folder/debugged" || wrong "the traces differ"
