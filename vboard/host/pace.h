// SPDX-License-Identifier: MIT
//
// Virtual time tied to the wall clock (`--pace real`, or so many times faster).

#ifndef VBOARD_HOST_PACE_H
#define VBOARD_HOST_PACE_H

#include <stdint.h>

#include "vboard/timeline.h"

// A board that cannot keep up with the wall clock stops trying to make up for more than this.
#define PACE_LAG_MAX_PS (1 * PS_PER_S)

struct pace {
    uint64_t start_ns; // the wall clock at virtual zero
    unsigned times;    // what virtual time is to the wall clock's
};

uint64_t pace_wall_ns(void);
void pace_start(struct pace *pace, uint64_t now_ps, unsigned times);
// The virtual instant of the wall clock; `now_ps` is how far the board is.
uint64_t pace_instant(struct pace *pace, uint64_t now_ps);

#endif
