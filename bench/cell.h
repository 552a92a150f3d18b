// SPDX-License-Identifier: MIT
//
// One load that is measured: a bootloader, a host program, a size, and what has changed since the last load.

#ifndef REDFU_BENCH_CELL_H
#define REDFU_BENCH_CELL_H

#include "bench/subject.h"
#include "bench/timing.h"

enum program { DFU_UTIL, FWUPDTOOL, REDFU_WRITE, PROGRAMS };
enum change { ALL, NOTHING, FUNCTION, CHANGES };

struct cell {
    struct timing timing;
    double floor_ms;
    char trouble[256]; // empty: it was loaded
    char remark[256];  // though the program says otherwise
};

// What flash takes by itself: DS8626 table 40, x32, typical: the sectors that bytes [addr, addr + len) touch, and a
// word each 16 us.
double floor_ms(uint32_t addr, uint32_t len);

// Loads `len` bytes, 1 KB or more. `base` is the flash that find_room() left. A load whose image is not in the flash at the end is no load.
void measure(const struct subject *subject, const char *base, uint32_t len, enum program program,
             enum change change, struct cell *cell);

#endif
