// SPDX-License-Identifier: MIT
//
// CRC-32 of ranges of flash, for hosts that want to know what need not be written, or whether what was
// written is right (spec/region_hash.h, docs/protocol.md). Changes nothing: not the gate, not the address
// pointer, not the DFU state.
//
// A piece a poll, so that USB stays answered; the host is kept waiting by NAKs in the data stage. What the
// application's first words will be counts as it is read (update_read).

#ifndef CORE_REGION_HASH_H
#define CORE_REGION_HASH_H

#include "core/dfu.h"
#include "core/usbd.h"
#include "spec/region_hash.h"

struct region_hash {
    uint8_t count;       // of ranges
    uint8_t at;          // range being summed up
    uint32_t addr, left; // of it
    uint32_t crc;
    struct dfu *dfu;
    uint8_t asked[REGION_HASH_RANGES_MAX * REGION_HASH_RANGE_LEN];
    uint8_t answer[REGION_HASH_HEADER_LEN + REGION_HASH_RANGES_MAX * REGION_HASH_CRC_LEN];
};

// Whether a request is one of these two; then what usbd's handler passes on.
bool region_hash_is_asked(const struct usb_setup *setup);
enum usbd_answer region_hash_request(struct region_hash *hash, const struct usb_setup *setup,
                                     struct usbd_data *data);
enum usbd_answer region_hash_received(struct region_hash *hash, unsigned len);

// Sums the next piece up, and answers after the last. False when nothing is asked for.
bool region_hash_poll(struct region_hash *hash);

#endif
