// SPDX-License-Identifier: MIT
//
// What the files of the explorer's world share: the one board, and what its users rely on.

#ifndef TESTS_EXPLORE_WORLD_INTERNAL_H
#define TESTS_EXPLORE_WORLD_INTERNAL_H

#include "tests/explore/world.h"
#include "tests/unit/desk.h"

// Two sectors of application, A and B: the least in which half an image can be.
#define SECTOR_BYTES 64u
#define SECTOR_WORDS (SECTOR_BYTES / 4u)
#define WORDS        (2u * SECTOR_WORDS)
#define FLASH_BASE   0x08000000u
#define APPLICATION  0x08000440u
#define KEYS         2u
#define VERSIONS     3u // of images: each host brings the next one

enum mode { MODE_OFF, MODE_APPLICATION, MODE_DFU };

// Words of the application that somebody relies on.
struct picture {
    uint32_t word[WORDS];
    uint32_t known; // bit a word
    bool is_set;
};

struct ghost {
    struct picture whole[2];  // what may start: the last one, and one that may have become so
    struct picture expected;  // what the host has sent, over the whole one
    uint32_t touched;         // bit a sector, since the last whole image
    uint32_t erased, written; // bit a sector, in this session
    uint32_t sent;            // bit a word, since power-up
    uint32_t pending;         // bit a word: sent, and no GETSTATUS has said that it is done
    uint32_t brought;         // bit a sector: a block was sent for it in this load
    uint32_t lost;    // bit a sector: a block for it was taken back, and it was not erased since
    uint32_t unasked; // bit a sector: a block was sent, and no GETSTATUS after it
    uint32_t asked;   // bit a sector: an erase was sent, likewise; not known yet to be done
    bool has_block;   // sent in this session, since the last whole image and the last erase
    bool was_done;    // by an earlier session, and nothing was sent since
    // Given up by this session, nobody knows where: its leave proves nothing then.
    bool has_lost_block;
    bool said_done, is_changed, has_dead_predecessor;
    bool is_over;        // said_done, by ABORT
    bool has_failed;     // an operation of the flash, since power-up
    uint8_t first_words; // bit a word: sent in this session
    uint8_t version;
    uint8_t allowed[KEYS]; // bit a value; value 0: absent
};

struct world {
    struct desk desk; // first: it is the port's ctx
    struct flash_model m;
    struct ghost ghost;
    enum mode mode;
    uint32_t mood;
};

extern struct world world;

// world.c. The first one since an action began is what world_failure() says; false.
bool world_wrong(const char *why);
// Whether an operation of the flash was cut, or failed, in this action.
bool world_was_cut(void);
// From reset to whatever comes up, as port/stm32f4 does it, and the promises then.
bool world_reset(uint32_t request);
bool world_store_is_at_rest(void);
// As an application does. False: not to be opened.
bool world_open_store(struct settings *s, struct settings_flash *flash);

// ghost.c. Images, of which hosts send no more than image_block_words(): the first words of A, and of B.
uint32_t image_word(unsigned version, unsigned index);
uint32_t image_block_words(unsigned index);
uint32_t image_flash_word(unsigned index, uint32_t *weak);
bool image_is_there(const struct picture *picture);
void setting_value(uint8_t bytes[4], unsigned key, unsigned value);
// What happens on the cable, as the ghost has to know it.
bool ghost_may_close(void);
void ghost_session_begins(void);
void ghost_done_is_said(void);
void ghost_image_is_whole(const struct picture *picture);
void ghost_erase_is_sent(uint32_t sectors);
// `is_error`: it told one.
void ghost_status_is_read(bool is_error);
bool ghost_leave_counts(void);
void ghost_block_is_sent(unsigned first, unsigned version);

// promises.c. False: one is broken, and world_wrong() was told which.
// What may start, now and at later starts. `is_start`: nobody has sent anything since power-up.
bool promise_start(bool is_start);
bool promise_bootloader(void);
// Holds the values against the ghost; `decides`: what is read now stays.
bool promise_settings(struct settings *s, bool decides);
bool promise_dfu_settings(bool decides);

// hosts.c
bool host_acts(enum action action);
bool application_changes(unsigned key, unsigned value);
// Single steps of a load.
void host_chooses(unsigned alternate);
void host_erases(uint32_t addr, uint32_t sectors, bool is_all);
bool host_gets_done(void);
bool host_writes(uint32_t addr, unsigned version);
void host_leaves(void);
void host_settles(void);

#endif
