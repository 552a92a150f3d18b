// SPDX-License-Identifier: MIT
//
// The fault model of flash: what an operation leaves behind when power goes, or a reset comes, in
// the middle of it. ("The contents of the flash memory are not guaranteed", RM0090 3.6.)
//
// One programmed byte, half-word, word or double word, one sector erased, one mass erase, one write
// of the option bytes is one operation. Power goes before one (no effect at all), or inside:
//
// - Torn programming. Only bits that were to become 0 are touched. Each has done so, or has not, or
//   is weak. One of: none done, and nothing weak; all done; all weak (three times as likely, since
//   it fools a reader best); the low or the high half done, the rest weak or not; each bit by
//   itself.
// - A half-erased sector. One of: the old contents with some 0 bits weak; all 1 with a few weak
//   bits; zeros up to some place and the old contents behind it (the erase algorithm programs
//   everything to 0 first); old and erased mixed by bits, some weak; old or erased by words; all
//   weak. A mass erase leaves each sector half erased in its own way.
// - Option bytes: their sector is erased, then programmed with all of them (RM0090 3.7.2, note). One of: the old
//   ones; the new ones; all 1, three times as likely, since that is what boards in the field were found with
//   (OPTCR 0xCFFFFFFD on an STM32F427 and F429, reports in ST's community); old bits partly 1; new bits partly not
//   yet 0. All 1 is read protection level 1, no watchdog by hardware, no brown-out reset, and where there is SPRMOD a chip that
//   cannot read its vectors any more. Bits never go to 0 on their way to 1, so level 2 (0xCC) does not come about from
//   level 0 (0xAA); whether it can on silicon is not known. On the way from level 1 to 0 the mass erase comes first:
//   it is torn, and the old option bytes stay.
//
// A weak bit reads 0 or 1. Which one is drawn when it becomes weak, and again at each reset
// whatever its cause, so at each power-on: temperature and supply have moved. The draw goes by
// bits, by words, or for the whole sector alike, or is nearly always 1, or nearly always 0. Bits
// stay weak until they are programmed to 0 or their sector is erased to the end; a debugger or a
// loader that writes flash settles them.
//
// Between two resets, reads of a weak bit agree. Reads that differ from one to the next are not
// modelled here, because code runs from these sectors and each fetch would have to be looked at;
// the bootloader's decisions meet them on the PC (tests/power/flash_model.c). A flash file holds
// bits, not weakness: what is saved is what was read last.
//
// Everything follows from the seed, the operation's number and the place, so a run repeats. Not
// modelled: bits of other words disturbed, wear, a supply that sags so slowly that code goes wrong
// before it stops.

#include <stdlib.h>
#include <string.h>

#include "vboard/chip/flash_internal.h"

#define ALL 0xFFFFFFFFu

// splitmix64 (Steele, Lea, Flood 2014) of two numbers.
static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a + (b + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

enum draw { DRAW_BITS, DRAW_WORDS, DRAW_SECTOR, DRAW_MOSTLY_1, DRAW_MOSTLY_0, DRAW_COUNT };

static uint32_t *words_at(uint8_t *bytes, uint32_t off) {
    return (uint32_t *)(void *)(bytes + (off & ~3u)); // both arrays come from malloc
}

// What the weak bits of a word read as until the next reset.
static uint32_t noise(const struct flash *flash, unsigned sector, uint32_t off) {
    // A half-erased sector behaves alike all over; torn words are each their own.
    uint64_t place = mix(flash->tear_seed, flash->is_half_erased[sector] ? sector : off | 1u);
    uint64_t now = mix(mix(flash->tear_seed, off), flash->draws);

    switch ((enum draw)(place % DRAW_COUNT)) {
    case DRAW_BITS:
        return (uint32_t)now;
    case DRAW_WORDS:
        return now & 1 ? ALL : 0;
    case DRAW_SECTOR:
        return mix(place, flash->draws) & 1 ? ALL : 0;
    case DRAW_MOSTLY_1:
        return now % 16 == 0 ? 0 : ALL;
    default:
        return now % 16 == 0 ? ALL : 0;
    }
}

static void draw_sector(struct chip *chip, unsigned sector) {
    struct flash *flash = &chip->flash;
    uint32_t first = flash_sector_off(chip, sector);
    uint32_t last = first + flash_sector_len(sector);

    flash->has_weak[sector] = false;
    for (uint32_t off = first; off < last; off += 4) {
        uint32_t weak = *words_at(flash->weak, off);
        if (weak) {
            uint32_t *word = words_at(flash->bytes, off);
            *word = (*word & ~weak) | (noise(flash, sector, off) & weak);
            flash->has_weak[sector] = true;
        }
    }
    flash_announce_change(chip, first, last - first);
}

void flash_draw_weak(struct chip *chip) {
    struct flash *flash = &chip->flash;

    flash->draws++;
    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        if (flash->has_weak[sector]) {
            draw_sector(chip, sector);
        }
    }
}

void flash_forget_weak(struct chip *chip, uint32_t off, uint32_t len) {
    struct flash *flash = &chip->flash;

    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        if (!flash_has_sector(chip, sector)) {
            continue;
        }
        uint32_t first = flash_sector_off(chip, sector);
        uint32_t end = first + flash_sector_len(sector);
        uint32_t from = off > first ? off : first;
        uint32_t to = off + len < end ? off + len : end;
        if (from >= to) {
            continue;
        }
        if (flash->has_weak[sector]) {
            memset(flash->weak + from, 0, to - from);
        }
        if (from == first && to == end) {
            flash->is_half_erased[sector] = false;
            flash->has_weak[sector] = false;
        }
    }
}

