// SPDX-License-Identifier: MIT
//
// From AN3969's pages to a settings store.

#include "port/stm32f4/updater/migrate.h"

#include <stddef.h>
#include <stdint.h>

#include "board.h"
#include "port/stm32f4/updater/unit.h"
#include "settings/settings.h"
#include "spec/bytes.h"

#define PAGES              2u
#define PAGE_BYTES         CHIP_FLASH_RUN0_BYTES
#define PAGE_WORDS         (PAGE_BYTES / 4u)
#define ERASED             0xffffffffu
// settings.h: a page's last word of its own, which makes it the store.
#define SEAL_WORD          (SETTINGS_PAGE_HEAD / 4u - 1u)

// AN3969 2.3: a page's first word; then words of { data, virtual address }, the last of an address counts.
#define EMULATION_RECEIVES 0xffffeeeeu
#define EMULATION_VALID    0xffff0000u
#define VARIABLE_NONE      0xffffu
#define VARIABLES          0x10000u

// The value of SETTINGS_KEY_IMPORTING that says: all is in, only the old page is still to be erased.
#define IMPORTING_ERASE    1u

_Static_assert(BOARD_SETTINGS_FIRST == 1 && CHIP_FLASH_RUN0_COUNT > PAGES,
               "the pages are taken for sectors 1 and 2");

// The page that is made up, and which addresses were seen: too large for the stack.
static uint8_t made[PAGE_BYTES] __attribute__((aligned(4)));
static uint32_t seen[VARIABLES / 32u];

// --- The pages in flash ------------------------------------------------------------------------------

static unsigned sector(unsigned page) {
    return BOARD_SETTINGS_FIRST + page;
}

static uint32_t address(unsigned page) {
    return CHIP_FLASH_BASE + sector(page) * PAGE_BYTES;
}

static uint32_t word_at(unsigned page, uint32_t index) {
    return *(const volatile uint32_t *)(uintptr_t)(address(page) + 4u * index);
}

static bool is_blank(unsigned page) {
    uint32_t index = 0;
    while (index < PAGE_WORDS && word_at(page, index) == ERASED) {
        index++;
    }
    return index == PAGE_WORDS;
}

static enum settings_flash_result result_of(bool is_done) {
    return is_done ? SETTINGS_FLASH_DONE : SETTINGS_FLASH_FAILED;
}

static enum settings_flash_result flash_erase(void *ctx, unsigned page) {
    (void)ctx;
    unit_check_supply();
    return result_of(unit_erase(sector(page)));
}

static enum settings_flash_result flash_program(void *ctx, unsigned page, uint32_t off,
                                                const uint8_t *data, uint32_t len) {
    (void)ctx;
    bool is_done = true;
    for (uint32_t i = 0; i < len && is_done; i += 4) {
        unit_check_supply();
        is_done = unit_program(address(page) + off + i, load_le32(data + i));
    }
    return result_of(is_done);
}

static enum settings_flash_result poll(void *ctx) {
    (void)ctx;
    return SETTINGS_FLASH_DONE;
}

static void flash_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    (void)ctx;
    for (uint32_t i = 0; i < len; i += 4) {
        store_le32(out + i, word_at(page, (off + i) / 4u));
    }
}

static const struct settings_flash flash = {
    .page_bytes = PAGE_BYTES,
    .erase = flash_erase,
    .program = flash_program,
    .poll = poll,
    .read = flash_read,
};

// --- The page in RAM ---------------------------------------------------------------------------------
//
// A fresh store begins in page 0, with page 1 erased beside it; what is written there (the claim that a store
// is being made) is not needed.

static enum settings_flash_result ram_erase(void *ctx, unsigned page) {
    (void)ctx;
    for (uint32_t i = 0; page == 0 && i < PAGE_BYTES; i++) {
        made[i] = 0xff;
    }
    return SETTINGS_FLASH_DONE;
}

static enum settings_flash_result ram_program(void *ctx, unsigned page, uint32_t off,
                                              const uint8_t *data, uint32_t len) {
    (void)ctx;
    for (uint32_t i = 0; page == 0 && i < len; i++) {
        made[off + i] &= data[i];
    }
    return SETTINGS_FLASH_DONE;
}

static void ram_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    (void)ctx;
    for (uint32_t i = 0; i < len; i++) {
        out[i] = page == 0 ? made[off + i] : 0xff;
    }
}

static const struct settings_flash ram = {
    .page_bytes = PAGE_BYTES,
    .erase = ram_erase,
    .program = ram_program,
    .poll = poll,
    .read = ram_read,
};

static bool begin_store(struct settings *store) {
    (void)ram_erase(NULL, 0);
    return settings_open(store, &ram) == SETTINGS_OK &&
           settings_wait(store, settings_format(store)) == SETTINGS_OK;
}

