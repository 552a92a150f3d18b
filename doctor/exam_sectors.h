// SPDX-License-Identifier: MIT
//
// One sector's trial: what was done, and what was there afterwards. exam_sectors.c does it, exam_judge.c names causes.

#ifndef DOCTOR_EXAM_SECTORS_H
#define DOCTOR_EXAM_SECTORS_H

#include "doctor/exam_parts.h"

// An erase that was quicker did nothing: 16 KB take 250 ms at least, a page of 2 KB 20 ms (STM32F405, F103, L4 datasheets).
#define TRIAL_QUICK_ERASE_US 15000u

// All readable flash compared with what it held before.
struct trial_look {
    uint64_t at_us;
    bool has_target;      // the sector under trial was read
    unsigned harmed;      // other sectors in which bits were set anew: erased
    uint32_t harmed_addr; // the first of them
    uint32_t harmed_last;
    bool is_blanked; // at least one of them is blank
    unsigned noted;  // others in which bits were only cleared: the device's own records
    unsigned unread;
};

struct trial_round {
    bool has_begun;
    bool was_blank; // before
    struct exam_work erase, second_erase, write;
    uint8_t erase_state, erase_status, write_state, write_status;
    bool was_repeated; // the erase, since the first one was refused
    bool is_erase_settled, is_write_settled;
    struct trial_look after_erase, after_write;
    bool is_blank, is_unchanged; // after the erase
    bool is_proven;              // that an erase works here, so that something may be written
    bool has_written, is_written, is_first_written, is_still_blank;
    uint32_t lost_tail; // bytes at the end of each block that are not there
    bool is_whole;      // came to its end
};

struct trial {
    struct exam *x;
    struct exam_memory before[LAYOUT_RUNS_MAX];
    unsigned count;
    uint8_t *now, *target, *previous, *written;
    bool is_changed; // an erase or a write was sent
    uint32_t sector, sector_bytes;
    int state_after_abort;
    struct trial_round rounds[2];
    // Of all sectors so far.
    unsigned erased, unerased;
    uint32_t unerased_addr;
};

bool trial_is_blank(const uint8_t *bytes, uint32_t len);

// exam_judge.c: after a sector, and after all of them.
void trial_judge(struct trial *t);
void trial_judge_together(struct trial *t);

#endif
