// SPDX-License-Identifier: MIT
//
// How a part of the bench names the memory it consists of, so that it can be set aside and put back
// (vboard/snapshot.h).

#ifndef VBOARD_MEMORY_H
#define VBOARD_MEMORY_H

#include <stddef.h>

struct memory_visitor {
    // `len` bytes at `at` are state.
    void (*memory)(void *ctx, void *at, size_t len);
    void *ctx;
};

#endif
