// SPDX-License-Identifier: MIT
//
// What was seen inside the chip while a host did something: a log of events, written by whoever owns the virtual
// board, read by the diagnosis. The diagnosis looks at windows of it: what came between two marks.

#ifndef DOCTOR_INSIDE_WITNESS_H
#define DOCTOR_INSIDE_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum witness_kind {
    WITNESS_CALL, // a function that the diagnosis had named was entered: `value` is its first argument
    WITNESS_ERASE,   // an erase started: addr, len; `value` FLASH_CR, `flags` FLASH_SR before it
    WITNESS_PROGRAM, // programming: addr and len of words without a gap, likewise
    WITNESS_LOCKED,  // FLASH_CR was written while locked, and so was not: `value` what was lost
    WITNESS_FAILED, // an error flag rose: `flags` FLASH_SR then, addr what was accessed, `value` FLASH_CR
    WITNESS_NO_SECTOR, // an erase of a sector there is not: `value` FLASH_CR
    WITNESS_RESET,     // the chip was reset; `name` is why
    WITNESS_ENTRY, // the application's first instruction is next: `handover` below is how it is found
};

struct witness_event {
    enum witness_kind kind;
    uint64_t at_us;
    uint32_t addr, len, value, flags;
    uint32_t pc;      // the instruction
    const char *name; // WITNESS_CALL, WITNESS_RESET; stays valid
    unsigned count;   // events of the same kind at the same place, put together
};

// What an application finds at its first instruction.
struct witness_handover {
    uint32_t ticks;        // STK_CTRL (PM0214 4.5.1)
    uint32_t interrupts;   // how many are enabled in the NVIC
    uint32_t exception;    // number of the one it is called from; 0: none
    bool are_masked;       // PRIMASK, BASEPRI or FAULTMASK
    bool is_unprivileged;  // CONTROL.nPRIV, or the process stack
    uint32_t vectors;      // VTOR
    uint32_t stack;        // SP
    bool is_clock_changed; // the core runs from something else than after a reset
    bool is_attached;      // the USB device is still on the bus
};

struct witness {
    struct witness_event *events;
    size_t count, room;
    bool is_short;  // memory ran out: the log ends early
    size_t barrier; // nothing is put together with what lies before
    struct witness_handover handover;
};

// Adds an event; programming that goes on where the last one ended, and what repeats itself at one place, is put
// together.
void witness_see(struct witness *witness, const struct witness_event *event);
// Where the log is now: a window begins, and nothing is put together across it.
size_t witness_mark(struct witness *witness);
void witness_free(struct witness *witness);

// Events between two marks (`witness->count` at some time).
struct witness_window {
    const struct witness *witness;
    size_t from, to;
};
// The first of a kind; NULL: none. With a name: of that name.
const struct witness_event *witness_first(struct witness_window window, enum witness_kind kind,
                                          const char *name);
// How many of a kind there were.
unsigned witness_count(struct witness_window window, enum witness_kind kind, const char *name);
// Whether flash was touched, or was meant to be.
bool witness_touched_flash(struct witness_window window);

// FLASH_SR's error flags by name, "PGSERR PGPERR"; FLASH_CR's as "SER STRT SNB=4 x32". Return `text`.
#define WITNESS_TEXT_MAX 64u
const char *witness_flags(uint32_t sr, char text[WITNESS_TEXT_MAX]);
const char *witness_control(uint32_t cr, char text[WITNESS_TEXT_MAX]);

#endif
