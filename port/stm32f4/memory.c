// SPDX-License-Identifier: MIT
//
// The three functions the compiler may call without being asked (gcc manual, -ffreestanding), in
// SRAM with everything else of DFU mode, and once more in the boot stage. Plain loops, but for
// memcpy() of whole words between aligned places: it reads the settings at every reset.

#include <stddef.h>
#include <stdint.h>

// What bytes may be copied by, whatever type they have.
typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *left, const void *right, size_t len);

// Compiled with -fno-tree-loop-distribute-patterns, or the loops would become calls of themselves.

void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    unsigned char *out = to;
    const unsigned char *in = from;
    if ((((uintptr_t)out | (uintptr_t)in) & 3u) == 0) {
        for (; len >= 4; len -= 4, out += 4, in += 4) {
            *(word *)out = *(const word *)in;
        }
    }
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
