// SPDX-License-Identifier: MIT
//
// What lies where in flash: one table from which range checks, erase geometry and the DfuSe layout
// string are made, so that they cannot disagree.

#ifndef CORE_FLASH_MAP_H
#define CORE_FLASH_MAP_H

#include <stdbool.h>
#include <stdint.h>

// A run of equal neighbouring sectors.
struct flash_run {
    uint16_t count;
    uint32_t sector_bytes;
};

// Sectors are numbered from 0 at `base`, as in RM0090 table 5 (SNB of FLASH_CR).
//
//   base                                                 base + all runs
//   | bootloader | settings | application ...                          |
//   0            settings_first          application_first       sector_count
struct flash_map {
    uint32_t base;
    const struct flash_run *runs;
    unsigned run_count;
    unsigned settings_first;    // first sector of the settings store
    unsigned application_first; // first sector of the application
};

#define FLASH_NO_SECTOR 0xffffffffu

unsigned flash_sector_count(const struct flash_map *map);
// First address past the last sector.
uint32_t flash_end(const struct flash_map *map);
// Sector that holds addr; FLASH_NO_SECTOR outside the map.
unsigned flash_sector_at(const struct flash_map *map, uint32_t addr);
// First address and length of a sector; sector < flash_sector_count().
uint32_t flash_sector_address(const struct flash_map *map, unsigned sector);
uint32_t flash_sector_bytes(const struct flash_map *map, unsigned sector);
uint32_t flash_application_address(const struct flash_map *map);

// Whether [addr, addr + len) lies in the map, or in the application's part of it. True for len 0
// at any address inside. Cannot wrap: a range that passes 2^32 lies outside.
bool flash_holds(const struct flash_map *map, uint32_t addr, uint32_t len);
bool flash_application_holds(const struct flash_map *map, uint32_t addr, uint32_t len);

// DfuSe layout strings (UM0424 4.3.2; grammar and hosts' limits in docs/protocol.md), zero
// terminated. `whole` tells every sector, the application's as 'g' (read, erase, write) and those
// before it as 'a' (read only); otherwise only the application's sectors are named.
// Returns the length, or 0 when `size` does not hold it (126 characters and the zero always do).
unsigned flash_layout(const struct flash_map *map, const char *name, bool whole, char *out,
                      unsigned size);

#endif
