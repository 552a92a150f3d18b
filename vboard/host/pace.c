// SPDX-License-Identifier: MIT

#include "vboard/host/pace.h"

#include <time.h>

uint64_t pace_wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void pace_start(struct pace *pace, uint64_t now_ps, unsigned times) {
    pace->start_ns = pace_wall_ns() - now_ps / PS_PER_NS / times;
    pace->times = times;
}

uint64_t pace_instant(struct pace *pace, uint64_t now_ps) {
    uint64_t wall_ps = (pace_wall_ns() - pace->start_ns) * PS_PER_NS * pace->times;
    if (wall_ps > now_ps + PACE_LAG_MAX_PS) {
        pace->start_ns += (wall_ps - now_ps - PACE_LAG_MAX_PS) / PS_PER_NS / pace->times;
        wall_ps = now_ps + PACE_LAG_MAX_PS;
    }
    return wall_ps;
}
