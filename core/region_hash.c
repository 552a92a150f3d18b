// SPDX-License-Identifier: MIT
//
// Ranges in, CRCs out, a piece at a time.

#include "core/region_hash.h"

#include "spec/bytes.h"
#include "spec/crc.h"

// A piece for the port: 512 words, about 40 us on the chip, less than a packet of the bus.
#define PIECE_BYTES 2048u
#define WORD_BYTES  4u

bool region_hash_is_asked(const struct usb_setup *setup) {
    return setup->bRequest == REGION_HASH_REQUEST && setup->wValue == 0 && setup->wIndex == 0 &&
           (setup->bmRequestType & ~USB_DIR_IN) == USB_TYPE_VENDOR;
}

static void begin_range(struct region_hash *hash) {
    if (hash->at < hash->count) {
        const uint8_t *range = hash->asked + hash->at * REGION_HASH_RANGE_LEN;
        hash->addr = load_le32(range);
        hash->left = load_le32(range + 4);
        hash->crc = CRC32_START;
    }
}

enum usbd_answer region_hash_request(struct region_hash *hash, const struct usb_setup *setup,
                                     struct usbd_data *data) {
    if (!(setup->bmRequestType & USB_DIR_IN)) {
        hash->count = 0;
        data->receive = hash->asked;
        data->capacity = setup->wLength > 0 ? sizeof hash->asked : 0;
        return setup->wLength > 0 ? USBD_ACCEPT : USBD_STALL;
    }
    // While an erase or a command is under way, and while leaving: ask again.
    if (hash->dfu->state == DFU_STATE_DNBUSY || hash->dfu->leaving) {
        return USBD_STALL;
    }
    hash->at = 0;
    begin_range(hash);
    return USBD_LATER;
}

enum usbd_answer region_hash_received(struct region_hash *hash, unsigned len) {
    if (len % REGION_HASH_RANGE_LEN != 0) {
        return USBD_STALL;
    }
    unsigned count = len / REGION_HASH_RANGE_LEN;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *range = hash->asked + i * REGION_HASH_RANGE_LEN;
        if (!flash_holds(hash->dfu->port->map, load_le32(range), load_le32(range + 4))) {
            return USBD_STALL;
        }
    }
    hash->count = (uint8_t)count;
    return USBD_ACCEPT;
}

// Whole words away from the first words go to the port; what is left to this file is at most 8 bytes.
static void take_piece(struct region_hash *hash) {
    const struct dfu *dfu = hash->dfu;
    uint32_t addr = hash->addr;
    uint32_t len = hash->left < PIECE_BYTES ? hash->left : PIECE_BYTES;
    uint32_t vectors = flash_application_address(dfu->port->map);
    uint8_t bytes[UPDATE_VECTOR_BYTES];
    uint32_t few = WORD_BYTES - addr % WORD_BYTES;
    if (addr < vectors && vectors - addr < len) {
        len = vectors - addr;
    }
    if (addr % WORD_BYTES == 0 && len >= WORD_BYTES && addr - vectors >= UPDATE_VECTOR_BYTES) {
        len -= len % WORD_BYTES;
        hash->crc = dfu->port->flash_crc(dfu->port->ctx, hash->crc, addr, len);
    } else {
        len = len < few ? len : few;
        update_read(&dfu->update, addr, bytes, len);
        hash->crc = crc32_update(hash->crc, bytes, len);
    }
    hash->addr += len;
    hash->left -= len;
}

bool region_hash_poll(struct region_hash *hash) {
    struct usbd *usbd = hash->dfu->usbd;
    if (!usbd_is_waiting_for_data(usbd) || !region_hash_is_asked(&usbd->setup)) {
        return false;
    }
    if (!media_is_idle(&hash->dfu->media)) {
        return true; // flash cannot be read while it is written
    }
    if (hash->at < hash->count) {
        if (hash->left > 0) {
            take_piece(hash);
            return true;
        }
        store_le32(hash->answer + REGION_HASH_HEADER_LEN + hash->at * REGION_HASH_CRC_LEN,
                   hash->crc);
        hash->at++;
        begin_range(hash);
        return true;
    }
    store_le32(hash->answer, REGION_HASH_MARK);
    store_le32(hash->answer + 4,
               gate_is_receiving(&hash->dfu->gate) ? REGION_HASH_IS_RECEIVING : 0);
    usbd_send(usbd, hash->answer,
              REGION_HASH_HEADER_LEN + (unsigned)hash->count * REGION_HASH_CRC_LEN);
    return true;
}
