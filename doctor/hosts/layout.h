// SPDX-License-Identifier: MIT
//
// The memory layout that a DfuSe device's alternate setting names (UM0424 section 10.3.2), as far
// as all the programs of this folder agree about it. Where one of them searches it in a way of its
// own, that is in its script.

#ifndef DOCTOR_HOSTS_LAYOUT_H
#define DOCTOR_HOSTS_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_RUNS_MAX 16u

// Bits of a sector's type letter: 'a' is 1, 'g' is 7.
enum { LAYOUT_READABLE = 1, LAYOUT_ERASABLE = 2, LAYOUT_WRITABLE = 4 };

// `count` sectors of one size and type, one behind the other.
struct layout_run {
    uint32_t addr;
    uint32_t sector_bytes;
    uint32_t count;
    uint8_t type;
};

struct host_layout {
    struct layout_run runs[LAYOUT_RUNS_MAX];
    unsigned run_count;
};

// Parses "@name/0xADDR/n*sizeMt,...[/0xADDR/...]". False, and an undefined layout, if `text` is
// nothing of the kind or has more runs than there is room for.
bool layout_parse(const char *text, struct host_layout *layout);

// The run that holds `addr`, or NULL.
const struct layout_run *layout_run_at(const struct host_layout *layout, uint32_t addr);

// The first address behind a run.
static inline uint32_t layout_run_end(const struct layout_run *run) {
    return run->addr + run->count * run->sector_bytes;
}

// The first address of the sector of `run` that holds `addr`.
static inline uint32_t layout_sector(const struct layout_run *run, uint32_t addr) {
    return addr - (addr - run->addr) % run->sector_bytes;
}

#endif
