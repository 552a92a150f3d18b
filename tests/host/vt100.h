// SPDX-License-Identifier: MIT
//
// A VT100 as far as ncurses uses one (terminfo's vt100): what stands on its screen after what was written to it.

#ifndef TESTS_HOST_VT100_H
#define TESTS_HOST_VT100_H

#include <stdbool.h>
#include <stddef.h>

#define VT100_LINES_MAX   60
#define VT100_COLUMNS_MAX 160

struct vt100 {
    int lines, columns;
    int line, column;
    bool is_at_margin;
    int top, bottom; // of what scrolls
    char screen[VT100_LINES_MAX][VT100_COLUMNS_MAX + 1];
    unsigned colours; // how often a colour was chosen
    char sequence[32];
    size_t sequence_len;
    bool is_unknown; // it was sent something that this one does not know; `sequence` has it
};

void vt100_start(struct vt100 *vt, int lines, int columns);
void vt100_write(struct vt100 *vt, const char *bytes, size_t len);
// The screen as text, lines without the blanks at their ends.
void vt100_text(const struct vt100 *vt, char *text, size_t size);

#endif