bool flash_stays_weak(const struct chip *chip, uint32_t off, uint32_t len, uint64_t value) {
    if (!chip->flash.has_weak[flash_sector_of(chip, off)]) {
        return false;
    }
    for (uint32_t i = 0; i < len; i++) {
        if (chip->flash.weak[off + i] & (uint8_t)(value >> (8 * i))) {
            return true;
        }
    }
    return false;
}

// --- tearing -----------------------------------------------------------------------------------

static void tear_program(struct flash *flash, uint64_t dice) {
    uint8_t *bytes = flash->bytes + flash->op_off;
    uint8_t *weak_bytes = flash->weak + flash->op_off;
    uint64_t old = 0;
    uint64_t old_weak = 0;
    uint64_t done = mix(dice, 1);
    uint64_t weak = mix(dice, 2);
    uint64_t low_half = (1ull << (4 * flash->op_len)) - 1; // op_len is 8 at most

    for (uint32_t i = 0; i < flash->op_len; i++) {
        old |= (uint64_t)bytes[i] << (8 * i);
        old_weak |= (uint64_t)weak_bytes[i] << (8 * i);
    }
    switch (dice % 8) {
    case 0:
        done = weak = 0;
        break;
    case 1:
        done = ~0ull;
        break;
    case 2:
    case 3:
    case 4:
        done = 0;
        weak = ~0ull;
        break;
    case 5:
        done = dice & 8 ? low_half : ~low_half;
        weak = dice & 16 ? ~0ull : 0;
        break;
    default:
        break;
    }
    uint64_t change = (old | old_weak) & ~flash->op_value;
    uint64_t now = old & ~(change & done);
    uint64_t now_weak = (old_weak & ~(change & done)) | (change & ~done & weak);
    for (uint32_t i = 0; i < flash->op_len; i++) {
        bytes[i] = (uint8_t)(now >> (8 * i));
        weak_bytes[i] = (uint8_t)(now_weak >> (8 * i));
    }
}

static void half_erase_word(uint32_t *word, uint32_t *weak, unsigned kind, uint64_t roll,
                            bool is_in_run) {
    uint32_t any = (uint32_t)roll;
    uint32_t other = (uint32_t)(roll >> 32);

    switch (kind) {
    case 0:
        *weak |= ~*word & any;
        break;
    case 1:
        *word = ALL;
        *weak = other % 16 == 0 ? any : 0;
        break;
    case 2:
        *word = is_in_run ? 0 : *word;
        *weak = is_in_run ? 0 : *weak;
        break;
    case 3:
        *word |= any;
        *weak = other;
        break;
    case 4:
        *word = any & 1 ? ALL : *word;
        *weak = any & 1 ? 0 : *weak;
        break;
    default:
        *weak = ALL;
        break;
    }
}

#define HALF_ERASE_KINDS 6

static void half_erase(struct chip *chip, unsigned sector, uint64_t dice) {
    struct flash *flash = &chip->flash;
    uint32_t first = flash_sector_off(chip, sector);
    uint32_t len = flash_sector_len(sector);
    uint32_t run = (uint32_t)((dice >> 16) % len);

    flash->is_half_erased[sector] = true;
    for (uint32_t off = 0; off < len; off += 4) {
        half_erase_word(words_at(flash->bytes, first + off), words_at(flash->weak, first + off),
                        (unsigned)(dice % HALF_ERASE_KINDS), mix(dice, off), off < run);
    }
    draw_sector(chip, sector);
}

static void half_erase_all(struct chip *chip, uint64_t dice) {
    for (unsigned sector = 0; sector < FLASH_SECTORS; sector++) {
        if (flash_has_sector(chip, sector) &&
            flash_sector_off(chip, sector) - chip->flash.op_off < chip->flash.op_len) {
            half_erase(chip, sector, mix(dice, sector));
        }
    }
}

static uint32_t torn_option(uint32_t old, uint32_t new, unsigned kind, uint32_t any) {
    switch (kind) {
    case 0:
        return old;
    case 1:
        return new;
    case 2:
    case 3:
    case 4:
        return ALL;
    case 5:
    case 6:
        return old | any;
    default:
        return new | any;
    }
}

static void tear_option(struct chip *chip, uint64_t dice) {
    struct flash *flash = &chip->flash;

    if (flash_read_level(flash->option) == 1 && flash_read_level(flash->optcr) == 0) {
        flash->op_off = 0;
        flash->op_len = chip->model->flash_bytes;
        half_erase_all(chip, dice);
        return;
    }
    unsigned kind = (unsigned)(dice % 8);
    flash_set_option(chip, torn_option(flash->option, flash->optcr, kind, (uint32_t)mix(dice, 0)),
                     torn_option(flash->option1, flash->optcr1, kind, (uint32_t)mix(dice, 1)));
}

void flash_tear(struct chip *chip) {
    struct flash *flash = &chip->flash;
    uint64_t dice = mix(flash->tear_seed, flash->op_count);

    flash->draws++;
    switch (flash->kind) {
    case CHIP_FLASH_OPTION:
        tear_option(chip, dice);
        return;
    case CHIP_FLASH_OTP:
        return; // as before: what a cut leaves there is not known
    case CHIP_FLASH_PROGRAM:
        tear_program(flash, dice);
        draw_sector(chip, flash_sector_of(chip, flash->op_off));
        return;
    case CHIP_FLASH_ERASE:
        half_erase(chip, flash_sector_of(chip, flash->op_off), dice);
        return;
    case CHIP_FLASH_MASS_ERASE:
        half_erase_all(chip, dice);
        return;
    }
}
