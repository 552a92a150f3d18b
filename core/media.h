// SPDX-License-Identifier: MIT
//
// What lies behind each alternate setting (docs/design.md D7): which addresses a host may point at, and
// what erasing, writing and reading there do. A table: a board with another memory adds a row and a
// driver. States and requests of DFU are core/dfu.h's, the rules of the receiving record core/gate.h's.

#ifndef CORE_MEDIA_H
#define CORE_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/gate.h"
#include "core/port.h"
#include "core/settings_medium.h"
#include "core/update.h"
#include "spec/dfu.h"

enum media_work {
    MEDIA_WRITE = 0,
    MEDIA_ERASE,     // the sector that holds the address
    MEDIA_ERASE_ALL, // everything a host may erase
};

struct media_job {
    enum media_work work;
    uint32_t addr;
    uint32_t len;         // MEDIA_WRITE
    const uint8_t *bytes; // MEDIA_WRITE: where media_buffer() said; they stay until the job's end
};

enum media_answer {
    MEDIA_WAIT = 0, // something else is under way: ask again
    MEDIA_BEGUN,    // the host waits until media_is_idle()
    MEDIA_TAKEN,    // the host may go on; how it ends is told by media_take_failure()
    MEDIA_REFUSED,  // nothing is touched; media_take_failure() has the reason
};

struct media;

struct medium_driver {
    enum media_answer (*begin)(struct media *media, const struct media_job *job);
    // As media_read().
    uint32_t (*read)(struct media *media, uint32_t addr, uint8_t *out, uint32_t len);
    bool can_erase;
};

struct medium {
    const char *name; // in the memory map string, whose rest is flash's; or all of it, from '@' on
    uint32_t first, end; // addresses of its bytes
    uint32_t start;      // the address pointer when this one is chosen
    const struct medium_driver *driver;
};

enum { MEDIA_FLASH = 0, MEDIA_APPLICATION, MEDIA_SETTINGS, MEDIA_COUNT };

struct media {
    uint8_t count; // of alternate settings that hosts are shown
    bool is_settings_busy;
    enum dfu_status failed; // not taken yet
    uint8_t reason;         // string index, where there is more to say than the status does; else 0
    const struct medium *chosen;
    const struct port *port;
    struct update *update;
    struct gate *gate;
    struct settings_medium settings;
    struct medium table[MEDIA_COUNT]; // by alternate setting
};

// `gate` has been initialized. With `only_flash` there is no alternate setting but 0.
void media_init(struct media *media, const struct port *port, struct update *update,
                struct gate *gate, bool only_flash);

// Chooses by alternate setting. False, with nothing changed: there is none of that number.
bool media_choose(struct media *media, unsigned alternate);

// Where the bytes for a write at `addr` go: room for UPDATE_BLOCK_BYTES.
uint8_t *media_buffer(struct media *media, uint32_t addr);
enum media_answer media_begin(struct media *media, const struct media_job *job)
    __attribute__((warn_unused_result));
// The host has given up what is under way: it ends with the sector or the record at hand, so that whoever
// comes next need not wait for more than that.
void media_drop(struct media *media);
// A block that a host sent to the chosen medium will not be written; `addr` as gate_block_lost().
void media_block_lost(struct media *media, uint32_t addr, uint32_t len);
// Typical duration of MEDIA_ERASE_ALL, or what is left of it once it has begun.
uint32_t media_erase_all_ms(const struct media *media, bool is_begun);

// Copies from the chosen medium and returns how much: less than `len` at its end. Only while
// media_is_idle(), with addr in it.
uint32_t media_read(struct media *media, uint32_t addr, uint8_t *out, uint32_t len);

// Moves jobs and the gate on. Call continuously.
void media_poll(struct media *media);
// Nothing is being written anywhere: the next job can begin, flash can be read.
bool media_is_idle(const struct media *media);
// How a job failed, once; DFU_STATUS_OK otherwise. *reason as in struct media.
enum dfu_status media_take_failure(struct media *media, uint8_t *reason);

#endif
