// SPDX-License-Identifier: MIT
//
// Promises, looked at after every action and every cut, whatever came before:
//
// - What would start, whatever weak bits read as, is an image that was whole: what lay there at the factory, or every
//   word that a host sent since, as it sent it, and a host has said that it is done (leave after a block that came after
//   the last erase, with none lost and none gone by a later erase, or an ABORT with every erased sector written) after
//   its last change, in the same session; and if a change by an earlier session was left unfinished, this session has sent
//   the first words.
// - A setting has a value that it had or was being given, and keeps it once it has been read after power-up.
// - The bootloader's sector is as it was.
// - Core never uses flash in a way that flash_model.c calls a misuse (a host may write twice without
//   erasing: then bits are cleared, as NOR flash does).

#include "tests/explore/world_internal.h"

#include <string.h>

// What may start, now and at later starts. `is_start`: nobody has sent anything since power-up.
bool promise_start(bool is_start) {
    struct ghost *g = &world.ghost;
    uint32_t mood = world.m.power_ups;
    bool is_right = true;
    bool is_busy = world.m.is_busy; // power could go now, and come back
    world.m.is_busy = false;
    for (unsigned i = 0; i < WORLD_MOODS && is_right; i++) {
        world.m.power_ups = i;
        if (!desk_would_start(&world.desk)) {
            continue;
        }
        if (image_is_there(&g->whole[0]) || image_is_there(&g->whole[1])) {
            if (is_start) {
                ghost_image_is_whole(&g->whole[image_is_there(&g->whole[0]) ? 0 : 1]);
                g->expected = g->whole[0];
            }
        } else if (!ghost_may_close()) {
            is_right = world_wrong(g->said_done ? "a dead host's half image would start"
                                                : "an image would start that nobody has finished");
        } else if (!image_is_there(&g->expected)) {
            is_right = world_wrong("what would start is not what the host sent");
        }
        if (is_right && !is_start && ghost_may_close() && image_is_there(&g->expected)) {
            ghost_image_is_whole(&g->expected);
        }
    }
    world.m.power_ups = mood;
    world.m.is_busy = is_busy;
    return is_right;
}

bool promise_bootloader(void) {
    for (unsigned i = 0; i < SECTOR_WORDS; i++) {
        if (world.m.words[i].bits != 0xb0070000u + i || world.m.words[i].weak != 0) {
            return world_wrong("the bootloader changed");
        }
    }
    return true;
}

// Holds the values against the ghost; `decides`: what is read now stays.
bool promise_settings(struct settings *s, bool decides) {
    for (unsigned key = 0; key < KEYS; key++) {
        uint8_t *allowed = &world.ghost.allowed[key];
        uint8_t have[4];
        uint8_t want[4];
        uint32_t len = 0;
        unsigned value = 0;
        enum settings_result r = settings_get(s, (uint16_t)key, have, sizeof have, &len);
        if (r == SETTINGS_TURNOVER) {
            return true; // flash has failed where traces of a cut were removed: tried again later
        }
        if (r != SETTINGS_ABSENT) {
            for (value = 1; value <= 2; value++) {
                setting_value(want, key, value);
                if (r == SETTINGS_OK && len == 4 && memcmp(have, want, 4) == 0) {
                    break;
                }
            }
        }
        if (!(*allowed & 1u << value)) {
            return world_wrong(value == 0 ? "a setting is lost"
                                          : "a setting has a value nobody gave it");
        }
        if (decides) {
            *allowed = (uint8_t)(1u << value);
        }
    }
    return true;
}

bool promise_dfu_settings(bool decides) {
    if (!world_store_is_at_rest()) {
        return true;
    }
    struct settings copy = world.desk.bootloader.dfu.gate.settings;
    return promise_settings(&copy, decides);
}
