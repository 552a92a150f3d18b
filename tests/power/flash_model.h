// SPDX-License-Identifier: MIT
//
// A strict NOR flash for host tests, with the power going at any operation. The fault model is
// written at the top of flash_model.c.
//
// Any number of instances live side by side. The four functions with the signatures of core/port.h
// take the model itself as ctx: a test whose port has a larger context puts struct flash_model
// first in it.
//
//     flash_model_init(&m, &map, seed);
//     flash_model_cut(&m, 137, FLASH_CUT_TORN);
//     switch (setjmp(m.exit)) {
//     case 0: m.has_exit = true; ...code under test... ; break;       // the power held
//     case FLASH_EXIT_CUT: break;                                   // nothing after the cut ran
//     case FLASH_EXIT_MISUSE: fail(m.misuse); break;
//     }
//     flash_model_power_on(&m);

#ifndef TESTS_POWER_FLASH_MODEL_H
#define TESTS_POWER_FLASH_MODEL_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"
#include "settings/settings.h"

enum flash_cut {
    FLASH_CUT_BEFORE, // the operation has no effect
    FLASH_CUT_TORN,   // it has some of its effect
    FLASH_CUT_AFTER,  // it has all of its effect, and nothing more executes
    FLASH_CUT_FAIL,   // no cut: as torn, the operation reports FLASH_FAILED and life goes on
};

enum { FLASH_EXIT_CUT = 1, FLASH_EXIT_MISUSE };

struct flash_word {
    uint32_t bits; // stable bits; 1 where weak
    uint32_t weak; // bits that read differently from time to time
    uint16_t mood; // how they do
    bool is_used;  // programmed, wholly or partly, since the last completed erase
};

struct flash_model {
    const struct flash_map *map;
    struct flash_word *words;
    uint32_t word_count;
    bool *is_half_erased; // by sector
    unsigned sector_count;
    uint64_t seed;
    uint64_t reads; // words read
    uint32_t power_ups;
    uint32_t busy_polls; // polls that say FLASH_BUSY before each operation; 0 if not set
    bool
        is_lenient; // programming what is used clears bits, as NOR flash does: for hosts that do so

    uint32_t operations; // words programmed and sectors erased since power came
    uint32_t cut_at;     // at which of them the power goes, counted from 1; 0 for never
    enum flash_cut cut;
    uint32_t cuts;    // how often it went
    uint32_t *erases; // completed, by sector

    jmp_buf exit;
    bool has_exit;      // without it a cut or a misuse aborts the program
    const char *misuse; // what the code under test did wrong
    bool is_off;

    // The operation under way.
    bool is_busy;
    bool is_erase;
    unsigned sector;
    uint32_t next, last; // words
    const uint8_t *data;
    uint32_t waits;
};

// All words erased, as from the factory. `map` must stay.
void flash_model_init(struct flash_model *m, const struct flash_map *map, uint64_t seed);
void flash_model_free(struct flash_model *m);
// Makes `to`, which has the same map, equal to `from` but for its own exit.
void flash_model_copy(struct flash_model *to, const struct flash_model *from);

// The power goes at operation `at` from here on (1 is the next; 0 takes the plan back).
void flash_model_cut(struct flash_model *m, uint32_t at, enum flash_cut cut);
// Power comes: weak bits may change their minds, operations count from 0, no cut is planned.
void flash_model_power_on(struct flash_model *m);

// Puts bytes into erased flash, or over anything, behind the code's back.
void flash_model_load(struct flash_model *m, uint32_t addr, const uint8_t *bytes, uint32_t len);

// As core/port.h promises them, with struct flash_model as ctx.
enum flash_result flash_model_erase(void *ctx, unsigned sector);
enum flash_result flash_model_program(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len);
enum flash_result flash_model_poll(void *ctx);
void flash_model_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len);

// The two sectors at map->settings_first as the settings store wants them.
struct settings_flash flash_model_settings(struct flash_model *m);

// "before", "torn", "after", "fail", for the line that replays a case.
const char *flash_cut_name(enum flash_cut cut);
// False if the text is none of them.
bool flash_cut_parse(const char *text, enum flash_cut *cut);

#endif
