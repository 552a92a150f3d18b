// SPDX-License-Identifier: MIT
//
// The list of settings: made for reading, taken apart for writing.

#include "core/settings_medium.h"

#include <stdbool.h>

#include "spec/settings_list.h"

void settings_medium_init(struct settings_medium *medium, struct settings *settings,
                          uint32_t pages_addr) {
    *medium = (struct settings_medium){.settings = settings, .pages_addr = pages_addr};
}

// --- Reading -------------------------------------------------------------------------------------

static void make_info(const struct settings_medium *medium, uint8_t *out) {
    struct settings *s = medium->settings;
    uint32_t flags = settings_foreign(s) * SETTINGS_LIST_FOREIGN_0;
    if (settings_is_receiving(s)) {
        flags |= SETTINGS_LIST_RECEIVING;
    }
    store_le32(out, SETTINGS_LIST_INFO | SETTINGS_LIST_INFO_LEN << 16 | SETTINGS_LIST_VALUE << 24);
    store_le32(out + 4, SETTINGS_LIST_VERSION | flags << 8);
    store_le32(out + 8, medium->pages_addr);
    store_le32(out + 12, s->flash->page_bytes);
    store_le32(out + 16, settings_turnovers(s));
    store_le32(out + 20, settings_room(s));
}

// The first record at or behind *cursor that a host is shown; false at the end.
static bool next_shown(struct settings *s, uint32_t *cursor) {
    uint16_t key;
    uint32_t len;
    while (settings_next(s, cursor, &key, &len) == SETTINGS_OK) {
        if (key != SETTINGS_KEY_RECEIVING) {
            return true;
        }
    }
    return false;
}

uint32_t settings_medium_read(const struct settings_medium *medium, uint32_t off, uint8_t *out,
                              uint32_t len) {
    uint8_t info[SETTINGS_LIST_HEAD + SETTINGS_LIST_INFO_LEN];
    make_info(medium, info);
    const uint8_t *record = info;
    uint32_t cursor = 0;
    for (uint32_t at = 0; at < off + len;) {
        uint32_t start = at;
        uint32_t size = SETTINGS_LIST_HEAD + record[2];
        if (at % SETTINGS_LIST_BLOCK + size > SETTINGS_LIST_BLOCK) {
            start = (at | (SETTINGS_LIST_BLOCK - 1)) + 1;
        }
        for (; at < start + size; at++) {
            uint8_t byte = at < start ? 0xff : *record++;
            if (at - off < len) {
                out[at - off] = byte;
            }
        }
        if (!next_shown(medium->settings, &cursor)) {
            return at <= off ? 0 : at - off < len ? at - off : len;
        }
        record = settings_found(medium->settings);
    }
    return len;
}

// --- Writing -------------------------------------------------------------------------------------

// Bytes of the record at `at`; 0 if there is none that a host may send.
static uint32_t record_size(const uint8_t *at, uint32_t left) {
    if (left < SETTINGS_LIST_HEAD) {
        return 0;
    }
    uint32_t key = load_le16(at);
    uint32_t len = at[2];
    bool is_known = key < SETTINGS_LIST_KEYS
                        ? key != SETTINGS_KEY_RECEIVING
                        : key >= SETTINGS_LIST_GIVE_UP && key != SETTINGS_KEY_NONE;
    bool is_formed = at[3] == SETTINGS_LIST_VALUE || (at[3] == SETTINGS_LIST_REMOVAL && len == 0);
    return is_known && is_formed && len + SETTINGS_LIST_HEAD <= left ? len + SETTINGS_LIST_HEAD : 0;
}

enum settings_result settings_medium_write(struct settings_medium *medium, const uint8_t *bytes,
                                           uint32_t len) {
    const uint8_t *end = bytes + len;
    uint32_t size;
    medium->at = bytes;
    while ((size = record_size(bytes, (uint32_t)(end - bytes))) != 0) {
        bytes += size;
    }
    medium->end = bytes;
    while (bytes < end) {
        if (*bytes++ != 0xff) {
            return SETTINGS_REFUSED;
        }
    }
    return SETTINGS_BUSY;
}

static enum settings_result apply(struct settings *s, const uint8_t *record) {
    uint16_t key = load_le16(record);
    switch (key) {
    case SETTINGS_LIST_INFO:
        return SETTINGS_OK;
    case SETTINGS_LIST_BEGIN:
        return settings_foreign(s) != 0 && settings_turnovers(s) == 0 ? settings_format(s)
                                                                      : SETTINGS_OK;
    case SETTINGS_LIST_GIVE_UP:
        return settings_foreign(s) != 0 ? settings_prepare(s, SETTINGS_ERASE_FOREIGN) : SETTINGS_OK;
    default:
        return record[3] == SETTINGS_LIST_VALUE
                   ? settings_set(s, key, record + SETTINGS_LIST_HEAD, record[2])
                   : settings_delete(s, key);
    }
}

void settings_medium_drop(struct settings_medium *medium) {
    medium->at = medium->end;
}

enum settings_result settings_medium_poll(struct settings_medium *medium) {
    struct settings *s = medium->settings;
    enum settings_result result = settings_poll(s);
    if (result != SETTINGS_OK || medium->at == medium->end) {
        return result;
    }
    const uint8_t *record = medium->at;
    result = apply(s, record);
    if (result == SETTINGS_TURNOVER) {
        return settings_turnover(s); // makes the room it was asked for: then the same record again
    }
    medium->at += SETTINGS_LIST_HEAD + record[2];
    if (result == SETTINGS_OK || result == SETTINGS_ABSENT) {
        return SETTINGS_BUSY;
    }
    if (result != SETTINGS_BUSY) {
        medium->at = medium->end;
    }
    return result;
}
