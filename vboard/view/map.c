// SPDX-License-Identifier: MIT

#include "vboard/view/map.h"

#include <stdio.h>
#include <string.h>

#include "spec/bytes.h"

// RM0090 3.9.5, 3.9.7, 3.9.8.
#define FLASH_SR      0x40023C0Cu
#define FLASH_SR_BSY  (1u << 16)
#define FLASH_CR      0x40023C10u
#define FLASH_CR_SER  (1u << 1)
#define FLASH_CR_MER  (1u << 2)
#define FLASH_CR_MER1 (1u << 15)
#define SNB(cr)       ((cr) >> 3 & 0x1Fu)
#define BANK_2_SNB    16u // RM0090 3.9.8: sectors 12 to 23 are 16 to 27
#define BANK_2_FIRST  12u

// Whether anything is programmed, and a sum that tells contents apart well enough for an eye (FNV-1a by words).
static uint32_t sum_of(const uint8_t *bytes, bool *is_erased) {
    uint32_t sum = 2166136261u;
    uint32_t all = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < MAP_PIECE_BYTES; i += 4) {
        uint32_t word = load_le32(bytes + i);
        all &= word;
        sum = (sum ^ word) * 16777619u;
    }
    *is_erased = all == 0xFFFFFFFFu;
    return sum;
}

void map_look(struct map *map, struct chip *chip, uint32_t flash_bytes) {
    const uint8_t *flash = chip_flash(chip);
    map->count = flash_bytes / MAP_PIECE_BYTES;
    if (map->count > MAP_PIECES_MAX) {
        map->count = MAP_PIECES_MAX;
    }
    for (unsigned i = 0; i < map->count; i++) {
        bool is_erased;
        uint32_t sum = sum_of(flash + i * MAP_PIECE_BYTES, &is_erased);
        bool has_changed = map->is_known && sum != map->sums[i];
        map->pieces[i] = has_changed ? MAP_CHANGED : is_erased ? MAP_ERASED : MAP_PROGRAMMED;
        map->sums[i] = sum;
    }
    map->is_known = true;
}

char map_state(const struct map *map, uint32_t off, uint32_t bytes) {
    char state = MAP_ERASED;
    for (uint32_t i = off / MAP_PIECE_BYTES; i < (off + bytes) / MAP_PIECE_BYTES; i++) {
        if (i < map->count && map->pieces[i] == MAP_CHANGED) {
            return MAP_CHANGED;
        }
        state = i < map->count && map->pieces[i] == MAP_PROGRAMMED ? MAP_PROGRAMMED : state;
    }
    return state;
}

void map_busy(const struct chip *chip, char text[MAP_BUSY_MAX]) {
    uint32_t cr = chip_peek_register(chip, FLASH_CR);
    unsigned snb = SNB(cr);
    unsigned sector = snb < BANK_2_SNB ? snb : snb - BANK_2_SNB + BANK_2_FIRST;
    if (!chip_is_running(chip) || !(chip_peek_register(chip, FLASH_SR) & FLASH_SR_BSY)) {
        (void)snprintf(text, MAP_BUSY_MAX, "idle");
    } else if (cr & (FLASH_CR_MER | FLASH_CR_MER1)) {
        (void)snprintf(text, MAP_BUSY_MAX, "mass erase");
    } else if (cr & FLASH_CR_SER) {
        (void)snprintf(text, MAP_BUSY_MAX, "erasing sector %u", sector);
    } else {
        (void)snprintf(text, MAP_BUSY_MAX, "programming");
    }
}
