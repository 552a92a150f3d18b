// SPDX-License-Identifier: MIT
//
// The fault model.
//
// Flash is sectors of 32-bit words. An erase makes all bits of a sector 1; programming a word makes
// some of its bits 0. A word may be programmed once after an erase, and besides to zero at any
// time, even when it, or its sector's erase, was interrupted: driving every cell to 0 needs nothing
// to be known about them (ST allows it even where flash has ECC, RM0351 3.3.7). Everything
// else is a misuse: programming what is used or in a half-erased sector, odd addresses or lengths,
// ranges outside the map, a second operation or a read while one is under way, any call without power.
// (A lenient model takes the first: tests of hosts that write twice without erasing.)
//
// One word programmed or one sector erased is one operation. Operations take effect in flash_poll(),
// words in ascending order, each from `data` as it is then. Power can go before an operation (no
// effect of it), after it (all of it, but the caller never hears), or inside:
//
// - A torn word. Each bit that was to become 0 has done so, or has not, or is weak. Besides the
//   independent mixture there are the two that fool a reader best: all bits weak, and the low or
//   the high half done; and none, or all, with nothing weak.
// - A half-erased sector. One of: old contents with many 0 bits weak; all 1 with a few weak
//   bits; old contents behind a run of zeros (the erase algorithm programs everything to 0 first);
//   any mixture by bits; old or erased by words; every bit of the sector weak.
// - Weak bits read 0 or 1 by their word's mood: each bit anew at each read, or the whole word
//   alike at each read, or the whole word, or each bit, or the whole sector alike, from one
//   power-up to the next (temperature), or nearly always 1, or nearly always 0. They stay weak
//   until the word is programmed to zero or the sector is erased.
//
// Not modelled: bits of other words disturbed by a cut, wear, a cut so slow that code goes wrong.
// Every choice follows from the seed and the operation, so a case can be replayed.

#include "tests/power/flash_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/bytes.h"

#define ALL 0xffffffffu

enum mood {
    MOOD_BIT_READ,
    MOOD_WORD_READ,
    MOOD_BIT_POWER,
    MOOD_WORD_POWER,
    MOOD_SECTOR_POWER,
    MOOD_MOSTLY_1,
    MOOD_MOSTLY_0,
    MOOD_COUNT
};

// A mistake in the test itself. Not assert(), which release builds leave out.
static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "flash model: %s\n", what);
        abort();
    }
}

