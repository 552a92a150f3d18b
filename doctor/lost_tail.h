// SPDX-License-Identifier: MIT
//
// Two blocks were written and are read: is it the end of each that is missing?

#ifndef DOCTOR_LOST_TAIL_H
#define DOCTOR_LOST_TAIL_H

#include <stdint.h>
#include <string.h>

// How many bytes at the end of each of two blocks are still blank, where all before them is as it was written; 0 if that
// is not what is wrong. Of a block at least half has to be there: less is no tail.
static inline uint32_t lost_tail(const uint8_t *now, const uint8_t *written, uint32_t block) {
    uint32_t lost = 0;
    for (unsigned i = 0; i < 2; i++, now += block, written += block) {
        uint32_t kept = 0;
        while (kept < block && now[kept] == written[kept]) {
            kept++;
        }
        for (uint32_t at = kept; at < block; at++) {
            if (now[at] != 0xff) {
                return 0;
            }
        }
        if (kept == block || kept < block / 2) {
            return 0;
        }
        lost = block - kept > lost ? block - kept : lost;
    }
    return lost;
}

#endif
