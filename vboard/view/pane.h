// SPDX-License-Identifier: MIT
//
// The last lines of a stream of text: what somebody would see who had a terminal of that size. Of a terminal's
// control sequences a carriage return begins the line again; the others are left out, and bytes that are
// no ASCII show as '?'.

#ifndef VBOARD_VIEW_PANE_H
#define VBOARD_VIEW_PANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PANE_LINES   64u
#define PANE_COLUMNS 256u // of a longer line the beginning is kept

enum pane_escape { PANE_TEXT, PANE_ESCAPE, PANE_SEQUENCE };

// Zero it before use.
struct pane {
    char lines[PANE_LINES][PANE_COLUMNS + 1]; // a ring
    uint64_t line;                            // number of the one being written, from 0
    unsigned column;
    enum pane_escape escape;
};

void pane_add(struct pane *pane, const char *bytes, size_t len);
// The lines that have anything, the one being written last; PANE_LINES at most.
unsigned pane_count(const struct pane *pane);
// Counted from the end, from 0; NULL where pane_count() is passed.
const char *pane_line(const struct pane *pane, unsigned from_end);

#endif
