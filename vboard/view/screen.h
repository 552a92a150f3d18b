// SPDX-License-Identifier: MIT
//
// Where what stands on the screen of --view, on whatever size the terminal has. The terminal itself is view.c's.

#ifndef VBOARD_VIEW_SCREEN_H
#define VBOARD_VIEW_SCREEN_H

#include "vboard/timeline.h"
#include "vboard/view/map.h"
#include "vboard/view/pane.h"
#include "vboard/view/view.h"

#define SCREEN_LINES_MIN   12
#define SCREEN_COLUMNS_MIN 40

struct screen {
    const struct view_board *board;
    unsigned number, count; // of the boards, from 0
    uint64_t now_ps;
    const struct map *map;
    const struct pane *console, *command, *notes;
    const char *command_name; // NULL: there is none
    bool has_colours;
};

void screen_start_colours(void);
// Draws all of it. Between ncurses' newterm() and endwin().
void screen_draw(const struct screen *screen);

#endif
