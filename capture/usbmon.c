// SPDX-License-Identifier: MIT
//
// struct usbmon_packet, field by field. Its byte order is the machine's; here it is always little.

#include "capture/usbmon.h"

#include <string.h>

#include "spec/bytes.h"

#define HEADER_BYTES 64u
#define NS_PER_S     1000000000ull

// Documentation/usb/usbmon.rst: xfer_type.
static const uint8_t types[] = {
    [USB_XFER_CONTROL] = 2,
    [USB_XFER_ISOCHRONOUS] = 0,
    [USB_XFER_BULK] = 3,
    [USB_XFER_INTERRUPT] = 1,
};

bool usbmon_has_data(const struct usbmon_event *event) {
    return event->len > 0 && event->in == event->is_end;
}

static void store_le64(uint8_t *at, uint64_t value) {
    store_le32(at, (uint32_t)value);
    store_le32(at + 4, (uint32_t)(value >> 32));
}

// One packet: the whole transfer (struct usbmon iso_desc: status, offset, length, pad).
static size_t put_isochronous(const struct usbmon_event *event, uint8_t *header) {
    store_le32(header + 40, event->status < 0 && event->is_end); // error_count
    store_le32(header + 44, 1);                                  // numdesc
    store_le32(header + 60, 1);                                  // ndesc
    uint8_t *descriptor = header + HEADER_BYTES;
    memset(descriptor, 0, 16);
    store_le32(descriptor, (uint32_t)event->status);
    store_le32(descriptor + 8, event->len);
    return HEADER_BYTES + 16;
}

size_t usbmon_header(const struct usbmon_event *event, uint8_t header[USBMON_HEADER_MAX]) {
    bool has_data = usbmon_has_data(event);
    bool is_isochronous = event->type == USB_XFER_ISOCHRONOUS;
    memset(header, 0, USBMON_HEADER_MAX);
    store_le64(header, event->id);
    header[8] = event->is_end ? 'C' : 'S';
    header[9] = types[event->type];
    header[10] = (uint8_t)(event->endpoint | (event->in ? USB_DIR_IN : 0));
    header[11] = event->address;
    store_le16(header + 12, event->bus);
    header[14] = event->setup ? 0 : '-';
    // 0: data follow; '<' and '>': none here, they go the other way (or '\0' again: none at all).
    header[15] = has_data || event->in == event->is_end ? 0 : event->in ? '<' : '>';
    store_le64(header + 16, event->ns / NS_PER_S);
    store_le32(header + 24, (uint32_t)(event->ns % NS_PER_S / 1000));
    store_le32(header + 28, (uint32_t)event->status);
    store_le32(header + 32, event->len);
    store_le32(header + 36, (has_data ? event->len : 0) + (is_isochronous ? 16 : 0));
    if (event->setup) {
        memcpy(header + 40, event->setup, USB_SETUP_LEN);
    }
    store_le32(header + 48, event->interval);
    return is_isochronous ? put_isochronous(event, header) : HEADER_BYTES;
}
