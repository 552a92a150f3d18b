// SPDX-License-Identifier: MIT
//
// The image stamp: 16 bytes behind an application that say how long it is and what its CRC is, so
// that a bootloader can tell a whole image from a half one whoever loaded it. `redfu seal` puts it
// there; the image needs no header and no reserved place.
//
//   image base                            base + length      + 16
//   | application, padded with 0xFF       | stamp            |
//
//   +0   magic   STAMP_MAGIC
//   +4   length  bytes from the image's base to the stamp; a multiple of STAMP_ALIGN
//   +8   crc     CRC-32 (spec/crc.h) of those bytes
//   +12  check   ~(magic + length + crc)
//
// The stamp is found by looking at every multiple of STAMP_ALIGN: its length must be its own
// distance from the base, which a stamp left behind by another image, or chance, does not pass
// together with the CRC.

#ifndef SPEC_STAMP_H
#define SPEC_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/bytes.h"

#define STAMP_BYTES 16u
// A divisor of every block size in use, so that a stamp never lies in two blocks.
#define STAMP_ALIGN 16u
#define STAMP_MAGIC 0x53464452u // "RDFS" in memory order

struct stamp {
    uint32_t length;
    uint32_t crc;
};

static inline void stamp_store(const struct stamp *stamp, uint8_t at[STAMP_BYTES]) {
    store_le32(at, STAMP_MAGIC);
    store_le32(at + 4, stamp->length);
    store_le32(at + 8, stamp->crc);
    store_le32(at + 12, ~(STAMP_MAGIC + stamp->length + stamp->crc));
}

// True when these bytes, `length` bytes behind an image's base, are that image's stamp. Whether the
// CRC is right is for the caller to see.
static inline bool stamp_load(const uint8_t at[STAMP_BYTES], uint32_t length, struct stamp *stamp) {
    stamp->length = load_le32(at + 4);
    stamp->crc = load_le32(at + 8);
    return load_le32(at) == STAMP_MAGIC && stamp->length == length && length > 0 &&
           length % STAMP_ALIGN == 0 &&
           load_le32(at + 12) == ~(STAMP_MAGIC + stamp->length + stamp->crc);
}

#endif
