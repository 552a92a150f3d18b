// SPDX-License-Identifier: MIT
//
// The board: how it starts, what is done to it, and what is looked at after that. What hosts do is hosts.c's, what they rely
// on ghost.c's, the promises are promises.c's.

#include "tests/explore/world_internal.h"

#include <setjmp.h>
#include <string.h>

#include "spec/dfu.h"

#define RECOVERY VERSIONS // the image of the load that comes last

static const struct flash_run runs[] = {{1, SECTOR_BYTES}, {2, 512}, {2, SECTOR_BYTES}};
static const struct flash_map map = {
    .base = FLASH_BASE, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};

struct world world;

static const char *failure;
static uint32_t cuts_before; // the action that is being done

bool world_wrong(const char *why) {
    if (failure == NULL) {
        failure = why;
    }
    return false;
}

const char *world_failure(void) {
    return failure;
}

bool world_was_cut(void) {
    return world.m.cuts != cuts_before;
}

// --- Starting ------------------------------------------------------------------------------------

bool world_store_is_at_rest(void) {
    const struct dfu *dfu = &world.desk.bootloader.dfu;
    return gate_is_at_rest(&dfu->gate) && media_is_idle(&dfu->media) &&
           dfu->gate.store == SETTINGS_OK;
}

static void power_went(void) {
    ghost_session_begins();
    world.ghost.sent = 0;
    world.ghost.has_failed = false;
    memset(&world.desk.bootloader, 0, sizeof world.desk.bootloader);
    world.desk.now_us = 0;
    world.desk.armed = world.desk.queued = world.desk.stalled = world.desk.ran = false;
    world.desk.has_work = world.desk.connected = false;
    memset(world.desk.packet, 0, sizeof world.desk.packet);
    world.desk.packet_len = 0;
    world.desk.ran_at_us = world.desk.hidden_at_us = 0;
}

static struct boot_decision decide(uint32_t request) {
    struct settings settings;
    struct settings_flash flash = flash_model_settings(&world.m);
    flash.erase = NULL;
    flash.program = NULL;
    enum settings_result opened = settings_open(&settings, &flash);
    // desk_would_start() is the judge of the image; it takes no notice of doubts.
    bool starts = desk_would_start(&world.desk);
    if (request == MAILBOX_NONE && opened == SETTINGS_TURNOVER) {
        return (struct boot_decision){BOOT_MODE_DFU, BOOT_REASON_SETTLE, 0};
    }
    return (struct boot_decision){starts ? BOOT_MODE_APPLICATION : BOOT_MODE_DFU,
                                  BOOT_REASON_DEFAULT, 0};
}

static void poll_to_rest(void) {
    for (unsigned i = 0; i < 3000 && !world_store_is_at_rest(); i++) {
        desk_poll(&world.desk);
    }
}

bool world_open_store(struct settings *s, struct settings_flash *flash) {
    *flash = flash_model_settings(&world.m);
    enum settings_result r = settings_open(s, flash);
    if (r == SETTINGS_TURNOVER) {
        r = settings_wait(s, settings_turnover(s));
    }
    return r == SETTINGS_OK;
}

// From reset to whatever comes up, as port/stm32f4 does it.
static bool start(uint32_t request) {
    if (!promise_start(true)) {
        return false;
    }
    struct boot_decision decision = decide(request);
    if (decision.mode == BOOT_MODE_APPLICATION) {
        world.mode = MODE_APPLICATION;
        memset(&world.desk.bootloader, 0, sizeof world.desk.bootloader);
        struct settings s;
        struct settings_flash flash;
        return world_open_store(&s, &flash)
                   ? promise_settings(&s, true)
                   : world_was_cut() || world_wrong("an application cannot open its settings");
    }
    world.mode = MODE_DFU;
    desk_start(&world.desk);
    if (decision.reason == BOOT_REASON_SETTLE) {
        poll_to_rest();
        return promise_dfu_settings(true) && start(MAILBOX_MODE);
    }
    return promise_dfu_settings(true);
}

bool world_reset(uint32_t request) {
    power_went();
    if (request == MAILBOX_DFU) {
        world.mode = MODE_DFU;
        desk_start(&world.desk);
        return promise_dfu_settings(true);
    }
    return start(request);
}

// --- Doing ---------------------------------------------------------------------------------------

