// SPDX-License-Identifier: MIT
//
// USB transfers as Linux' usbmon tells of them (Documentation/usb/usbmon.rst, struct usbmon_packet,
// 64 bytes): link type 220, USB_LINUX_MMAPPED, which Wireshark takes apart down to DFU.

#ifndef CAPTURE_USBMON_H
#define CAPTURE_USBMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/usb.h"

#define USBMON_LINK_TYPE  220u
// The header, and one isochronous descriptor behind it.
#define USBMON_HEADER_MAX 80u

enum usbmon_status { // Linux errno values, negative (asm-generic/errno.h)
    USBMON_OK = 0,
    USBMON_CANCELLED = -2,   // ENOENT
    USBMON_STALL = -32,      // EPIPE
    USBMON_NO_ANSWER = -71,  // EPROTO
    USBMON_BABBLE = -75,     // EOVERFLOW
    USBMON_GONE = -108,      // ESHUTDOWN
    USBMON_SUBMITTED = -115, // EINPROGRESS
};

// One event: a transfer was submitted, or it ended.
struct usbmon_event {
    uint64_t id; // the same for a submission and its end
    bool is_end;
    uint64_t ns;
    enum usb_transfer_type type;
    uint16_t bus;
    uint8_t address;
    uint8_t endpoint; // number, without direction bit
    bool in;
    uint8_t interval; // bInterval
    enum usbmon_status status;
    const uint8_t *setup; // 8 bytes: a control transfer's submission; else NULL
    uint32_t len;         // submission: bytes wanted or to be sent; end: bytes moved
};

// Writes the header for an event; returns its length. The data follow it in the packet, `len` bytes,
// where usbmon_has_data() says so.
size_t usbmon_header(const struct usbmon_event *event, uint8_t header[USBMON_HEADER_MAX]);
// Out with the submission, in with the end.
bool usbmon_has_data(const struct usbmon_event *event);

#endif
