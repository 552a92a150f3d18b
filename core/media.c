// SPDX-License-Identifier: MIT
//
// The table of media, and the drivers of internal flash and of the settings.

#include "core/media.h"

#include <stddef.h>

#include "core/descriptors.h"
#include "spec/settings_list.h"

static enum media_answer refuse(struct media *media, enum dfu_status status, uint8_t reason) {
    media->failed = status;
    media->reason = reason;
    return MEDIA_REFUSED;
}

// --- Internal flash ------------------------------------------------------------------------------

// Only the application can be changed, whichever alternate setting shows it.
static enum media_answer flash_begin(struct media *media, const struct media_job *job) {
    const struct flash_map *map = media->port->map;
    struct gate *gate = media->gate;
    uint32_t len = job->work == MEDIA_WRITE ? job->len : 1;
    if (job->work != MEDIA_ERASE_ALL && !flash_application_holds(map, job->addr, len)) {
        return refuse(media, DFU_STATUS_ERR_ADDRESS, 0);
    }
    switch (gate_open(gate)) {
    case GATE_GO:
        break;
    case GATE_WAIT:
        return MEDIA_WAIT;
    case GATE_NO_RECORD:
        return refuse(media, DFU_STATUS_ERR_WRITE, DESCRIPTORS_NO_RECORD_STRING);
    default:
        return refuse(media, DFU_STATUS_ERR_WRITE, 0);
    }
    if (job->work == MEDIA_WRITE) {
        gate_block(gate, job->addr, len);
        // A block that has been accepted is programmed while the next one comes in.
        return update_program(media->update, job->addr, len) ? MEDIA_TAKEN : MEDIA_WAIT;
    }
    unsigned first = map->application_first;
    unsigned last = flash_sector_count(map) - 1;
    if (job->work == MEDIA_ERASE) {
        first = last = flash_sector_at(map, job->addr);
        gate_erased(gate, first);
    } else {
        gate_erased_all(gate);
    }
    return update_erase(media->update, first, last) ? MEDIA_BEGUN : MEDIA_WAIT;
}

static uint32_t flash_read(struct media *media, uint32_t addr, uint8_t *out, uint32_t len) {
    uint32_t left = media->chosen->end - addr;
    len = len < left ? len : left;
    update_read(media->update, addr, out, len);
    return len;
}

static const struct medium_driver flash_driver = {flash_begin, flash_read, true};

// --- Settings ------------------------------------------------------------------------------------

static enum media_answer settings_outcome(struct media *media, enum settings_result result) {
    switch (result) {
    case SETTINGS_OK:
        return MEDIA_TAKEN;
    case SETTINGS_BUSY:
        return MEDIA_BEGUN;
    case SETTINGS_REFUSED:
        return refuse(media, DFU_STATUS_ERR_FILE, 0);
    case SETTINGS_FOREIGN:
        return refuse(media, DFU_STATUS_ERR_WRITE, DESCRIPTORS_NO_RECORD_STRING);
    case SETTINGS_FULL:
        return refuse(media, DFU_STATUS_ERR_WRITE, DESCRIPTORS_FULL_STRING);
    default:
        return refuse(media, DFU_STATUS_ERR_PROG, 0);
    }
}

// Whatever the receiving record says: it is no part of the list, and no host can change it.
static enum media_answer settings_begin(struct media *media, const struct media_job *job) {
    if (job->work != MEDIA_WRITE || job->addr >= media->chosen->end) {
        return refuse(media, DFU_STATUS_ERR_ADDRESS, 0);
    }
    if (!media_is_idle(media)) {
        return MEDIA_WAIT;
    }
    update_keep_buffer(media->update);
    enum media_answer answer =
        settings_outcome(media, settings_medium_write(&media->settings, job->bytes, job->len));
    media->is_settings_busy = answer == MEDIA_BEGUN;
    return answer;
}

static uint32_t settings_read(struct media *media, uint32_t addr, uint8_t *out, uint32_t len) {
    return settings_medium_read(&media->settings, addr - media->chosen->first, out, len);
}

static const struct medium_driver settings_driver = {settings_begin, settings_read, false};

// --- The public side -----------------------------------------------------------------------------

void media_init(struct media *media, const struct port *port, struct update *update,
                struct gate *gate, bool only_flash) {
    uint32_t application = flash_application_address(port->map);
    uint32_t end = flash_end(port->map);
    *media = (struct media){
        .port = port,
        .update = update,
        .gate = gate,
        // Two blanks end a name in ST's own strings: some hosts cut by column.
        .table = {{"Internal Flash  ", port->map->base, end, application, &flash_driver},
                  {"Application  ", application, end, application, &flash_driver},
                  {SETTINGS_LIST_MAP_STRING, SETTINGS_LIST_ADDRESS,
                   SETTINGS_LIST_ADDRESS + SETTINGS_LIST_BYTES, SETTINGS_LIST_ADDRESS,
                   &settings_driver}},
        .count = only_flash ? 1 : MEDIA_COUNT,
        .chosen = media->table,
    };
    settings_medium_init(&media->settings, &gate->settings,
                         flash_sector_address(port->map, port->map->settings_first));
}

bool media_choose(struct media *media, unsigned alternate) {
    if (alternate >= media->count) {
        return false;
    }
    media->chosen = &media->table[alternate];
    return true;
}

uint8_t *media_buffer(struct media *media, uint32_t addr) {
    return update_buffer(media->update, addr);
}

enum media_answer media_begin(struct media *media, const struct media_job *job) {
    // What the gate writes is in the store too: one at a time.
    return media->is_settings_busy ? MEDIA_WAIT : media->chosen->driver->begin(media, job);
}

void media_drop(struct media *media) {
    update_erase_no_more(media->update);
    settings_medium_drop(&media->settings);
}

void media_block_lost(struct media *media, uint32_t addr, uint32_t len) {
    if (media->chosen->driver->can_erase) { // flash: the settings are no part of a load
        gate_block_lost(media->gate, addr, len);
    }
}

uint32_t media_erase_all_ms(const struct media *media, bool is_begun) {
    const struct flash_map *map = media->port->map;
    uint32_t ms = 0;
    unsigned sector = is_begun ? media->update->sector : map->application_first;
    for (; sector < flash_sector_count(map); sector++) {
        ms += update_erase_ms(flash_sector_bytes(map, sector));
    }
    return ms;
}

uint32_t media_read(struct media *media, uint32_t addr, uint8_t *out, uint32_t len) {
    return media->chosen->driver->read(media, addr, out, len);
}

void media_poll(struct media *media) {
    update_poll(media->update);
    if (media->is_settings_busy) {
        enum settings_result result = settings_medium_poll(&media->settings);
        media->is_settings_busy = settings_outcome(media, result) == MEDIA_BEGUN;
        if (result == SETTINGS_OK) {
            gate_store_is_good(media->gate);
        }
        return;
    }
    gate_poll(media->gate);
}

bool media_is_idle(const struct media *media) {
    return update_is_idle(media->update) && !gate_is_busy(media->gate) && !media->is_settings_busy;
}

enum dfu_status media_take_failure(struct media *media, uint8_t *reason) {
    enum dfu_status failed = update_take_failure(media->update);
    *reason = 0;
    if (failed != DFU_STATUS_OK) {
        gate_failed(media->gate);
        return failed;
    }
    failed = media->failed;
    *reason = media->reason;
    media->failed = DFU_STATUS_OK;
    return failed;
}