const char *const action_names[ACT_COUNT] = {
    "power-on",    "power-on-1",     "power-on-2", "app-set",    "app-delete",    "app-asks",
    "getstatus",   "erase-a",        "erase-b",    "erase-all",  "address-b",     "do-write-0",
    "block",       "abort",          "clrstatus",  "leave",      "detach",        "alternate-0",
    "alternate-1", "alternate-2",    "upload",     "bus-reset",  "give-up-block", "give-up-status",
    "do-erase-a",  "do-erase-b",     "do-write-a", "do-write-b", "do-leave",      "host-set",
    "host-delete", "host-forbidden", "step",       "settle",     "silence",       "reset",
};

static bool has_weak_bits(void) {
    for (uint32_t i = 0; i < world.m.word_count; i++) {
        if (world.m.words[i].weak != 0) {
            return true;
        }
    }
    return false;
}

bool world_may(enum action action) {
    switch (world.mode) {
    case MODE_OFF:
        return action == ACT_POWER_ON || (action <= ACT_POWER_ON_2 && has_weak_bits());
    case MODE_APPLICATION:
        return (action >= ACT_APP_SET && action <= ACT_APP_ASK_DFU) || action == ACT_RESET;
    default:
        return action >= ACT_GETSTATUS && action < ACT_COUNT;
    }
}

static bool after(void) {
    if (world.mode == MODE_DFU && world.desk.ran && !world_reset(MAILBOX_RUN)) {
        return false;
    }
    return promise_start(false) && promise_bootloader() &&
           (world.mode != MODE_DFU || promise_dfu_settings(false));
}

enum world_end world_do(enum action action, uint32_t at, enum flash_cut how, unsigned variant,
                        uint32_t *operations) {
    enum world_end end = WORLD_HELD;
    failure = NULL;
    cuts_before = world.m.cuts;
    world.m.reads = 0;
    world.m.operations = 0;
    world.m.erases[0] = 0;
    bool powers_on = action <= ACT_POWER_ON_2;
    if (powers_on) {
        flash_model_power_on(&world.m);
    }
    world.m.power_ups = world.mood + WORLD_MOODS * variant;
    flash_model_cut(&world.m, at, how);
    if (powers_on) {
        world.mood = action - ACT_POWER_ON;
        world.m.power_ups = world.mood;
    }
    int left = setjmp(world.m.exit);
    if (left == 0) {
        world.m.has_exit = true;
        bool is_right = powers_on ? start(MAILBOX_NONE) : host_acts(action);
        *operations = world.m.operations;
        world.m.cut_at = 0;
        world.ghost.has_failed |= how == FLASH_CUT_FAIL && world_was_cut();
        is_right = is_right && after();
        world.m.has_exit = false;
        end = is_right ? WORLD_HELD : WORLD_BROKEN;
    } else if (left == FLASH_EXIT_MISUSE) {
        (void)world_wrong(world.m.misuse);
        end = WORLD_BROKEN;
    } else {
        power_went();
        world.mode = MODE_OFF;
        world.m.is_off = false; // to be looked at
        world.m.is_busy = false;
        world.m.cut_at = 0;
        end = promise_start(false) && promise_bootloader() ? WORLD_CUT : WORLD_BROKEN;
    }
    world.mood = has_weak_bits() ? world.mood : 0; // nothing depends on it then
    world.m.power_ups = world.mood;
    return end;
}

static bool try_load(void) {
    host_chooses(0);
    struct desk_status status = desk_getstatus(&world.desk);
    if (status.state == DFU_STATE_ERROR) { // how the last block of the one before ended
        (void)desk_simple(&world.desk, DFU_CLRSTATUS);
        status = desk_getstatus(&world.desk);
    }
    if (status.result != DESK_OK || status.state != DFU_STATE_IDLE) {
        return world_wrong("the bootloader does not answer after a bus reset");
    }
    for (unsigned i = 0; i < 2; i++) {
        host_erases(APPLICATION + i * SECTOR_BYTES, 1u << i, false);
        if (!host_gets_done()) {
            return world_wrong("the next load's erase is refused");
        }
    }
    if (!host_writes(APPLICATION, RECOVERY) || !host_writes(APPLICATION + SECTOR_BYTES, RECOVERY)) {
        return world_wrong("the next load's block is refused");
    }
    host_leaves();
    status = desk_getstatus(&world.desk);
    if (status.result != DESK_OK || status.state != DFU_STATE_MANIFEST) {
        return world_wrong("the next load's leave is refused");
    }
    return true;
}

