// SPDX-License-Identifier: MIT
//
// The bootloader's USB descriptors, made from the flash map and the product's identity.

#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flash_map.h"
#include "spec/usb.h"

// Who the device says it is. Strings are ASCII, at most USB_STRING_CHARS_MAX characters.
struct identity {
    uint16_t vendor;  // idVendor
    uint16_t product; // idProduct
    uint16_t release; // bcdDevice
    const char *manufacturer;
    const char *product_name;
    const char *serial;
};

// String indices. Alternate setting n has DESCRIPTORS_ALTERNATE_STRING + n; a DFU status has its
// sentence (iString of GETSTATUS) at DESCRIPTORS_STATUS_STRING(status).
#define DESCRIPTORS_ALTERNATE_STRING    4u
#define DESCRIPTORS_STATUS_STRING(code) (0x10u + (unsigned)(code))
// errWRITE because the settings store cannot take the receiving record.
#define DESCRIPTORS_NO_RECORD_STRING    0x20u

#define DESCRIPTORS_BYTES               256u // longest: a string descriptor of 126 characters

struct descriptors {
    const struct identity *identity;
    const struct flash_map *map;
    uint8_t bytes[DESCRIPTORS_BYTES];
};

void descriptors_init(struct descriptors *descriptors, const struct identity *identity,
                      const struct flash_map *map);
unsigned descriptors_alternate_count(const struct descriptors *descriptors);
// Builds the descriptor into its buffer and returns it; NULL if there is none. It stays valid until
// the next call. `type` and `index` are wValue's bytes.
const uint8_t *descriptors_get(struct descriptors *descriptors, unsigned type, unsigned index,
                               unsigned *len);

#endif
