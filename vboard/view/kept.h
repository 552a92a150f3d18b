// SPDX-License-Identifier: MIT
//
// What cannot go to its stream while the view has the terminal: kept, and written there afterwards, up to a size.

#ifndef VBOARD_VIEW_KEPT_H
#define VBOARD_VIEW_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_BYTES_MAX (4u << 20)

struct kept {
    int fd; // a file without a name
    uint64_t bytes;
    uint64_t left_out;
};

bool kept_open(struct kept *kept);
void kept_add(struct kept *kept, const char *bytes, size_t len);
// Writes it, and forgets it. Safe inside a signal's handler.
void kept_write(struct kept *kept, int to);
void kept_close(struct kept *kept);

#endif
