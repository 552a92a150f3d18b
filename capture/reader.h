// SPDX-License-Identifier: MIT
//
// Reads captures of USB and hands over the control transfers in them, each one whole: its request, its data, how it
// ended and when. Taken are
//
// - pcapng and pcap, either byte order, with the link types 189 and 220 (Linux' usbmon) and 249 (USBPcap on Windows);
// - usbmon's text (/sys/kernel/debug/usb/usbmon/0u; Documentation/usb/usbmon.rst), of which data go up to 32 bytes.
//
// A transfer is handed over when it ends; one that never does is handed over at the end of the file as not answered.
// What is in a file is never believed: lengths are held against the file's.

#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/usb.h"

enum capture_end {
    CAPTURE_DONE = 0,
    CAPTURE_STALL,
    CAPTURE_CANCELLED, // the host took it back, mostly because it took too long
    CAPTURE_BROKEN,    // an error of the bus (EPROTO, EILSEQ, EOVERFLOW, ...)
    CAPTURE_GONE,      // the device went away
    CAPTURE_UNENDED,   // the capture ends before it
};

struct capture_transfer {
    // Of the packet (or line) that began it, and of the one that ended it; from 1.
    unsigned long number, end_number;
    uint64_t at_us; // since the first packet
    uint64_t duration_us;
    uint16_t bus;
    uint8_t address;
    struct usb_setup setup;
    enum capture_end end;
    int code;            // as in the capture: an errno, or a USBD status
    uint32_t moved;      // bytes
    const uint8_t *data; // those that were captured: data_len <= moved
    uint32_t data_len;
};

enum capture_kind {
    CAPTURE_NONE = 0, // nothing that this reads
    CAPTURE_PCAPNG,
    CAPTURE_PCAP,
    CAPTURE_USBMON_TEXT,
};

// What a file is, by its content.
enum capture_kind capture_kind(const uint8_t *bytes, size_t len);
// "pcapng", "pcap", "usbmon's text"; NULL for CAPTURE_NONE.
const char *capture_kind_name(enum capture_kind kind);

#define CAPTURE_FAULT_MAX 160u

// Hands over all transfers. False, with a sentence in `fault`, where the file cannot be read at all or is broken
// (what came before was handed over; `fault` is empty when all went well). `data` of a transfer is good during the
// call only.
bool capture_read(const uint8_t *bytes, size_t len,
                  void (*tell)(void *ctx, const struct capture_transfer *transfer), void *ctx,
                  char fault[CAPTURE_FAULT_MAX]);

#endif
