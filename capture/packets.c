// SPDX-License-Identifier: MIT
//
// Packets of usbmon (Documentation/usb/usbmon.rst, struct usbmon_packet: 48 bytes in link type 189, 64 in 220) and of
// USBPcap (USBPcap.h, USBPCAP_BUFFER_PACKET_HEADER and _CONTROL_HEADER), and how they make transfers.

#include "capture/assemble.h"

#include <string.h>

#include "spec/bytes.h"

#define LINK_USBMON         189u
#define LINK_USBMON_MMAPPED 220u
#define LINK_USBPCAP        249u
#define USBMON_CONTROL      2u
#define USBPCAP_HEADER      27u // a control transfer's has one byte more
#define USBPCAP_CONTROL     2u
#define USBPCAP_FROM_DEVICE 1u

// -- Transfers

static struct assemble_open *oldest(struct assemble *assemble) {
    struct assemble_open *found = &assemble->open[0];
    for (unsigned i = 0; i < ASSEMBLE_OPEN_MAX; i++) {
        struct assemble_open *open = &assemble->open[i];
        if (!open->is_used) {
            return open;
        }
        found = open->transfer.number < found->transfer.number ? open : found;
    }
    return found;
}

struct assemble_open *assemble_find(struct assemble *assemble, uint64_t id) {
    for (unsigned i = 0; i < ASSEMBLE_OPEN_MAX; i++) {
        if (assemble->open[i].is_used && assemble->open[i].id == id) {
            return &assemble->open[i];
        }
    }
    return NULL;
}

struct assemble_open *assemble_begin(struct assemble *assemble, uint64_t id, uint64_t at_us,
                                     const uint8_t setup[USB_SETUP_LEN]) {
    struct assemble_open *open = assemble_find(assemble, id);
    if (!open) {
        open = oldest(assemble);
    }
    if (open->is_used) {
        assemble_end(assemble, open, at_us, CAPTURE_UNENDED, 0, 0, NULL, 0);
    }
    if (!assemble->has_begun) {
        assemble->has_begun = true;
        assemble->first_us = at_us;
    }
    memset(open, 0, sizeof *open);
    open->is_used = true;
    open->id = id;
    open->at_us = at_us;
    open->transfer.number = assemble->number;
    open->transfer.at_us = at_us > assemble->first_us ? at_us - assemble->first_us : 0;
    open->transfer.setup = usb_setup_load(setup);
    return open;
}

void assemble_end(struct assemble *assemble, struct assemble_open *open, uint64_t at_us,
                  enum capture_end end, int code, uint32_t moved, const uint8_t *data,
                  uint32_t data_len) {
    struct capture_transfer *transfer = &open->transfer;
    transfer->end_number = assemble->number;
    transfer->duration_us = at_us > open->at_us ? at_us - open->at_us : 0;
    transfer->end = end;
    transfer->code = code;
    if (transfer->setup.bmRequestType & USB_DIR_IN) {
        transfer->moved = moved;
        transfer->data = data;
        transfer->data_len = data_len < moved ? data_len : moved;
    } else {
        // What was sent came with the beginning; usbmon's end tells how much of it went.
        transfer->moved = transfer->setup.wLength;
        transfer->data_len =
            transfer->data_len < transfer->moved ? transfer->data_len : transfer->moved;
    }
    open->is_used = false;
    assemble->tell(assemble->ctx, transfer);
}

void assemble_finish(struct assemble *assemble) {
    for (;;) {
        struct assemble_open *first = NULL;
        for (unsigned i = 0; i < ASSEMBLE_OPEN_MAX; i++) {
            struct assemble_open *open = &assemble->open[i];
            if (open->is_used && (!first || open->transfer.number < first->transfer.number)) {
                first = open;
            }
        }
        if (!first) {
            return;
        }
        assemble_end(assemble, first, first->at_us, CAPTURE_UNENDED, 0, 0, NULL, 0);
    }
}

enum capture_end assemble_errno(int status) {
    switch (status) { // asm-generic/errno.h; Documentation/driver-api/usb/error-codes.rst
    case 0:
    case -121: // EREMOTEIO: short, where that was asked to be an error
        return CAPTURE_DONE;
    case -32: // EPIPE
        return CAPTURE_STALL;
    case -2:   // ENOENT: taken back
    case -104: // ECONNRESET: likewise
    case -110: // ETIMEDOUT
        return CAPTURE_CANCELLED;
    case -19:  // ENODEV
    case -108: // ESHUTDOWN
        return CAPTURE_GONE;
    default:
        return CAPTURE_BROKEN;
    }
}

// -- usbmon

static uint64_t load64(const uint8_t *at, bool is_big) {
    uint64_t value = load_le32(at) | (uint64_t)load_le32(at + 4) << 32;
    return is_big ? __builtin_bswap64(value) : value;
}

