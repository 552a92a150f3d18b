// SPDX-License-Identifier: MIT
//
// The three functions the compiler may call without being asked (gcc manual, -ffreestanding), in
// SRAM with everything else of DFU mode. Plain loops: nothing here is in a hurry.

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *left, const void *right, size_t len);

// Compiled with -fno-tree-loop-distribute-patterns, or the loops would become calls of themselves.

void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (len-- > 0) {
        *out++ = *in++;
    }
    return to;
}

void *memset(void *to, int value, size_t len) {
    unsigned char *out = to;
    while (len-- > 0) {
        *out++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t len) {
    const unsigned char *a = left;
    const unsigned char *b = right;
    for (; len > 0; len--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}
