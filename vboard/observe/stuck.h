// SPDX-License-Identifier: MIT
//
// Where a firmware is that does not get on: in which loop, since when at least, and what would set it
// free.
//
// The processor is asked, not guessed at: at the end of the run it is let run on with the world
// standing still (cpu_probe()), which shows the loop and what it reads; then once more for each bit
// of each register and each variable it reads, with that one turned over. What makes it leave the
// loop is what it waits for. That holds whatever the compiler made of the loop. Interrupts are left
// out of it, so a time-out counted by one does not come.
//
// Every 5 ms of virtual time a sample is taken, for "since when"; the last 640 ms of them are kept.

#ifndef VBOARD_OBSERVE_STUCK_H
#define VBOARD_OBSERVE_STUCK_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/chip/chip.h"
#include "vboard/loads.h"

struct stuck;

// NULL when memory is short. All pointers stay the caller's.
struct stuck *stuck_new(struct chip *chip, const struct loads *loads, struct timeline *timeline);
void stuck_free(struct stuck *stuck);
// A reset: what was sampled before says nothing about what comes.
void stuck_reset(struct stuck *stuck);

#define STUCK_LONG_PS (100 * PS_PER_MS)

enum stuck_kind {
    STUCK_NOT,          // it gets on, or its loop is too wide to be told from work
    STUCK_OFF,          // no power, or held in reset
    STUCK_ASLEEP,       // WFI or WFE
    STUCK_WAITING,      // in a loop that something would end
    STUCK_WAITING_LONG, // for a register, and for STUCK_LONG_PS at least
    STUCK_SPINNING,     // in a loop that nothing it reads would end
    STUCK_FAULT,        // in a fault's handler, in a loop
    STUCK_LOCKED_UP,    // a fault inside a fault
};

// Locked up, or in a fault's handler. Costs nothing, and is never so in a healthy firmware.
bool stuck_is_faulty(const struct stuck *stuck);
// At the end of a run, which it ends for good: looks at the processor. `text` is one sentence
// behind "the processor ", without its end.
#define STUCK_TEXT_MAX 768u
enum stuck_kind stuck_look(struct stuck *stuck, char text[STUCK_TEXT_MAX]);

#endif
