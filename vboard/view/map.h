// SPDX-License-Identifier: MIT
//
// The flash as characters: how much of it is erased, what changes. Looked at from outside, a piece of some
// kilobytes a character.

#ifndef VBOARD_VIEW_MAP_H
#define VBOARD_VIEW_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "vboard/chip/chip.h"

#define MAP_PIECE_BYTES 4096u
#define MAP_PIECES_MAX  512u // 2 MB
// A row of the map: two sectors of 128 KB, or all smaller ones of a bank and one of them.
#define MAP_ROW_BYTES   (256u * 1024u)

#define MAP_ERASED      '.'
#define MAP_PROGRAMMED  '#'
#define MAP_CHANGED     '*' // since the look before

struct map {
    unsigned count;
    char pieces[MAP_PIECES_MAX];
    uint32_t sums[MAP_PIECES_MAX]; // what the contents were
    bool is_known;
};

// Zero it before the first look. Reads the whole flash.
void map_look(struct map *map, struct chip *chip, uint32_t flash_bytes);
// What stands for `bytes` from `off` on, a multiple of the piece's size.
char map_state(const struct map *map, uint32_t off, uint32_t bytes);
// What the flash does: "erasing sector 5", "programming", or "idle".
#define MAP_BUSY_MAX 24u
void map_busy(const struct chip *chip, char text[MAP_BUSY_MAX]);

#endif
