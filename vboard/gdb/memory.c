// SPDX-License-Identifier: MIT
//
// Memory as the debugger sees it: memories by their bytes, registers word by word and without side
// effects where they are read. A write to flash changes it at once, without the flash controller: as on
// the desk, where the debug probe does the erasing and programming by itself.

#include <stdlib.h>
#include <string.h>

#include "vboard/gdb/gdb_internal.h"

static bool read_word(struct gdb *gdb, uint32_t addr, uint32_t *word) {
    uint32_t base;
    if (cpu_peek(gdb->cpu, addr, 4, word)) {
        return true;
    }
    if (!chip_peripheral_at(gdb->chip, addr, &base)) {
        return false;
    }
    *word = chip_peek_register(gdb->chip, addr);
    return true;
}

size_t gdb_read(struct gdb *gdb, uint32_t addr, uint8_t *bytes, size_t len) {
    uint32_t word = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t at = addr + (uint32_t)i;
        if (at < addr || ((i == 0 || (at & 3) == 0) && !read_word(gdb, at & ~3u, &word))) {
            return i;
        }
        bytes[i] = (uint8_t)(word >> 8 * (at & 3));
    }
    return len;
}

// Of the sizes that a processor could store, the largest that fits.
static unsigned size_at(uint32_t addr, size_t left) {
    return (addr & 3) == 0 && left >= 4 ? 4 : (addr & 1) == 0 && left >= 2 ? 2 : 1;
}

static bool write_registers(struct gdb *gdb, uint32_t addr, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        uint32_t base, value = 0, word;
        unsigned size = size_at(addr, len);
        memcpy(&value, bytes, size);
        bool is_register = chip_peripheral_at(gdb->chip, addr, &base) || addr >= 0xE0000000u;
        bool is_sram = chip_has_memory(gdb->chip, addr, size);
        if (is_sram ? !chip_poke(gdb->chip, addr, bytes, size)
                    : !is_register || !read_word(gdb, addr & ~3u, &word) ||
                          !cpu_poke(gdb->cpu, addr, size, value)) {
            return false;
        }
        addr += size;
        bytes += size;
        len -= size;
    }
    return true;
}

bool gdb_write(struct gdb *gdb, uint32_t addr, const uint8_t *bytes, size_t len) {
    if (len > UINT32_MAX - addr) {
        return false;
    }
    if (chip_has_memory(gdb->chip, addr, (uint32_t)len)) {
        return chip_poke(gdb->chip, addr, bytes, (uint32_t)len);
    }
    return write_registers(gdb, addr, bytes, len);
}

// --- flash ------------------------------------------------------------------------------------------

static bool sector_at(struct gdb *gdb, uint32_t addr, uint32_t *begin, uint32_t *len) {
    for (unsigned i = 0; chip_flash_sector(gdb->chip, i, begin, len); i++) {
        if (addr - *begin < *len) {
            return true;
        }
    }
    return false;
}

static struct gdb_sector *opened(struct gdb *gdb, uint32_t addr) {
    for (unsigned i = 0; i < gdb->sector_count; i++) {
        if (addr - gdb->sectors[i].addr < gdb->sectors[i].len) {
            return &gdb->sectors[i];
        }
    }
    return NULL;
}

bool gdb_flash_erase(struct gdb *gdb, uint32_t addr, uint32_t len) {
    uint32_t begin, size;
    if (len > UINT32_MAX - addr) {
        return false;
    }
    for (uint32_t end = addr + len; addr < end; addr = begin + size) {
        if (!sector_at(gdb, addr, &begin, &size)) {
            return false;
        }
        struct gdb_sector *sector = opened(gdb, addr);
        if (!sector) {
            if (gdb->sector_count == FLASH_PAGES) {
                return false;
            }
            sector = &gdb->sectors[gdb->sector_count];
            *sector = (struct gdb_sector){begin, size, malloc(size)};
            if (!sector->bytes) {
                return false;
            }
            gdb->sector_count++;
        }
        memset(sector->bytes, 0xFF, size);
    }
    return true;
}

bool gdb_flash_write(struct gdb *gdb, uint32_t addr, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const struct gdb_sector *sector = opened(gdb, addr + (uint32_t)i);
        if (!sector) {
            return false; // was not erased
        }
        sector->bytes[addr + (uint32_t)i - sector->addr] &= bytes[i];
    }
    return true;
}

bool gdb_flash_done(struct gdb *gdb) {
    bool is_done = true;
    for (unsigned i = 0; i < gdb->sector_count; i++) {
        const struct gdb_sector *sector = &gdb->sectors[i];
        is_done = chip_poke(gdb->chip, sector->addr, sector->bytes, sector->len) && is_done;
    }
    gdb_flash_forget(gdb);
    return is_done;
}

void gdb_flash_forget(struct gdb *gdb) {
    while (gdb->sector_count > 0) {
        free(gdb->sectors[--gdb->sector_count].bytes);
    }
}

bool gdb_crc(struct gdb *gdb, uint32_t addr, uint32_t len, uint32_t *crc) {
    *crc = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t byte;
        if (gdb_read(gdb, addr + i, &byte, 1) != 1) {
            return false;
        }
        *crc ^= (uint32_t)byte << 24;
        for (unsigned bit = 0; bit < 8; bit++) {
            *crc = *crc << 1 ^ (*crc >> 31 ? 0x04C11DB7u : 0);
        }
    }
    return true;
}