static bool set(struct settings *store, uint16_t key, const uint8_t *value, uint32_t len) {
    return settings_wait(store, settings_set(store, key, value, len)) == SETTINGS_OK;
}

// --- The emulation's variables -----------------------------------------------------------------------

// Sets what a page has, the last of each address, unless it was seen already.
static bool take_variables(struct settings *store, unsigned page) {
    for (uint32_t index = PAGE_WORDS - 1; index > 0; index--) {
        uint32_t word = word_at(page, index);
        uint32_t key = word >> 16;
        if (key == VARIABLE_NONE || (seen[key / 32u] >> key % 32u & 1u) != 0) {
            continue;
        }
        seen[key / 32u] |= 1u << key % 32u;
        uint8_t value[2];
        store_le16(value, (uint16_t)word);
        if (key >= SETTINGS_KEY_REDFU || !set(store, (uint16_t)key, value, sizeof value)) {
            return false;
        }
    }
    return true;
}

static bool make_up(int newer, int older) {
    struct settings store;
    const uint8_t importing = IMPORTING_ERASE;
    for (uint32_t i = 0; i < VARIABLES / 32u; i++) {
        seen[i] = 0;
    }
    return begin_store(&store) &&
           (newer < 0 || set(&store, SETTINGS_KEY_IMPORTING, &importing, sizeof importing)) &&
           (newer < 0 || take_variables(&store, (unsigned)newer)) &&
           (older < 0 || take_variables(&store, (unsigned)older));
}

// --- Into flash --------------------------------------------------------------------------------------

// The records, the header, and at last its seal. Erased whatever it reads as: an erase that was cut off can read blank.
static bool put(unsigned page) {
    unit_check_supply();
    bool is_done = unit_erase(sector(page));
    for (uint32_t i = 0; i < PAGE_WORDS && is_done; i++) {
        uint32_t index = (i + SEAL_WORD + 1u) % PAGE_WORDS;
        uint32_t word = load_le32(made + 4u * index);
        if (word == ERASED) {
            continue;
        }
        if (index == SEAL_WORD) {
            // All but the last word: as it is to be, read back.
            for (uint32_t at = 0; at < PAGE_WORDS && is_done; at++) {
                is_done = at == SEAL_WORD || word_at(page, at) == load_le32(made + 4u * at);
            }
        }
        unit_check_supply();
        is_done = is_done && unit_program(address(page) + 4u * index, word);
    }
    return is_done;
}

// Once the store has everything: the other page goes, then the sign that it may.
static bool finish(struct settings *store) {
    enum settings_result result =
        settings_wait(store, settings_prepare(store, SETTINGS_ERASE_FOREIGN));
    if (result == SETTINGS_TURNOVER) {
        result = settings_wait(store, settings_turnover(store));
    }
    if (result == SETTINGS_OK) {
        result = settings_wait(store, settings_delete(store, SETTINGS_KEY_IMPORTING));
    }
    return result == SETTINGS_OK || result == SETTINGS_ABSENT;
}

static bool is_ours_to_finish(struct settings *store) {
    uint32_t len = 0;
    const uint8_t *value = settings_peek(store, SETTINGS_KEY_IMPORTING, &len);
    return value != NULL && len == 1 && value[0] == IMPORTING_ERASE;
}

// The page of the emulation in that state, -1 for none or both.
static int page_that(uint32_t status) {
    int found = -1;
    for (unsigned page = 0; page < PAGES; page++) {
        if (word_at(page, 0) == status) {
            found = found < 0 ? (int)page : (int)PAGES;
        }
    }
    return found == (int)PAGES ? -1 : found;
}

bool migrate_settings(void) {
    struct settings store;
    enum settings_result opened = settings_open(&store, &flash);
    if (settings_turnovers(&store) != 0) {
        // A record in doubt may be the removal of the sign.
        if (opened == SETTINGS_TURNOVER) {
            opened = settings_wait(&store, settings_turnover(&store));
            (void)opened; // foreign: then it is no record of ours
        }
        return !is_ours_to_finish(&store) || finish(&store);
    }
    if (opened != SETTINGS_FOREIGN) {
        return true;
    }
    int valid = page_that(EMULATION_VALID);
    int receives = page_that(EMULATION_RECEIVES);
    if (valid < 0 && receives < 0) {
        return is_blank(1) && make_up(-1, -1) ? put(0) : true;
    }
    // A receiving page has copies of what the valid one has, or newer.
    int kept = valid >= 0 ? valid : receives;
    if (!make_up(receives >= 0 ? receives : valid, receives >= 0 ? valid : -1) ||
        !put(1u - (unsigned)kept)) {
        return false;
    }
    opened = settings_open(&store, &flash);
    return opened == SETTINGS_OK && is_ours_to_finish(&store) && finish(&store);
}
