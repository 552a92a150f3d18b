#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian's usbip reads the list of a served board. usage: usbip_list.sh VBOARD FIRMWARE. Skipped (77) where there is no
# usbip; what attaching needs (root, vhci_hcd) is not asked for.

set -eu

usbip=$(command -v usbip || PATH=$PATH:/usr/sbin command -v usbip) || {
    echo "no usbip here (Debian: usbip)"
    exit 77
}
vboard=$1 firmware=$2
folder=$(mktemp -d)
"$vboard" serve --load "$firmware/redfu-boot.elf" --usbip 0 --socket "$folder/ctl" 2>"$folder/board" &
board=$!
trap 'kill $board 2>/dev/null || true; rm -rf "$folder"' EXIT

port=''
while [ -z "$port" ]; do
    kill -0 "$board" 2>/dev/null || { cat "$folder/board"; exit 1; }
    sleep 0.05
    port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$folder/board")
done

# The device takes its time to come up.
tries=0
until "$usbip" --tcp-port "$port" list -r 127.0.0.1 >"$folder/list" 2>&1 && grep -q '0483:df11' "$folder/list"; do
    tries=$((tries + 1))
    if [ "$tries" = 200 ]; then
        cat "$folder/list" "$folder/board"
        exit 1
    fi
    sleep 0.1
done
grep -q ' 1-1: ' "$folder/list"
grep -q '(fe/01/02)' "$folder/list"
"$vboard" ctl "$folder/ctl" unplug
"$usbip" --tcp-port "$port" list -r 127.0.0.1 >"$folder/list" 2>&1 || true
if grep -q '0483:df11' "$folder/list"; then
    echo "the device is in the list though its cable is pulled"
    exit 1
fi
"$vboard" ctl "$folder/ctl" stop
wait "$board"
