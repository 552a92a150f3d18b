#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A product's own identity in Chromium (board stm32f4-product): the browser reads the landing page by the vendor code and
# the index that the BOS descriptor gives it, and a page that was granted 1209:0002 loads an application and starts it.
# usage: landing.sh VBOARD FIRMWARE PACKAGE; 77: see webusb.sh.

set -eu

vboard=$1 firmware=$2 package=$3
here=$(cd "$(dirname "$0")" && pwd)
"$here/webusb.sh" fetch "$package" || exit
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# USB reaches the board only with VBUS on PA9.
"$vboard" run --load "$firmware/redfu-boot.elf" --pin PA9=1@0 --pace real --trace trace -- \
    "$here/webusb.sh" run "$package/webdfu" "$firmware/blink-0.1.bin"

url=example.com/widget/update # BOARD_LANDING_PAGE
len=$((3 + ${#url}))
# WebUSB 4.1.1: GET_URL is wIndex 2; wValue is iLandingPage, bRequest the BOS' vendor code, 0x57.
sed -n '/usb setup type=0xc0 req=87 value=0x0001 index=2 /{n;p;}' trace | grep -q " usb done type=0xc0 req=87 len=$len\$" || {
    echo "Chromium did not get the landing page:"
    grep 'type=0xc0' trace
    exit 1
}
grep -q 'cpu vtor value=0x0800c000' trace || {
    echo "what the page loaded does not run"
    exit 1
}