// splitmix64 of two numbers.
static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a + (b + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void leave(struct flash_model *m, int how) {
    m->is_busy = false;
    if (!m->has_exit) {
        fprintf(stderr, "flash model: %s\n", how == FLASH_EXIT_CUT ? "cut" : m->misuse);
        abort();
    }
    m->has_exit = false;
    longjmp(m->exit, how);
}

static void misuse(struct flash_model *m, const char *what) {
    m->misuse = what;
    leave(m, FLASH_EXIT_MISUSE);
}

// Geometry on our own, so that core/flash_map.c is not its own judge.
static uint32_t sector_first_word(const struct flash_map *map, unsigned sector, uint32_t *count) {
    uint32_t first = 0;
    for (unsigned run = 0; run < map->run_count; run++) {
        uint32_t words = map->runs[run].sector_bytes / 4;
        *count = words;
        if (sector < map->runs[run].count) {
            return first + sector * words;
        }
        sector -= map->runs[run].count;
        first += map->runs[run].count * words;
    }
    *count = 0;
    return first;
}

static unsigned sector_of(const struct flash_model *m, uint32_t word) {
    unsigned sector = 0;
    uint32_t count;
    while (sector + 1 < m->sector_count && sector_first_word(m->map, sector + 1, &count) <= word) {
        sector++;
    }
    return sector;
}

void flash_model_init(struct flash_model *m, const struct flash_map *map, uint64_t seed) {
    memset(m, 0, sizeof(*m));
    m->map = map;
    m->seed = seed;
    uint32_t count;
    for (unsigned run = 0; run < map->run_count; run++) {
        m->sector_count += map->runs[run].count;
    }
    m->word_count = sector_first_word(map, m->sector_count, &count);
    m->words = calloc(m->word_count, sizeof(*m->words));
    m->is_half_erased = calloc(m->sector_count, sizeof(*m->is_half_erased));
    m->erases = calloc(m->sector_count, sizeof(*m->erases));
    require(m->words != NULL && m->is_half_erased != NULL && m->erases != NULL, "memory");
    for (uint32_t i = 0; i < m->word_count; i++) {
        m->words[i].bits = ALL;
    }
}

void flash_model_free(struct flash_model *m) {
    free(m->words);
    free(m->is_half_erased);
    free(m->erases);
    memset(m, 0, sizeof(*m));
}

void flash_model_copy(struct flash_model *to, const struct flash_model *from) {
    require(to->map == from->map, "copies between different maps");
    struct flash_model kept = *to;
    memcpy(kept.words, from->words, from->word_count * sizeof(*from->words));
    memcpy(kept.is_half_erased, from->is_half_erased,
           from->sector_count * sizeof(*from->is_half_erased));
    memcpy(kept.erases, from->erases, from->sector_count * sizeof(*from->erases));
    *to = *from;
    to->words = kept.words;
    to->is_half_erased = kept.is_half_erased;
    to->erases = kept.erases;
    memcpy(&to->exit, &kept.exit, sizeof(to->exit));
    to->has_exit = kept.has_exit;
}

void flash_model_cut(struct flash_model *m, uint32_t at, enum flash_cut cut) {
    m->cut_at = at == 0 ? 0 : m->operations + at;
    m->cut = cut;
}

void flash_model_power_on(struct flash_model *m) {
    m->is_off = false;
    m->is_busy = false;
    m->power_ups++;
    m->operations = 0;
    m->cut_at = 0;
    m->misuse = NULL;
}

void flash_model_load(struct flash_model *m, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    require(addr % 4 == 0 && len % 4 == 0 && addr - m->map->base + len <= m->word_count * 4,
            "loads outside the map");
    for (uint32_t off = 0; off < len; off += 4) {
        struct flash_word *word = &m->words[(addr - m->map->base + off) / 4];
        *word = (struct flash_word){.bits = load_le32(bytes + off)};
        word->is_used = word->bits != ALL;
    }
}

static uint32_t read_word(struct flash_model *m, uint32_t index) {
    const struct flash_word *word = &m->words[index];
    m->reads++;
    if (word->weak == 0) {
        return word->bits;
    }
    uint64_t place = mix(m->seed, index);
    uint64_t now = mix(place, m->reads);
    uint64_t today = mix(place, m->power_ups);
    uint32_t noise = 0;
    switch (word->mood % MOOD_COUNT) {
    case MOOD_BIT_READ:
        noise = (uint32_t)now;
        break;
    case MOOD_WORD_READ:
        noise = now & 1 ? ALL : 0;
        break;
    case MOOD_BIT_POWER:
        noise = (uint32_t)today;
        break;
    case MOOD_WORD_POWER:
        noise = today & 1 ? ALL : 0;
        break;
    case MOOD_SECTOR_POWER:
        noise = mix(mix(m->seed, sector_of(m, index)), m->power_ups) & 1 ? ALL : 0;
        break;
    case MOOD_MOSTLY_1:
        noise = now % 16 == 0 ? 0 : ALL;
        break;
    default:
        noise = now % 16 == 0 ? ALL : 0;
        break;
    }
    return (word->bits & ~word->weak) | (noise & word->weak);
}

static void tear_word(struct flash_model *m, uint32_t index, uint32_t value) {
    struct flash_word *word = &m->words[index];
    uint64_t dice = mix(mix(m->seed, index), 0x7ea0000u + m->operations + m->power_ups * 977u);
    uint32_t change = (word->bits | word->weak) & ~value;
    uint32_t done = (uint32_t)dice;
    uint32_t weak = (uint32_t)mix(dice, 1);
    switch ((dice >> 40) % 8) {
    case 0:
        done = 0;
        weak = word->weak; // as if before, but is_used
        break;
    case 1:
        done = ALL;
        weak = 0;
        break;
    case 2:
    case 3:
    case 4:
        done = 0;
        weak = ALL;
        break;
    case 5:
        done = dice & 1 ? 0xffff0000u : 0xffffu;
        break;
    default:
        break;
    }
    word->bits &= ~(change & done);
    word->weak = (word->weak & ~done) | (change & ~done & weak);
    word->bits |= word->weak;
    word->mood = (uint16_t)((dice >> 50) % MOOD_COUNT);
    word->is_used = true;
}

static void half_erase(struct flash_model *m, unsigned sector) {
    uint32_t count;
    uint32_t first = sector_first_word(m->map, sector, &count);
    uint64_t dice = mix(mix(m->seed, sector), 0xe5a5e000u + m->operations + m->power_ups * 977u);
    uint32_t run = (uint32_t)(dice >> 16) % count;
    uint16_t mood = (uint16_t)((dice >> 8) % MOOD_COUNT);
    m->is_half_erased[sector] = true;
    for (uint32_t i = 0; i < count; i++) {
        struct flash_word *word = &m->words[first + i];
        uint64_t roll = mix(dice, i);
        uint32_t any = (uint32_t)roll;
        uint32_t old = word->bits & ~word->weak;
        word->is_used = true;
        word->mood = mood;
        switch (dice % 6) {
        case 0:
            word->weak |= ~old & any;
            break;
        case 1:
            old = ALL;
            word->weak = roll >> 60 == 0 ? any : 0;
            break;
        case 2:
            old = i < run ? 0 : old;
            word->weak = i < run ? 0 : word->weak;
            break;
        case 3:
            old |= any;
            word->weak = (uint32_t)(roll >> 32);
            break;
        case 4:
            old = any & 1 ? ALL : old;
            word->weak = any & 1 ? 0 : word->weak;
            break;
        default:
            word->weak = ALL;
            break;
        }
        word->bits = old | word->weak;
    }
}

static void take_effect(struct flash_model *m) {
    uint32_t count;
    if (m->is_erase) {
        uint32_t first = sector_first_word(m->map, m->sector, &count);
        for (uint32_t i = 0; i < count; i++) {
            m->words[first + i] = (struct flash_word){.bits = ALL};
        }
        m->is_half_erased[m->sector] = false;
        m->erases[m->sector]++;
        return;
    }
    struct flash_word *word = &m->words[m->next];
    uint32_t value = load_le32(m->data);
    word->bits = m->is_lenient ? word->bits & value : value;
    word->weak = m->is_lenient ? word->weak & value : 0;
    word->is_used = true;
}

static void take_half_effect(struct flash_model *m) {
    if (m->is_erase) {
        half_erase(m, m->sector);
    } else {
        tear_word(m, m->next, load_le32(m->data));
    }
}

static void cut_power(struct flash_model *m) {
    m->is_off = true;
    m->cuts++;
    leave(m, FLASH_EXIT_CUT);
}

// One word, or one sector.
static enum flash_result operate(struct flash_model *m) {
    if (!m->is_erase && !m->is_lenient && load_le32(m->data) != 0 &&
        (m->words[m->next].is_used || m->is_half_erased[sector_of(m, m->next)])) {
        misuse(m, "programs a word that is not erased");
    }
    m->operations++;
    if (m->operations == m->cut_at) {
        switch (m->cut) {
        case FLASH_CUT_TORN:
            take_half_effect(m);
            break;
        case FLASH_CUT_AFTER:
            take_effect(m);
            break;
        case FLASH_CUT_FAIL:
            take_half_effect(m);
            m->is_busy = false;
            m->cuts++;
            return FLASH_FAILED;
        default:
            break;
        }
        cut_power(m);
    }
    take_effect(m);
    m->next++;
    m->data += 4;
    m->is_busy = !m->is_erase && m->next < m->last;
    return m->is_busy ? FLASH_BUSY : FLASH_OK;
}

static void check_idle(struct flash_model *m) {
    if (m->is_off) {
        misuse(m, "runs on without power");
    }
    if (m->is_busy) {
        misuse(m, "uses flash while an operation is under way");
    }
}

enum flash_result flash_model_erase(void *ctx, unsigned sector) {
    struct flash_model *m = ctx;
    check_idle(m);
    if (sector >= m->sector_count) {
        misuse(m, "erases a sector that does not exist");
    }
    m->is_busy = true;
    m->is_erase = true;
    m->sector = sector;
    m->waits = 0;
    return FLASH_OK;
}

enum flash_result flash_model_program(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len) {
    struct flash_model *m = ctx;
    check_idle(m);
    uint32_t off = addr - m->map->base;
    if (addr % 4 != 0 || len % 4 != 0 || len == 0) {
        misuse(m, "programs at an odd address or length");
    }
    if (off >= m->word_count * 4 || len > m->word_count * 4 - off) {
        misuse(m, "programs outside the map");
    }
    m->is_busy = true;
    m->is_erase = false;
    m->next = off / 4;
    m->last = (off + len) / 4;
    m->data = data;
    m->waits = 0;
    return FLASH_OK;
}

enum flash_result flash_model_poll(void *ctx) {
    struct flash_model *m = ctx;
    if (m->is_off) {
        misuse(m, "runs on without power");
    }
    if (!m->is_busy) {
        return FLASH_OK;
    }
    if (m->waits < m->busy_polls) {
        m->waits++;
        return FLASH_BUSY;
    }
    return operate(m);
}

void flash_model_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    struct flash_model *m = ctx;
    check_idle(m);
    uint32_t off = addr - m->map->base;
    if (off > m->word_count * 4 || len > m->word_count * 4 - off) {
        misuse(m, "reads outside the map");
    }
    for (uint32_t done = 0; done < len;) {
        uint8_t bytes[4];
        uint32_t at = (off + done) % 4;
        store_le32(bytes, read_word(m, (off + done) / 4));
        while (at < 4 && done < len) {
            out[done++] = bytes[at++];
        }
    }
}

