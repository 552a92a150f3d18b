// SPDX-License-Identifier: MIT
//
// The decoder. It runs from flash before SRAM holds anything, and in firmware/pack's own check.

#include "port/stm32f4/unpack.h"

#include <stdbool.h>

struct reader {
    const uint8_t *from;
    // Bits not taken yet at the top of the low byte, and below them a one that marks the end.
    uint32_t bits;
};

static bool bit(struct reader *in) {
    in->bits <<= 1;
    if ((in->bits & 0xffu) == 0) {
        in->bits = (uint32_t)*in->from++ << 1 | 1u;
    }
    return (in->bits & 0x100u) != 0;
}

static uint32_t number(struct reader *in) {
    uint32_t value = 1;
    while (bit(in)) {
        value = value << 1 | bit(in);
    }
    return value;
}

void unpack(const uint8_t *from, uint8_t *to, const uint8_t *end) {
    struct reader in = {from, 0x80u};
    const uint8_t *source = to;
    uint32_t offset = UNPACK_OFFSET_UNIT;
    enum { LITERALS, REPEAT, MATCH } token = LITERALS;
    while (to != end) {
        uint32_t len = 0;
        if (token == MATCH) {
            offset = (number(&in) - 1) << UNPACK_OFFSET_LOW_BITS;
            uint32_t low = *in.from++;
            offset = (offset + (low >> 1) + 1) * UNPACK_OFFSET_UNIT;
            len = low & 1u ? UNPACK_MATCH_MIN : number(&in) + UNPACK_MATCH_MIN;
        } else {
            len = number(&in);
        }
        source = token == LITERALS ? in.from : to - offset;
        for (; len > 0 && to != end; len--) {
            *to++ = *source++;
        }
        if (token == LITERALS) {
            in.from = source;
            token = bit(&in) ? MATCH : REPEAT;
        } else {
            token = bit(&in) ? MATCH : LITERALS;
        }
    }
}
