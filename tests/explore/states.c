// SPDX-License-Identifier: MIT
//
// States as numbers and bytes: which of them are the same, and how to come back to one.

#include "tests/explore/world_internal.h"

#include <string.h>

static uint64_t mix(uint64_t hash, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (; len >= 8; len -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    for (; len > 0; len--) {
        hash = (hash ^ *at++) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    return hash;
}

// Bounds are 50, 500, 1000 and 4000 ms: a tenth of a second more or less tells no states apart.
static uint32_t age(uint32_t since_ms) {
    uint32_t ms = (uint32_t)(world.desk.now_us / 1000) - since_ms;
    return ms / 100 < 15 ? ms / 100 : 15;
}

static void settings_without_scraps(struct settings *s) {
    if (s->step == 0) {
        s->from = s->at = s->size = 0;
        s->goal = 0;
        memset(s->words, 0, sizeof s->words);
        memset(s->record, 0, sizeof s->record);
    }
}

uint64_t world_hash(void) {
    static struct bootloader copy;
    copy = world.desk.bootloader;
    struct dfu *dfu = &copy.dfu;
    if (world.mode == MODE_DFU) {
        dfu->held_since = age(dfu->held_since);
        dfu->leave_since = dfu->leaving ? age(dfu->leave_since) : 0;
        dfu->heard_at = age(dfu->heard_at);
        dfu->gate.quiet_since_ms = age(dfu->gate.quiet_since_ms);
        dfu->gate.told_at_ms = dfu->gate.is_block_told ? age(dfu->gate.told_at_ms) : 0;
        memset(dfu->answer, 0, sizeof dfu->answer);
        memset(&copy.hash, 0, sizeof copy.hash);
        memset(copy.descriptors.bytes, 0, sizeof copy.descriptors.bytes);
        if (copy.usbd.stage == USBD_STAGE_IDLE) {
            memset(&copy.usbd.setup, 0, sizeof copy.usbd.setup);
            memset(&copy.usbd.data, 0, sizeof copy.usbd.data);
            copy.usbd.moved = copy.usbd.in_flight = 0;
        }
        bool may_look = dfu->work != DFU_WORK_NONE || dfu->block_due ||
                        !update_is_idle(&dfu->update) || dfu->gate.is_block_new ||
                        !media_is_idle(&dfu->media);
        if (!may_look) {
            memset(&dfu->job, 0, sizeof dfu->job);
            memset(dfu->command, 0, sizeof dfu->command);
            memset(dfu->update.buffers, 0, sizeof dfu->update.buffers);
            dfu->media.settings.at = dfu->media.settings.end = NULL;
        }
        settings_without_scraps(&dfu->gate.settings);
        if (dfu->gate.step != GATE_CHECKING) {
            dfu->gate.position = dfu->gate.crc = 0;
        }
    }
    uint64_t hash = mix(0x5eed, &copy, sizeof copy);
    hash = mix(hash, &world.mode, sizeof world.mode);
    hash = mix(hash, &world.mood, sizeof world.mood);
    hash = mix(hash, &world.ghost, sizeof world.ghost);
    hash = mix(hash, world.m.words, world.m.word_count * sizeof *world.m.words);
    hash = mix(hash, world.m.is_half_erased, world.m.sector_count);
    const uint32_t more[] = {world.m.is_busy,       world.m.is_erase,    world.m.sector,
                             world.m.next,          world.m.last,        world.m.waits,
                             world.desk.armed,      world.desk.queued,   world.desk.stalled,
                             world.desk.packet_len, world.desk.connected};
    if (world.mode == MODE_DFU) {
        hash = mix(hash, more, sizeof more);
    }
    return hash;
}

size_t world_size(void) {
    return sizeof world + world.m.word_count * sizeof *world.m.words + world.m.sector_count;
}

void world_save(uint8_t *out) {
    memset(&world.m.exit, 0, sizeof world.m.exit);
    memcpy(out, &world, sizeof world);
    out += sizeof world;
    memcpy(out, world.m.words, world.m.word_count * sizeof *world.m.words);
    memcpy(out + world.m.word_count * sizeof *world.m.words, world.m.is_half_erased,
           world.m.sector_count);
}

void world_load(const uint8_t *in) {
    memcpy(&world, in, sizeof world); // the pointers in it have not moved
    in += sizeof world;
    memcpy(world.m.words, in, world.m.word_count * sizeof *world.m.words);
    memcpy(world.m.is_half_erased, in + world.m.word_count * sizeof *world.m.words,
           world.m.sector_count);
}
