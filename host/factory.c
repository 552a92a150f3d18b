// SPDX-License-Identifier: MIT
//
// Settings pages made up in memory, by settings/ itself.

#include <string.h>

#include "host/fault.h"
#include "settings/settings.h"

struct pages {
    uint8_t *bytes;
    uint32_t page_bytes;
};

static uint8_t *place(void *ctx, unsigned page, uint32_t off) {
    const struct pages *pages = ctx;
    return pages->bytes + page * pages->page_bytes + off;
}

static enum settings_flash_result erase(void *ctx, unsigned page) {
    memset(place(ctx, page, 0), 0xff, ((const struct pages *)ctx)->page_bytes);
    return SETTINGS_FLASH_DONE;
}

static enum settings_flash_result program(void *ctx, unsigned page, uint32_t off,
                                          const uint8_t *data, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        *place(ctx, page, off + i) &= data[i];
    }
    return SETTINGS_FLASH_DONE;
}

static enum settings_flash_result poll(void *ctx) {
    (void)ctx;
    return SETTINGS_FLASH_DONE;
}

static void read_back(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    memcpy(out, place(ctx, page, off), len);
}

static bool is_given_before(const struct redfu_setting *settings, size_t at) {
    size_t i = 0;
    while (i < at && settings[i].key != settings[at].key) {
        i++;
    }
    return i < at;
}

static enum redfu_result check(const struct redfu_setting *settings, size_t count,
                               struct redfu_fault *fault) {
    for (size_t i = 0; i < count; i++) {
        uint16_t key = settings[i].key;
        if (key >= REDFU_SETTING_KEY_OWN && key != REDFU_SETTING_BOOT_MODE) {
            return redfui_fail(
                fault, REDFU_USAGE,
                "key 0x%04X cannot be set: those from 0x%04X on are redfu's own, the "
                "boot mode apart",
                key, REDFU_SETTING_KEY_OWN);
        }
        if (is_given_before(settings, i)) {
            return redfui_fail(fault, REDFU_USAGE, "key 0x%04X is given twice", key);
        }
    }
    return REDFU_OK;
}

enum redfu_result redfu_settings_make(const struct redfu_setting *settings, size_t count,
                                      uint8_t *pages, uint32_t page_bytes,
                                      struct redfu_fault *fault) {
    enum redfu_result result = check(settings, count, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct pages memory = {pages, page_bytes};
    const struct settings_flash flash = {
        .ctx = &memory,
        .page_bytes = page_bytes,
        .erase = erase,
        .program = program,
        .poll = poll,
        .read = read_back,
    };
    struct settings store;
    memset(pages, 0xff, 2u * (size_t)page_bytes);
    enum settings_result done = settings_open(&store, &flash);
    if (done == SETTINGS_OK) {
        done = settings_wait(&store, settings_turnover(&store));
    }
    for (size_t i = 0; i < count && done == SETTINGS_OK; i++) {
        done = settings_wait(
            &store, settings_set(&store, settings[i].key, settings[i].value, settings[i].len));
        if (done == SETTINGS_FULL || done == SETTINGS_TURNOVER) {
            return redfui_fail(fault, REDFU_TOO_LARGE,
                               "%zu settings do not fit a page of %u bytes: the first %zu do",
                               count, page_bytes, i);
        }
    }
    if (done == SETTINGS_OK) {
        done = settings_wait(&store, settings_prepare(&store, SETTINGS_KEEP_FOREIGN));
    }
    return done == SETTINGS_OK ? REDFU_OK
                               : redfui_fail(fault, REDFU_INTERNAL,
                                             "the settings could not be made (%d)", (int)done);
}
