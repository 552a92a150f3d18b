#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Wireshark's own dissectors on a capture of a load: they find the DFU requests that were made.
# usage: pcap_tshark.sh VBOARD FIRMWARE_FOLDER. Skipped (77) where there is no tshark.

set -eu

command -v tshark >/dev/null || {
    echo "no tshark here (Debian: tshark)"
    exit 77
}
vboard=$1
firmware=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$vboard" run --load "$firmware/redfu-boot.elf" --pcap "$folder/load.pcapng" --trace "$folder/trace" -- \
    dfu-util -a 0 -s 0x0800C000 -D "$firmware/blink-0.1.bin" >"$folder/out" 2>&1 || {
    cat "$folder/out"
    exit 1
}

# Debian 12's dissector goes by product, not by interface class.
look() {
    tshark -r "$folder/load.pcapng" -d usb.product==0x0483df11,usbdfu "$@" 2>"$folder/err"
}

wrong() {
    echo "$*"
    look
    exit 1
}

# DNLOAD (1) and GETSTATUS (3) as the trace counts them, and the descriptor that says what DFU it is.
for request in 1:dnload 3:getstatus; do
    seen=$(look -Y "usbdfu.command == ${request%:*}" | wc -l)
    made=$(grep -c "usb ${request#*:} " "$folder/trace")
    if [ "$seen" = 0 ] || [ "$seen" != "$made" ]; then
        wrong "${request#*:}: tshark sees $seen, the trace has $made"
    fi
done
[ "$(look -Y usbdfu.descriptor -T fields -e usbdfu.descriptor.bcdDFUVersion | tr , "\n" | sort -u)" = 0x011a ] ||
    wrong "no DFU descriptor 1.1a"
[ "$(look -Y 'usb.bDescriptorType == 1 && usb.idVendor' -T fields -e usb.idVendor | sort -u)" = 0x0483 ] ||
    wrong "no device descriptor of 0483"
# A completion for each submission.
[ "$(look -Y "usb.urb_type == 'S'" | wc -l)" = "$(look -Y "usb.urb_type == 'C'" | wc -l)" ] ||
    wrong "submissions without end"
# dfu-util waits out bwPollTimeout: the states come in the protocol's order.
look -Y usbdfu.state -T fields -e usbdfu.state | tr '\n' ' ' | grep -q '^2 4 5 4 5 4 5' ||
    wrong "not dfuIDLE, dfuDNBUSY, dfuDNLOAD-IDLE ..."
