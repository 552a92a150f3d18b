// SPDX-License-Identifier: MIT
//
// State of the random number generator (rng.c), for struct chip.

#ifndef VBOARD_CHIP_RNG_H
#define VBOARD_CHIP_RNG_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

struct chip;

struct rng {
    uint32_t cr, sr, dr;
    uint64_t seed; // of what comes next
    struct event ready;
};

extern const struct peripheral rng_peripheral;
// PLL48CK or HCLK changed.
void rng_clock_changed(struct chip *chip);
void rng_free(struct chip *chip);

#endif
