// SPDX-License-Identifier: MIT

#include "tests/host/vt100.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clear_line(struct vt100 *vt, int line, int from, int to) {
    memset(vt->screen[line] + from, ' ', (size_t)(to - from));
}

void vt100_start(struct vt100 *vt, int lines, int columns) {
    memset(vt, 0, sizeof *vt);
    vt->lines = lines;
    vt->columns = columns;
    vt->bottom = lines - 1;
    for (int i = 0; i < VT100_LINES_MAX; i++) {
        clear_line(vt, i, 0, VT100_COLUMNS_MAX);
    }
}

static void scroll(struct vt100 *vt, int by) {
    size_t bytes = (size_t)(vt->bottom - vt->top) * sizeof vt->screen[0];
    if (by > 0) {
        memmove(vt->screen[vt->top], vt->screen[vt->top + 1], bytes);
        clear_line(vt, vt->bottom, 0, VT100_COLUMNS_MAX);
    } else {
        memmove(vt->screen[vt->top + 1], vt->screen[vt->top], bytes);
        clear_line(vt, vt->top, 0, VT100_COLUMNS_MAX);
    }
}

static void feed(struct vt100 *vt) {
    if (vt->line == vt->bottom) {
        scroll(vt, 1);
    } else if (vt->line < vt->lines - 1) {
        vt->line++;
    }
}

static int within(int value, int end) {
    return value < 0 ? 0 : value >= end ? end - 1 : value;
}

static int at_least_1(int value) {
    return value > 0 ? value : 1;
}

static void erase_display(struct vt100 *vt, int what) {
    clear_line(vt, vt->line, what == 0 ? vt->column : 0,
               what == 1 ? vt->column + 1 : VT100_COLUMNS_MAX);
    for (int i = 0; i < vt->lines; i++) {
        if (what == 2 || (what == 0 && i > vt->line) || (what == 1 && i < vt->line)) {
            clear_line(vt, i, 0, VT100_COLUMNS_MAX);
        }
    }
}

// ESC [ PARAMETERS FINAL
static void control(struct vt100 *vt, char final) {
    int p[4] = {0};
    int count = 0;
    char *at = vt->sequence + 1;
    bool is_private = *at == '?';
    for (at += is_private; count < 4; at++) {
        p[count++] = (int)strtol(at, &at, 10);
        if (*at != ';') {
            break;
        }
    }
    switch (final) {
    case 'H':
        vt->line = within(at_least_1(p[0]) - 1, vt->lines);
        vt->column = within(at_least_1(p[1]) - 1, vt->columns);
        return;
    case 'A':
        vt->line = within(vt->line - at_least_1(p[0]), vt->lines);
        return;
    case 'B':
        vt->line = within(vt->line + at_least_1(p[0]), vt->lines);
        return;
    case 'C':
        vt->column = within(vt->column + at_least_1(p[0]), vt->columns);
        return;
    case 'D':
        vt->column = within(vt->column - at_least_1(p[0]), vt->columns);
        return;
    case 'J':
        erase_display(vt, p[0]);
        return;
    case 'K':
        clear_line(vt, vt->line, p[0] == 0 ? vt->column : 0,
                   p[0] == 1 ? vt->column + 1 : VT100_COLUMNS_MAX);
        return;
    case 'm':
        for (int i = 0; i < count; i++) {
            vt->colours += p[i] >= 30 && p[i] <= 47;
        }
        return;
    case 'r':
        vt->top = at_least_1(p[0]) - 1;
        vt->bottom = p[1] > 0 ? p[1] - 1 : vt->lines - 1;
        vt->line = vt->column = 0;
        return;
    case 'h':
    case 'l':
        return; // modes
    default:
        vt->is_unknown = true;
    }
}

static void take_sequence(struct vt100 *vt, char c) {
    if (vt->sequence_len < sizeof vt->sequence - 2) {
        vt->sequence[vt->sequence_len++] = c;
        vt->sequence[vt->sequence_len] = '\0';
    }
    char first = vt->sequence[0];
    if (first == '[' && (vt->sequence_len == 1 || c < '@')) {
        return; // goes on
    }
    if ((first == '(' || first == ')') && vt->sequence_len == 1) {
        return; // which character set: the next
    }
    if (first == '[') {
        control(vt, c);
    } else if (first == 'M') {
        if (vt->line == vt->top) {
            scroll(vt, -1);
        } else {
            vt->line = within(vt->line - 1, vt->lines);
        }
    } else if (!strchr("()=>78H", first)) {
        vt->is_unknown = true;
    }
    vt->sequence_len = vt->is_unknown ? vt->sequence_len : 0;
    vt->sequence[0] = vt->is_unknown ? first : '\0';
}

static void show(struct vt100 *vt, char c) {
    if (vt->is_at_margin) { // written to: a VT100 waits there for the next one
        vt->column = 0;
        feed(vt);
    }
    vt->screen[vt->line][vt->column] = c;
    vt->is_at_margin = vt->column == vt->columns - 1;
    vt->column += !vt->is_at_margin;
}

void vt100_write(struct vt100 *vt, const char *bytes, size_t len) {
    bool is_escaped = vt->sequence[sizeof vt->sequence - 1] != 0;
    for (size_t i = 0; i < len && !vt->is_unknown; i++) {
        char c = bytes[i];
        if (c == 0x1b || c == '\r' || c == '\b') {
            vt->is_at_margin = false;
        }
        if (is_escaped) {
            take_sequence(vt, c);
            is_escaped = vt->sequence_len > 0;
        } else if (c == 0x1b) {
            is_escaped = true;
            vt->sequence_len = 0;
        } else if (c == '\n') {
            feed(vt);
        } else if (c == '\r') {
            vt->column = 0;
        } else if (c == '\b') {
            vt->column = within(vt->column - 1, vt->columns);
        } else if (c >= ' ') {
            show(vt, c);
        } // and NUL for padding, SI and SO for character sets
    }
    vt->sequence[sizeof vt->sequence - 1] = is_escaped; // over the end of one write
}

void vt100_text(const struct vt100 *vt, char *text, size_t size) {
    size_t used = 0;
    for (int i = 0; i < vt->lines; i++) {
        int end = vt->columns;
        while (end > 0 && vt->screen[i][end - 1] == ' ') {
            end--;
        }
        used += (size_t)snprintf(text + used, size - used, "%.*s\n", end, vt->screen[i]);
    }
}
