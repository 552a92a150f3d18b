// SPDX-License-Identifier: MIT
//
// The settings store for who may wait: each call runs to its end, turnovers included.

#include "app/redfu_settings.h"

#include <stddef.h>

#include "app/redfu_flash.h"

// Traces of a cut take one turnover or two, room a third. More would be flash that forgets.
#define TURNOVERS_MAX 3u

const struct redfu_settings_place redfu_settings_default_place = {0x08004000u, 0x4000u, 1};

// What a call that does not begin says about the store.
static enum settings_result state(struct settings *store) {
    uint32_t cursor = 0;
    uint16_t key;
    uint32_t len;
    enum settings_result result = settings_next(store, &cursor, &key, &len);
    return result == SETTINGS_ABSENT ? SETTINGS_OK : result;
}

enum settings_result redfu_settings_open(struct redfu_settings *settings,
                                         const struct redfu_settings_place *place) {
    settings->place = place != NULL ? place : &redfu_settings_default_place;
    settings->flash = redfu_flash_functions(settings->place);
    for (unsigned i = 0; i < 2; i++) {
        settings->pages[i] = (const uint8_t *)(uintptr_t)(settings->place->address +
                                                          i * settings->place->page_bytes);
    }
    settings->flash.mapped = settings->pages;
    struct settings *store = &settings->store;
    enum settings_result result = settings_open(store, &settings->flash);
    for (unsigned i = 0; result == SETTINGS_TURNOVER && i < TURNOVERS_MAX; i++) {
        result = settings_wait(store, settings_turnover(store));
        result = result == SETTINGS_OK ? state(store) : result;
    }
    if (result != SETTINGS_OK) {
        return result == SETTINGS_TURNOVER ? SETTINGS_FAILED : result;
    }
    // Half of an older EEPROM's variables are worse than none: an application would take those
    // missing for never set, and write its defaults over them. An import sets them while the foreign page
    // is still there; the record covers the case in which that page had to go first.
    uint32_t len;
    bool is_importing =
        settings_get(store, SETTINGS_KEY_IMPORTING, NULL, 0, &len) != SETTINGS_ABSENT;
    return is_importing || settings_foreign(store) != 0 ? SETTINGS_FOREIGN : SETTINGS_OK;
}

enum settings_result redfu_settings_get(struct redfu_settings *settings, uint16_t key, void *out,
                                        uint32_t size, uint32_t *len) {
    return settings_get(&settings->store, key, out, size, len);
}

static bool is_applications(uint16_t key) {
    return key < SETTINGS_KEY_REDFU || key == SETTINGS_KEY_BOOT_MODE;
}

// A removal where `value` is NULL.
static enum settings_result begin(struct settings *store, uint16_t key, const void *value,
                                  uint32_t len) {
    return value == NULL ? settings_delete(store, key) : settings_set(store, key, value, len);
}

static enum settings_result change(struct settings *store, uint16_t key, const void *value,
                                   uint32_t len) {
    if (!is_applications(key)) {
        return SETTINGS_REFUSED;
    }
    enum settings_result result = begin(store, key, value, len);
    for (unsigned i = 0; result == SETTINGS_TURNOVER && i < TURNOVERS_MAX; i++) {
        result = settings_wait(store, settings_turnover(store));
        result = result == SETTINGS_OK ? begin(store, key, value, len) : result;
    }
    return result == SETTINGS_TURNOVER ? SETTINGS_FAILED : settings_wait(store, result);
}

enum settings_result redfu_settings_set(struct redfu_settings *settings, uint16_t key,
                                        const void *value, uint32_t len) {
    return change(&settings->store, key, value != NULL ? value : "", len);
}

enum settings_result redfu_settings_delete(struct redfu_settings *settings, uint16_t key) {
    return change(&settings->store, key, NULL, 0);
}

enum settings_result redfu_settings_next(struct redfu_settings *settings, uint32_t *cursor,
                                         uint16_t *key, uint32_t *len) {
    return settings_next(&settings->store, cursor, key, len);
}

enum settings_result redfu_settings_prepare(struct redfu_settings *settings) {
    enum settings_result result = settings_prepare(&settings->store, SETTINGS_KEEP_FOREIGN);
    if (result == SETTINGS_TURNOVER) { // no store yet: the first value makes one, with its erases
        result = settings_turnover(&settings->store);
    }
    return settings_wait(&settings->store, result);
}
