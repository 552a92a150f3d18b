// SPDX-License-Identifier: MIT
//
// Little-endian words in byte buffers.
//
// Everything that crosses a wire or lives in flash goes through these, so that neither the
// host's byte order nor a compiler's idea of struct padding can change what is stored.

#ifndef SPEC_BYTES_H
#define SPEC_BYTES_H

#include <stdint.h>

static inline uint16_t load_le16(const uint8_t *at) {
    return (uint16_t)(at[0] | (at[1] << 8));
}

static inline uint32_t load_le24(const uint8_t *at) {
    return (uint32_t)at[0] | ((uint32_t)at[1] << 8) | ((uint32_t)at[2] << 16);
}

static inline uint32_t load_le32(const uint8_t *at) {
    return load_le24(at) | ((uint32_t)at[3] << 24);
}

static inline void store_le16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void store_le24(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
}

static inline void store_le32(uint8_t *at, uint32_t value) {
    store_le24(at, value);
    at[3] = (uint8_t)(value >> 24);
}

#endif
