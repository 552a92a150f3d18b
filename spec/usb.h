// SPDX-License-Identifier: MIT
//
// The words of USB 2.0 chapter 9 that both ends of the cable use: SETUP packets, standard
// requests, descriptor types. Names are the specification's (USB 2.0 tables 9-2 to 9-6).

#ifndef SPEC_USB_H
#define SPEC_USB_H

#include <stdint.h>

#include "spec/bytes.h"

// bmRequestType, USB 2.0 table 9-2.
#define USB_DIR_IN              0x80u
#define USB_TYPE_MASK           0x60u
#define USB_TYPE_STANDARD       0x00u
#define USB_TYPE_CLASS          0x20u
#define USB_TYPE_VENDOR         0x40u
#define USB_RECIPIENT_MASK      0x1fu
#define USB_RECIPIENT_DEVICE    0x00u
#define USB_RECIPIENT_INTERFACE 0x01u
#define USB_RECIPIENT_ENDPOINT  0x02u

// bRequest, USB 2.0 table 9-4.
enum usb_request {
    USB_GET_STATUS = 0,
    USB_CLEAR_FEATURE = 1,
    USB_SET_FEATURE = 3,
    USB_SET_ADDRESS = 5,
    USB_GET_DESCRIPTOR = 6,
    USB_SET_DESCRIPTOR = 7,
    USB_GET_CONFIGURATION = 8,
    USB_SET_CONFIGURATION = 9,
    USB_GET_INTERFACE = 10,
    USB_SET_INTERFACE = 11,
    USB_SYNCH_FRAME = 12,
};

// Descriptor types, USB 2.0 table 9-5; BOS from USB 2.0 ECN LPM / USB 3.2 table 9-6.
enum usb_descriptor_type {
    USB_DT_DEVICE = 1,
    USB_DT_CONFIGURATION = 2,
    USB_DT_STRING = 3,
    USB_DT_INTERFACE = 4,
    USB_DT_ENDPOINT = 5,
    USB_DT_DEVICE_QUALIFIER = 6,
    USB_DT_OTHER_SPEED_CONFIGURATION = 7,
    USB_DT_BOS = 15,
    USB_DT_DEVICE_CAPABILITY = 16,
};

// Feature selectors, USB 2.0 table 9-6.
enum usb_feature {
    USB_FEATURE_ENDPOINT_HALT = 0,
    USB_FEATURE_DEVICE_REMOTE_WAKEUP = 1,
};

enum usb_transfer_type {
    USB_XFER_CONTROL = 0,
    USB_XFER_ISOCHRONOUS = 1,
    USB_XFER_BULK = 2,
    USB_XFER_INTERRUPT = 3,
};

#define USB_SETUP_LEN                8u
#define USB_DEVICE_DESCRIPTOR_LEN    18u
#define USB_DEVICE_QUALIFIER_LEN     10u
#define USB_CONFIG_DESCRIPTOR_LEN    9u
#define USB_INTERFACE_DESCRIPTOR_LEN 9u
// A string descriptor's bLength is one byte and its text is UTF-16: 126 characters at most.
#define USB_STRING_CHARS_MAX         126u

// A SETUP packet, taken apart (USB 2.0 table 9-2).
struct usb_setup {
    uint8_t bmRequestType;
    uint8_t bRequest;
    uint16_t wValue;
    uint16_t wIndex;
    uint16_t wLength;
};

static inline struct usb_setup usb_setup_load(const uint8_t at[USB_SETUP_LEN]) {
    struct usb_setup setup = {
        .bmRequestType = at[0],
        .bRequest = at[1],
        .wValue = load_le16(at + 2),
        .wIndex = load_le16(at + 4),
        .wLength = load_le16(at + 6),
    };
    return setup;
}

static inline void usb_setup_store(const struct usb_setup *setup, uint8_t at[USB_SETUP_LEN]) {
    at[0] = setup->bmRequestType;
    at[1] = setup->bRequest;
    store_le16(at + 2, setup->wValue);
    store_le16(at + 4, setup->wIndex);
    store_le16(at + 6, setup->wLength);
}

#endif
