// SPDX-License-Identifier: MIT
//
// Images and values, and the ghost.
//
// What a host relies on (struct ghost) is kept by what it was told on the cable, never by looking into core/; but
// for one thing: a session counts as having changed something when the port was asked to.

#include "tests/explore/world_internal.h"

#define FIRST_WORD ((APPLICATION - FLASH_BASE) / 4u)

// --- Images and values ---------------------------------------------------------------------------

uint32_t image_word(unsigned version, unsigned index) {
    return index == 0   ? 0x20010000u + 64 * version
           : index == 1 ? APPLICATION + 0x41u + 2 * version
                        : 0x5a000000u + 0x10101u * (version * 37 + index);
}

uint32_t image_block_words(unsigned index) {
    return index == 0 ? 4 : index == SECTOR_WORDS ? 2 : 0;
}

uint32_t image_flash_word(unsigned index, uint32_t *weak) {
    *weak = world.m.words[FIRST_WORD + index].weak;
    return world.m.words[FIRST_WORD + index].bits;
}

bool image_is_there(const struct picture *picture) {
    for (unsigned i = 0; i < WORDS; i++) {
        uint32_t weak;
        uint32_t bits = image_flash_word(i, &weak);
        if ((picture->known & 1u << i) && (weak != 0 || bits != picture->word[i])) {
            return false;
        }
    }
    return picture->is_set;
}

void setting_value(uint8_t bytes[4], unsigned key, unsigned value) {
    store_le32(bytes, 0x01020304u * (key + 1) + 0x01000100u * value);
}

// --- The ghost -----------------------------------------------------------------------------------

static void forget_sectors(uint32_t sectors) {
    for (unsigned i = 0; i < WORDS; i++) {
        if (sectors & 1u << i / SECTOR_WORDS) {
            world.ghost.expected.known &= ~(1u << i);
        }
    }
}

bool ghost_may_close(void) {
    const struct ghost *g = &world.ghost;
    return g->said_done && (!g->has_dead_predecessor || g->first_words == 3);
}

// A host begins that may know nothing of the one before.
void ghost_session_begins(void) {
    struct ghost *g = &world.ghost;
    if (!g->is_changed) {
        g->expected = g->whole[0]; // whatever was sent has not begun
        g->touched = 0;
    } else if (ghost_may_close()) {
        g->was_done = true;
        g->has_dead_predecessor &= !g->is_over;
    } else if (!g->was_done) {
        g->has_dead_predecessor = true;
        forget_sectors(g->touched);
    }
    g->erased = g->written = g->pending = 0;
    g->brought = g->lost = g->unasked = g->asked = 0;
    g->said_done = g->is_over = g->has_block = g->has_lost_block = false;
    g->first_words = 0;
    g->version = (uint8_t)((g->version + 1) % VERSIONS);
}

// From here on what the host has sent may start.
void ghost_done_is_said(void) {
    struct ghost *g = &world.ghost;
    g->said_done = true;
    if (ghost_may_close()) {
        g->whole[1] = g->expected;
    }
}

void ghost_image_is_whole(const struct picture *picture) {
    struct ghost *g = &world.ghost;
    struct picture kept = *picture;
    g->whole[0] = kept;
    g->whole[1].is_set = false;
    g->touched = g->brought = 0;
    g->is_changed = g->has_dead_predecessor = g->has_block = false;
}

void ghost_erase_is_sent(uint32_t sectors) {
    struct ghost *g = &world.ghost;
    forget_sectors(sectors);
    g->touched |= sectors;
    g->asked = sectors;
    g->said_done = g->is_over = g->was_done = false;
    for (unsigned i = 0; i < WORDS; i++) {
        g->sent &= ~((sectors >> i / SECTOR_WORDS & 1u) << i);
    }
}

// GETSTATUS sets going what was sent; what ABORT takes back before it was nothing.
void ghost_status_is_read(bool is_error) {
    struct ghost *g = &world.ghost;
    g->unasked = 0;
    g->said_done = g->said_done && (!is_error || g->is_over); // a leave that is refused
    if (g->asked == 0) {
        return;
    }
    // A load that begins, at the application's first sector or with a list of erases.
    bool begins = (g->asked & 1u) || g->erased == 0;
    g->has_lost_block = g->has_lost_block && !begins;
    g->lost = g->erased == 0 ? 0 : g->lost & ~g->asked;
    g->brought = g->asked & 1u ? 0 : g->brought;
    g->erased |= g->asked;
    g->written &= ~g->asked;
    g->has_block = false;
    g->asked = 0;
}

// Whether leave says that all has come: a block since the last erase, none lost whose sector was not erased since, and no
// sector that was erased again after its blocks, and left so.
bool ghost_leave_counts(void) {
    const struct ghost *g = &world.ghost;
    return g->has_block && !g->has_lost_block && g->lost == 0 &&
           (g->brought & g->erased & ~g->written) == 0;
}

void ghost_block_is_sent(unsigned first, unsigned version) {
    struct ghost *g = &world.ghost;
    uint32_t sector = 1u << first / SECTOR_WORDS;
    // The sector may be erased on demand, but not what was sent since power-up.
    for (unsigned i = 0; i < WORDS; i++) {
        if (1u << i / SECTOR_WORDS == sector && !(g->sent & 1u << i)) {
            g->expected.known &= ~(1u << i);
        }
    }
    for (unsigned i = first; i < first + image_block_words(first); i++) {
        g->expected.word[i] = image_word(version, i);
        g->expected.known |= 1u << i;
        g->sent |= 1u << i;
        g->pending |= 1u << i;
    }
    g->touched |= sector;
    g->written |= sector;
    g->brought |= sector;
    g->unasked = sector;
    g->has_block = true;
    g->said_done = g->is_over = g->was_done = false;
    g->first_words |= first == 0 ? 3 : 0;
}