static bool next_load(void) {
    if (world.mode == MODE_OFF) {
        world.m.power_ups = 0;
        flash_model_power_on(&world.m);
        if (!start(MAILBOX_NONE)) {
            return false;
        }
    }
    if (world.mode == MODE_DFU) {
        host_settles();
        if (world.desk.ran && !world_reset(MAILBOX_RUN)) {
            return false;
        }
    }
    if (world.mode == MODE_APPLICATION && !world_reset(MAILBOX_DFU)) {
        return false;
    }
    ghost_session_begins();
    world.desk.armed = world.desk.queued = world.desk.stalled = false;
    desk_enumerate(&world.desk);
    poll_to_rest();
    bool may_fail_once = world.ghost.has_failed; // flash: that is told, and may be tried again
    if (!try_load()) {
        if (!may_fail_once) {
            return false;
        }
        failure = NULL;
        (void)desk_simple(&world.desk, DFU_CLRSTATUS);
        if (!try_load()) {
            return false;
        }
    }
    host_settles();
    if (!world.desk.ran || !world_reset(MAILBOX_RUN) || world.mode != MODE_APPLICATION) {
        return world_wrong("the next load does not start");
    }
    return promise_bootloader() && image_is_there(&world.ghost.expected)
               ? true
               : world_wrong("the next load is not there");
}

bool world_recovers(void) {
    bool is_right = false;
    failure = NULL;
    cuts_before = world.m.cuts;
    world.m.operations = 0;
    world.m.cut_at = 0;
    int left = setjmp(world.m.exit);
    if (left == 0) {
        world.m.has_exit = true;
        is_right = next_load();
        world.m.has_exit = false;
    } else {
        (void)world_wrong(world.m.misuse);
    }
    return is_right;
}

// --- The port, and the factory -------------------------------------------------------------------

static enum flash_result erase(void *ctx, unsigned sector) {
    (void)ctx;
    world.ghost.is_changed |= sector >= map.application_first;
    return flash_model_erase(&world.m, sector);
}

static enum flash_result program(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len) {
    (void)ctx;
    world.ghost.is_changed |= addr >= APPLICATION;
    return flash_model_program(&world.m, addr, data, len);
}

static enum flash_result poll(void *ctx) {
    (void)ctx;
    return flash_model_poll(&world.m);
}

static void read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    (void)ctx;
    flash_model_read(&world.m, addr, out, len);
}

void world_init(void) {
    memset(&world, 0, sizeof world);
    desk_init(&world.desk);
    world.desk.port.map = &map;
    world.desk.port.flash_erase = erase;
    world.desk.port.flash_program = program;
    world.desk.port.flash_poll = poll;
    world.desk.port.flash_read = read;
    world.desk.poll_us = 1000;
    flash_model_init(&world.m, &map, 1);
    flash_model_power_on(&world.m);
    world.m.busy_polls = 1; // so that a host is answered while flash is busy
    world.m.is_lenient = true;
    uint8_t bytes[SECTOR_BYTES];
    for (unsigned i = 0; i < SECTOR_WORDS; i++) {
        store_le32(bytes + 4 * i, 0xb0070000u + i);
    }
    flash_model_load(&world.m, map.base, bytes, sizeof bytes);
    for (unsigned first = 0; first < WORDS; first += SECTOR_WORDS) {
        for (unsigned i = 0; i < image_block_words(first); i++) {
            store_le32(bytes + 4 * i, image_word(0, first + i));
        }
        flash_model_load(&world.m, APPLICATION + 4 * first, bytes, 4 * image_block_words(first));
    }
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t weak;
        world.ghost.expected.word[i] = image_flash_word(i, &weak);
    }
    world.ghost.expected.known = UINT32_MAX;
    world.ghost.expected.is_set = true;
    ghost_image_is_whole(&world.ghost.expected);
    for (unsigned key = 0; key < KEYS; key++) {
        world.ghost.allowed[key] = 1;
        (void)application_changes(key, 1);
    }
    power_went();
    world.mode = MODE_OFF;
}
