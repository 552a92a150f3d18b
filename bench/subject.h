// SPDX-License-Identifier: MIT
//
// A bootloader that loads are measured with, how one gets at it, and where it takes images.

#ifndef REDFU_BENCH_SUBJECT_H
#define REDFU_BENCH_SUBJECT_H

#include <stdint.h>

#include "bench/work.h"

#define FLASH_BASE 0x08000000u
#define FLASH_MAX  (2048u * 1024u)
#define PINS_MAX   8

struct subject {
    const char *name, *elf, *board, *usb_id;
    const char *chip, *hse, *usb; // instead of a board, or what is otherwise on it
    const char *pins[PINS_MAX];
    unsigned pin_count;
    const char *wait_s;  // before the program starts
    int alternate;       // -1: the first with a layout string
    int fwupd_alternate; // 0: the same
    uint32_t addr;       // 0: where its layout string says
    uint32_t room;       // that can be written from there
    uint32_t flash_bytes;
    char vid_pid[16];
    char trouble[256]; // why nothing can be loaded
    char remark[256];
};

// vboard and its options, up to and without --.
void say_board(struct words *words, const struct subject *subject, const char *flash);

// -- and, where it wants that, the wait before the program.
void say_command(struct words *words, const struct subject *subject);

// Brings the bootloader up once, for its layout string and for what it makes of its own flash, which is kept in
// `flash_file`. Where nothing can be loaded, `trouble` says why; where vboard did not run it, fails.
void find_room(struct subject *subject, const char *flash_file);

#endif
