// SPDX-License-Identifier: MIT
//
// The bootloader's USB descriptors, made from the flash map and the product's identity. Those of
// operating systems and browsers are core/platform.c's.

#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/media.h"
#include "spec/usb.h"

// Who the device says it is. Strings are ASCII, at most USB_STRING_CHARS_MAX characters.
struct identity {
    uint16_t vendor;  // idVendor
    uint16_t product; // idProduct
    uint16_t release; // bcdDevice
    const char *manufacturer;
    const char *product_name;
    const char *serial;
    // For Windows programs: the interface's class GUID, with braces, 38 characters.
    const char *interface_guid;
    // WebUSB's landing page, without https:// before it, DESCRIPTORS_LANDING_PAGE_MAX characters at
    // most; empty: none.
    const char *landing_page;
    bool is_webusb;     // tell browsers of WebUSB
    bool is_high_speed; // can run at high speed, whatever it runs at now
    bool only_flash;    // show alternate setting 0 alone (docs/design.md D7)
};

// String indices. Alternate setting n has DESCRIPTORS_ALTERNATE_STRING + n; a DFU status has its
// sentence (iString of GETSTATUS) at DESCRIPTORS_STATUS_STRING(status).
#define DESCRIPTORS_ALTERNATE_STRING    4u
#define DESCRIPTORS_STATUS_STRING(code) (0x10u + (unsigned)(code))
// errWRITE because the settings store cannot take the receiving record, or another one.
#define DESCRIPTORS_NO_RECORD_STRING    0x20u
#define DESCRIPTORS_FULL_STRING         0x21u
// errSTALLEDPKT because of Read Unprotect.
#define DESCRIPTORS_PROTECTED_STRING    0x22u
// errSTALLEDPKT, because of what was asked for and not when.
#define DESCRIPTORS_BLOCK_STRING        0x23u
#define DESCRIPTORS_COMMAND_STRING      0x24u

// The string that makes Windows before 8.1 ask on (MS OS 1.0 descriptors).
#define DESCRIPTORS_OS_STRING           0xeeu

// bRequest of the vendor requests that the BOS and DESCRIPTORS_OS_STRING name; spec/boot.h's is another.
#define DESCRIPTORS_MS_REQUEST          0x4du // 'M'
#define DESCRIPTORS_WEBUSB_REQUEST      0x57u // 'W'
#define DESCRIPTORS_LANDING_PAGE        1u    // iLandingPage, where there is one

#define DESCRIPTORS_BYTES               256u // longest: a string descriptor of 126 characters, a URL
#define DESCRIPTORS_LANDING_PAGE_MAX    (255u - 3u)

struct descriptors {
    const struct identity *identity;
    const struct media *media;
    uint8_t bytes[DESCRIPTORS_BYTES];
};

void descriptors_init(struct descriptors *descriptors, const struct identity *identity,
                      const struct media *media);
// Builds the descriptor into its buffer and returns it; NULL if there is none. It stays valid until
// the next call. `type` and `index` are wValue's bytes.
const uint8_t *descriptors_get(struct descriptors *descriptors, unsigned type, unsigned index,
                               unsigned *len);
// The same for vendor requests: what Windows (MS OS 1.0 and 2.0) and browsers (WebUSB) ask besides.
const uint8_t *descriptors_vendor(struct descriptors *descriptors, const struct usb_setup *setup,
                                  unsigned *len);

#endif
