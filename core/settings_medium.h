// SPDX-License-Identifier: MIT
//
// The settings as alternate setting "@Settings": what UPLOAD reads and what the blocks of DNLOAD do.
// Decides the form of the list (spec/settings_list.h) and which keys a host may change; USB, states and
// status codes are the caller's, pages and power cuts the store's.
//
// The caller sees to it that nothing else is under way in flash or in the store from
// settings_medium_write() until settings_medium_poll() has said something other than SETTINGS_BUSY,
// nor during settings_medium_read().

#ifndef CORE_SETTINGS_MEDIUM_H
#define CORE_SETTINGS_MEDIUM_H

#include <stdint.h>

#include "settings/settings.h"

struct settings_medium {
    struct settings *settings;
    uint32_t pages_addr;
    // Writing: what is left of the block.
    const uint8_t *at;
    const uint8_t *end;
};

// `settings` is open, and `pages_addr` is where its first page lies.
void settings_medium_init(struct settings_medium *medium, struct settings *settings,
                          uint32_t pages_addr);

// Copies the list from offset `off` on to `out`: len bytes, or fewer at its end. Walks through the store
// from its beginning each time, which reads n * n / 2 record heads for n records (settings_next()).
uint32_t settings_medium_read(const struct settings_medium *medium, uint32_t off, uint8_t *out,
                              uint32_t len);

// Takes one block of changes; `bytes` must stay until the end. SETTINGS_BUSY: settings_medium_poll().
// SETTINGS_REFUSED, with nothing touched: a record that is none or is cut off, padding that is not
// all 0xFF, or a key that is not the host's to change.
enum settings_result settings_medium_write(struct settings_medium *medium, const uint8_t *bytes,
                                           uint32_t len) __attribute__((warn_unused_result));

// Leaves out the records that are not begun.
void settings_medium_drop(struct settings_medium *medium);

// Moves the changes on. SETTINGS_OK when all are committed, or with none under way. SETTINGS_FULL,
// SETTINGS_FOREIGN and SETTINGS_FAILED end them: those before the one at fault are kept.
enum settings_result settings_medium_poll(struct settings_medium *medium)
    __attribute__((warn_unused_result));

#endif
