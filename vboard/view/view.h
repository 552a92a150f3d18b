// SPDX-License-Identifier: MIT
//
// `--view`: the running boards on a terminal, one at a time: pins and LEDs, consoles, flash, USB, the processor,
// and what vboard and COMMAND say meanwhile. It watches and changes nothing (observe.h), and never lets
// time pass.
//
// The terminal is standard output's, by ncurses. While the view has it, what else would go there is kept and
// comes out when the terminal is given back: standard error if it is a terminal too, COMMAND's output,
// consoles on "-". It is given back at the end, by view_free(), by Ctrl-Z, and when a signal ends the program.
// Colours only where the terminal has them and NO_COLOR (no-color.org) is not set.
//
// In this order: new, board, start, look ..., free. One at a time in a process.

#ifndef VBOARD_VIEW_VIEW_H
#define VBOARD_VIEW_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/loads.h"
#include "vboard/observe/observe.h"

struct view_board {
    const char *name; // "1-1"; NULL if it is alone
    const struct board *board;
    struct chip *chip;
    struct cable *cable;
    const struct loads *loads;
    const struct observe *observe;
    const struct trace *trace;
};

struct view;

// Refuses what cannot be done, and changes nothing: NULL with a sentence in `why`. `count` is how many boards there will be,
// `command` is COMMAND's first word or NULL.
struct view *view_new(unsigned count, const struct timeline *timeline, const char *command,
                      char why[512]);
// A stream whose bytes are shown as this board's (from 0) console; with `is_kept` they come out at the end, too.
// Closed by view_free(). NULL when memory is short.
FILE *view_console(struct view *view, unsigned board, bool is_kept);
// What is behind the board; all stays the caller's and valid.
void view_board(struct view *view, unsigned board, const struct view_board *about);
// Takes the terminal. False with a sentence in `why`.
bool view_start(struct view *view, char why[512]) __attribute__((warn_unused_result));
// Where COMMAND's output goes: a terminal of its own, to be inherited. -1 without COMMAND.
int view_command_output(const struct view *view);
// Called often, between slices of time; draws some ten times a second by the wall clock, and takes keys.
void view_look(void *view);
// Gives the terminal back, and what was kept. Before the boards are put away, so that their words come behind it.
// `view` may be NULL.
void view_end(struct view *view);
// After consoles_close(), whose files it made.
void view_free(struct view *view);

#endif
