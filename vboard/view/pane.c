// SPDX-License-Identifier: MIT

#include "vboard/view/pane.h"

#include <string.h>

#define TAB_COLUMNS 8u

static char *current(struct pane *pane) {
    return pane->lines[pane->line % PANE_LINES];
}

static void put(struct pane *pane, char c) {
    if (pane->column < PANE_COLUMNS) {
        char *line = current(pane);
        size_t len = strlen(line);
        line[pane->column++] = c;
        if (pane->column > len) {
            line[pane->column] = '\0';
        }
    }
}

static void end_line(struct pane *pane) {
    pane->line++;
    pane->column = 0;
    current(pane)[0] = '\0';
}

// ECMA-48 5.3, 5.4: ESC, or ESC [ with parameters up to a final byte from '@' on.
static bool is_escaped(struct pane *pane, unsigned char c) {
    switch (pane->escape) {
    case PANE_TEXT:
        pane->escape = c == 0x1b ? PANE_ESCAPE : PANE_TEXT;
        return c == 0x1b;
    case PANE_ESCAPE:
        pane->escape = c == '[' ? PANE_SEQUENCE : PANE_TEXT;
        return true;
    default:
        pane->escape = c >= '@' && c <= '~' ? PANE_TEXT : PANE_SEQUENCE;
        return true;
    }
}

static void add(struct pane *pane, unsigned char c) {
    if (is_escaped(pane, c)) {
        return;
    }
    switch (c) {
    case '\n':
        end_line(pane);
        break;
    case '\r':
        pane->column = 0;
        break;
    case '\b':
        pane->column -= pane->column > 0;
        break;
    case '\t':
        do {
            put(pane, ' ');
        } while (pane->column % TAB_COLUMNS != 0 && pane->column < PANE_COLUMNS);
        break;
    default:
        if (c >= ' ' && c != 0x7f) {
            put(pane, c < 0x7f ? (char)c : '?');
        }
        break;
    }
}

void pane_add(struct pane *pane, const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        add(pane, (unsigned char)bytes[i]);
    }
}

// A line that was just begun is not one yet.
static unsigned is_begun(const struct pane *pane) {
    return pane->lines[pane->line % PANE_LINES][0] != '\0';
}

unsigned pane_count(const struct pane *pane) {
    uint64_t count = pane->line + is_begun(pane);
    uint64_t most = PANE_LINES - 1 + is_begun(pane);
    return (unsigned)(count < most ? count : most);
}

const char *pane_line(const struct pane *pane, unsigned from_end) {
    if (from_end >= pane_count(pane)) {
        return NULL;
    }
    return pane->lines[(pane->line + is_begun(pane) - 1 - from_end) % PANE_LINES];
}