static uint32_t load32(const uint8_t *at, bool is_big) {
    uint32_t value = load_le32(at);
    return is_big ? __builtin_bswap32(value) : value;
}

static void usbmon_packet(struct assemble *assemble, size_t header_len, bool is_big,
                          const uint8_t *bytes, size_t len) {
    if (len < header_len || bytes[9] != USBMON_CONTROL || (bytes[10] & 0x0fu) != 0) {
        return;
    }
    uint64_t id = load64(bytes, is_big);
    uint64_t at_us = load64(bytes + 16, is_big) * 1000000u + load32(bytes + 24, is_big);
    uint32_t moved = load32(bytes + 32, is_big);
    uint32_t captured = load32(bytes + 36, is_big);
    captured = captured < len - header_len ? captured : (uint32_t)(len - header_len);
    if (bytes[8] == 'S' && bytes[14] == 0) {
        struct assemble_open *open = assemble_begin(assemble, id, at_us, bytes + 40);
        open->transfer.bus =
            (uint16_t)(is_big ? bytes[12] << 8 | bytes[13] : load_le16(bytes + 12));
        open->transfer.address = bytes[11];
        open->transfer.data = bytes + header_len;
        open->transfer.data_len = captured;
        return;
    }
    struct assemble_open *open = bytes[8] != 'S' ? assemble_find(assemble, id) : NULL;
    if (open) {
        int status = (int)load32(bytes + 28, is_big);
        assemble_end(assemble, open, at_us, assemble_errno(status), status, moved,
                     bytes + header_len, captured);
    }
}

// -- USBPcap

// USBD_STATUS of the Windows driver kit's usb.h.
static enum capture_end usbd_end(uint32_t status) {
    switch (status) {
    case 0:
    case 0xC0000009u: // DATA_UNDERRUN
        return CAPTURE_DONE;
    case 0xC0000004u: // STALL_PID
    case 0xC0000030u: // ENDPOINT_HALTED
        return CAPTURE_STALL;
    case 0xC0010000u: // CANCELED
    case 0xC0006000u: // TIMEOUT
        return CAPTURE_CANCELLED;
    case 0xC0007000u: // DEVICE_GONE
        return CAPTURE_GONE;
    default:
        return CAPTURE_BROKEN;
    }
}

static void usbpcap_packet(struct assemble *assemble, uint64_t at_us, const uint8_t *bytes,
                           size_t len) {
    if (len < USBPCAP_HEADER + 1 || bytes[22] != USBPCAP_CONTROL) {
        return;
    }
    size_t header_len = load_le16(bytes);
    if (header_len < USBPCAP_HEADER + 1 || header_len > len) {
        return;
    }
    uint64_t id = load64(bytes + 2, false);
    uint32_t status = load_le32(bytes + 10);
    unsigned stage = bytes[27]; // 0 setup, 1 data, 2 status, 3 complete
    const uint8_t *data = bytes + header_len;
    size_t data_len = len - header_len;
    struct assemble_open *open = assemble_find(assemble, id);
    bool is_answer = bytes[16] & USBPCAP_FROM_DEVICE;
    if (stage == 0 && !is_answer && data_len >= USB_SETUP_LEN) {
        open = assemble_begin(assemble, id, at_us, data);
        open->transfer.bus = load_le16(bytes + 17);
        open->transfer.address = (uint8_t)load_le16(bytes + 19);
        open->transfer.data = data + USB_SETUP_LEN;
        open->transfer.data_len = (uint32_t)(data_len - USB_SETUP_LEN);
    } else if (open && stage == 1) { // older versions: the data in a packet of their own
        open->transfer.data = data;
        open->transfer.data_len = (uint32_t)data_len;
    } else if (open && is_answer && stage >= 2) {
        bool is_own = data_len != 0;
        assemble_end(assemble, open, at_us, usbd_end(status), (int)status,
                     is_own ? (uint32_t)data_len : open->transfer.data_len,
                     is_own ? data : open->transfer.data,
                     is_own ? (uint32_t)data_len : open->transfer.data_len);
    }
}

bool assemble_packet(struct assemble *assemble, unsigned link_type, bool is_big, uint64_t at_us,
                     const uint8_t *bytes, size_t len) {
    assemble->number++;
    switch (link_type) {
    case LINK_USBMON:
        usbmon_packet(assemble, 48, is_big, bytes, len);
        return true;
    case LINK_USBMON_MMAPPED:
        usbmon_packet(assemble, 64, is_big, bytes, len);
        return true;
    case LINK_USBPCAP:
        usbpcap_packet(assemble, at_us, bytes, len);
        return true;
    default:
        return false;
    }
}