static enum settings_flash_result translate(enum flash_result result) {
    return result == FLASH_OK     ? SETTINGS_FLASH_DONE
           : result == FLASH_BUSY ? SETTINGS_FLASH_BUSY
                                  : SETTINGS_FLASH_FAILED;
}

static uint32_t page_address(struct flash_model *m, unsigned page, uint32_t off, uint32_t len) {
    uint32_t count;
    uint32_t first = sector_first_word(m->map, m->map->settings_first + page, &count);
    if (page > 1 || off > count * 4 || len > count * 4 - off) {
        misuse(m, "settings: leaves its page");
    }
    return m->map->base + first * 4 + off;
}

static enum settings_flash_result page_erase(void *ctx, unsigned page) {
    struct flash_model *m = ctx;
    (void)page_address(m, page, 0, 0);
    return translate(flash_model_erase(m, m->map->settings_first + page));
}

static enum settings_flash_result page_program(void *ctx, unsigned page, uint32_t off,
                                               const uint8_t *data, uint32_t len) {
    return translate(flash_model_program(ctx, page_address(ctx, page, off, len), data, len));
}

static enum settings_flash_result page_poll(void *ctx) {
    return translate(flash_model_poll(ctx));
}

static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    flash_model_read(ctx, page_address(ctx, page, off, len), out, len);
}

struct settings_flash flash_model_settings(struct flash_model *m) {
    uint32_t count;
    (void)sector_first_word(m->map, m->map->settings_first, &count);
    return (struct settings_flash){
        .ctx = m,
        .page_bytes = count * 4,
        .erase = page_erase,
        .program = page_program,
        .poll = page_poll,
        .read = page_read,
    };
}

static const char *const cut_names[] = {
    [FLASH_CUT_BEFORE] = "before",
    [FLASH_CUT_TORN] = "torn",
    [FLASH_CUT_AFTER] = "after",
    [FLASH_CUT_FAIL] = "fail",
};

const char *flash_cut_name(enum flash_cut cut) {
    return cut_names[cut];
}

bool flash_cut_parse(const char *text, enum flash_cut *cut) {
    for (unsigned i = 0; i < sizeof(cut_names) / sizeof(cut_names[0]); i++) {
        if (strcmp(text, cut_names[i]) == 0) {
            *cut = (enum flash_cut)i;
            return true;
        }
    }
    return false;
}
