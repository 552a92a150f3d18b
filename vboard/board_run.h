// SPDX-License-Identifier: MIT
//
// One board of `vboard run` or `vboard serve`: its chip, its cable, its files, and what its options do to
// it in the course of time. Who lets time pass, and what is common to several boards, is run.c's.
//
// In this order: init, prepare, open, start, end, free. Those that return a bool say on standard error
// what went wrong. All boards are prepared before any is opened, because opening empties files.

#ifndef VBOARD_BOARD_RUN_H
#define VBOARD_BOARD_RUN_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/console.h"
#include "vboard/cut.h"
#include "vboard/flash_file.h"
#include "vboard/loads.h"
#include "vboard/memory.h"
#include "vboard/observe/observe.h"
#include "vboard/options.h"
#include "vboard/usb/cable.h"

struct board_run {
    const struct options *options;
    char name[16]; // its place on the bus, "1-1", as Linux and dfu-util call it
    struct timeline *timeline;
    struct trace trace;
    struct chip *chip;
    struct cable *cable;
    struct loads loads;
    struct flash_file flash;
    struct consoles consoles;
    struct cut cut; // --cut, or what vboard ctl made of it
    struct observe *observe;
    struct gdb *gdb; // NULL without --gdb
    // What the options do later, two events each: it begins, it ends.
    struct pin_event *pins;
    struct supply_event *supplies;
    struct cable_event *cable_events;
};

// `port` counts from 1. Alone, a board is not named in traces and sentences.
void board_run_init(struct board_run *run, const struct options *options, unsigned port,
                    bool is_alone, struct timeline *timeline);
// All that may be refused without emptying a file. A failed one needs only board_run_free().
bool board_run_prepare(struct board_run *run, struct usb_bus *bus)
    __attribute__((warn_unused_result));
// Opens its outputs. `trace` is the caller's, NULL for none; `screen` too, NULL without --view.
bool board_run_open(struct board_run *run, FILE *trace, const struct console_screen *screen)
    __attribute__((warn_unused_result));
// Power comes up.
bool board_run_start(struct board_run *run) __attribute__((warn_unused_result));
// Power goes, and comes again, between runs: with the pins at rest, or as --pin says from then on. Nothing is
// loaded anew.
void board_run_power_off(struct board_run *run);
void board_run_power_on(struct board_run *run, bool as_asked);
// From now on nobody touches the pins.
void board_run_let_go(struct board_run *run);
// False, with a sentence, if --cut asked for a cut that never came: it would pass for one that did no harm.
bool board_run_check_cut(const struct board_run *run);
// Says what was observed, saves the flash, closes the outputs.
bool board_run_end(struct board_run *run) __attribute__((warn_unused_result));
// Before the bus and the timeline, which do not run any more.
void board_run_free(struct board_run *run);

// For struct bench (snapshots); ctx is the board_run. What is still to be done to the board, as the options
// say, goes back in time with it.
void board_run_visit(void *ctx, const struct memory_visitor *visitor);
void board_run_restored(void *ctx);

#endif
