// SPDX-License-Identifier: MIT
//
// The exchange of sector 0. Reasons are replace.h's.

#include "port/stm32f4/updater/replace.h"

#include "board.h"
#include "port/stm32f4/updater/unit.h"

#define ERASED       0xffffffffu
#define SECTOR_WORDS (CHIP_FLASH_RUN0_BYTES / 4u)
#define RESET_VECTOR 1u // its word of the vector table
// An erase fails once in a lifetime, if ever; the tenth failure is no accident.
#define TRIES_MAX    10u

struct payload {
    const uint32_t *words;
    uint32_t count;
};

static uint32_t address(uint32_t index) {
    return CHIP_FLASH_BASE + 4u * index;
}

static uint32_t word_at(uint32_t index) {
    return *(const volatile uint32_t *)(uintptr_t)address(index);
}

static uint32_t wanted(const struct payload *payload, uint32_t index) {
    return index < payload->count ? payload->words[index] : ERASED;
}

static uint32_t net(const struct payload *payload) {
    return payload->words[RESET_VECTOR] | REPLACE_NET;
}

static bool is_whole_but_reset_vector(const struct payload *payload) {
    for (uint32_t i = 0; i < SECTOR_WORDS; i++) {
        if (i != RESET_VECTOR && word_at(i) != wanted(payload, i)) {
            return false;
        }
    }
    return true;
}

// Whether the sector is what an earlier run of this has left after its erase: the net, and words that
// can become what is wanted without another erase.
static bool was_begun(const struct payload *payload) {
    if (word_at(RESET_VECTOR) != net(payload)) {
        return false;
    }
    for (uint32_t i = 0; i < SECTOR_WORDS; i++) {
        uint32_t word = wanted(payload, i);
        if (i != RESET_VECTOR && (word_at(i) & word) != word) {
            return false;
        }
    }
    return true;
}

static bool fill(const struct payload *payload) {
    bool is_done = true;
    // Word 0 last: i runs to SECTOR_WORDS, which stands for it.
    for (uint32_t i = RESET_VECTOR + 1; i <= SECTOR_WORDS && is_done; i++) {
        uint32_t index = i % SECTOR_WORDS;
        uint32_t word = wanted(payload, index);
        if (word != ERASED) {
            unit_check_supply();
            is_done = unit_program(address(index), word);
        }
    }
    return is_done && is_whole_but_reset_vector(payload);
}

bool replace_is_done(const uint32_t *payload, uint32_t payload_len) {
    struct payload new = {payload, (payload_len + 3u) / 4u};
    return word_at(RESET_VECTOR) == wanted(&new, RESET_VECTOR) && is_whole_but_reset_vector(&new);
}

bool replace_bootloader(const uint32_t *payload, uint32_t payload_len) {
    struct payload new = {payload, (payload_len + 3u) / 4u};
    unit_await_supply();
    if (replace_is_done(payload, payload_len)) {
        // Its last bit may have been cut off, and reads well today: once more, and it lasts.
        return unit_program(address(RESET_VECTOR), wanted(&new, RESET_VECTOR));
    }
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        if (!was_begun(&new)) {
            // A sector that refuses is left as it is: a word programmed over it would be its end. Whether all
            // of it is erased is seen when it is compared; looking at it here would make the window longer.
            if (!unit_erase(0) || word_at(RESET_VECTOR) != ERASED) {
                continue;
            }
        }
        // The net once more, if it was there already: it may have been cut off itself. But not where all
        // the rest is there, since then the step from T to F may have been, and T would leave its bit open.
        bool is_last_step = word_at(RESET_VECTOR) == net(&new) && is_whole_but_reset_vector(&new);
        if ((!is_last_step && !unit_program(address(RESET_VECTOR), net(&new))) || !fill(&new)) {
            continue;
        }
        unit_check_supply();
        if (unit_program(address(RESET_VECTOR), wanted(&new, RESET_VECTOR)) &&
            replace_is_done(payload, payload_len)) {
            return true;
        }
    }
    return false;
}
