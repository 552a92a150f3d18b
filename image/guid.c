// SPDX-License-Identifier: MIT
//
// SHA-1 (FIPS 180-4) of short texts, and a UUID of it. Names, not secrets.

#include "image/guid.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "image/format.h"

#define BLOCK_BYTES  64u
#define TEXT_MAX     256u // far beyond any instance ID
#define DIGEST_WORDS 5u

// RFC 4122 appendix C: the name space for domain names.
static const uint8_t name_space[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                       0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

static uint32_t rotated(uint32_t word, unsigned by) {
    return word << by | word >> (32 - by);
}

static void take_block(uint32_t digest[DIGEST_WORDS], const uint8_t *block) {
    uint32_t w[80];
    for (unsigned i = 0; i < 80; i++) {
        w[i] = i < 16 ? load_be32(block + 4 * (size_t)i)
                      : rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    uint32_t a = digest[0], b = digest[1], c = digest[2], d = digest[3], e = digest[4];
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? (b & c) | (~b & d)
                     : i < 40 ? b ^ c ^ d
                     : i < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t next = rotated(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    digest[0] += a;
    digest[1] += b;
    digest[2] += c;
    digest[3] += d;
    digest[4] += e;
}

void guid_of(const char *instance_id, char text[GUID_TEXT_BYTES]) {
    uint8_t bytes[sizeof name_space + TEXT_MAX + 2 * BLOCK_BYTES] = {0};
    size_t len = strnlen(instance_id, TEXT_MAX);
    memcpy(bytes, name_space, sizeof name_space);
    memcpy(bytes + sizeof name_space, instance_id, len);
    len += sizeof name_space;
    bytes[len] = 0x80;
    // The length in bits ends the last block.
    size_t padded = (len + 9 + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    store_be32(bytes + padded - 4, (uint32_t)len * 8);
    uint32_t digest[DIGEST_WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (size_t at = 0; at < padded; at += BLOCK_BYTES) {
        take_block(digest, bytes + at);
    }
    uint8_t uuid[20];
    for (unsigned i = 0; i < DIGEST_WORDS; i++) {
        store_be32(uuid + 4 * (size_t)i, digest[i]);
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x50); // version 5
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); // RFC 4122's variant
    (void)snprintf(text, GUID_TEXT_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", uuid[0],
                   uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7], uuid[8], uuid[9],
                   uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
}
