// SPDX-License-Identifier: MIT
//
// Arithmetic over the flash table, and the DfuSe layout string made from it.

#include "core/flash_map.h"

unsigned flash_sector_count(const struct flash_map *map) {
    unsigned count = 0;
    for (unsigned i = 0; i < map->run_count; i++) {
        count += map->runs[i].count;
    }
    return count;
}

uint32_t flash_sector_address(const struct flash_map *map, unsigned sector) {
    uint32_t addr = map->base;
    for (unsigned i = 0; i < map->run_count; i++) {
        if (sector <= map->runs[i].count) {
            return addr + sector * map->runs[i].sector_bytes;
        }
        sector -= map->runs[i].count;
        addr += map->runs[i].count * map->runs[i].sector_bytes;
    }
    return addr;
}

uint32_t flash_end(const struct flash_map *map) {
    return flash_sector_address(map, flash_sector_count(map));
}

uint32_t flash_sector_bytes(const struct flash_map *map, unsigned sector) {
    return flash_sector_address(map, sector + 1) - flash_sector_address(map, sector);
}

unsigned flash_sector_at(const struct flash_map *map, uint32_t addr) {
    uint32_t off = addr - map->base; // below it: past every end
    unsigned sector = 0;
    for (unsigned i = 0; i < map->run_count; i++) {
        uint32_t run_bytes = map->runs[i].count * map->runs[i].sector_bytes;
        if (off < run_bytes) {
            return sector + off / map->runs[i].sector_bytes;
        }
        off -= run_bytes;
        sector += map->runs[i].count;
    }
    return FLASH_NO_SECTOR;
}

uint32_t flash_application_address(const struct flash_map *map) {
    return flash_sector_address(map, map->application_first);
}

// Whether [addr, addr + len) lies in [first, end). No sum is formed, so nothing can wrap.
static bool range_holds(uint32_t first, uint32_t end, uint32_t addr, uint32_t len) {
    return addr >= first && addr < end && len <= end - addr;
}

bool flash_holds(const struct flash_map *map, uint32_t addr, uint32_t len) {
    return range_holds(map->base, flash_end(map), addr, len);
}

bool flash_application_holds(const struct flash_map *map, uint32_t addr, uint32_t len) {
    return range_holds(flash_application_address(map), flash_end(map), addr, len);
}

// A string under construction; `len` counts on past `size` so that the end can tell it overflowed.
struct text {
    char *out;
    unsigned size;
    unsigned len;
};

static void put(struct text *text, char c) {
    if (text->len < text->size) {
        text->out[text->len] = c;
    }
    text->len++;
}

static void put_string(struct text *text, const char *string) {
    while (*string) {
        put(text, *string++);
    }
}

static void put_hex32(struct text *text, uint32_t value) {
    for (unsigned shift = 32; shift > 0; shift -= 4) {
        put(text, "0123456789ABCDEF"[(value >> (shift - 4)) & 0xf]);
    }
}

// At least two digits for counts and three for sizes: the columns in which ST's ROM writes
// them ("04*016Kg").
static void put_decimal(struct text *text, uint32_t value, unsigned digits) {
    if (value >= 10 || digits > 1) {
        put_decimal(text, value / 10, digits > 1 ? digits - 1 : 1);
    }
    put(text, (char)('0' + value % 10));
}

unsigned flash_layout(const struct flash_map *map, const char *name, bool whole, char *out,
                      unsigned size) {
    struct text text = {.out = out, .size = size, .len = 0};
    unsigned first_shown = whole ? 0 : map->application_first;
    put(&text, '@');
    put_string(&text, name);
    put_string(&text, "/0x");
    put_hex32(&text, flash_sector_address(map, first_shown));
    char separator = '/';
    unsigned run_first = 0;
    for (unsigned i = 0; i < map->run_count; i++) {
        unsigned run_end = run_first + map->runs[i].count;
        // A run is cut where the application begins: read-only sectors before, 'g' from there.
        unsigned from = run_first > first_shown ? run_first : first_shown;
        while (from < run_end) {
            bool is_application = from >= map->application_first;
            unsigned to = run_end;
            if (!is_application && to > map->application_first) {
                to = map->application_first;
            }
            put(&text, separator);
            put_decimal(&text, to - from, 2);
            put(&text, '*');
            put_decimal(&text, map->runs[i].sector_bytes / 1024, 3);
            put(&text, 'K');
            put(&text, is_application ? 'g' : 'a');
            separator = ',';
            from = to;
        }
        run_first = run_end;
    }
    put(&text, '\0');
    return text.len <= size ? text.len - 1 : 0;
}
