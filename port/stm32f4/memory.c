// SPDX-License-Identifier: MIT
//
// The three functions the compiler may call without being asked (gcc manual, -ffreestanding), in
// SRAM with everything else of DFU mode, and once more in the boot stage. Plain loops, but for
// memcpy() of whole words between aligned places: it reads the settings at every reset, and a load or a
// host that reads waits for it at every block, so there by four words a turn.

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
        for (; len >= 16; len -= 16, out += 16, in += 16) {
            word first = ((const word *)in)[0];
            word second = ((const word *)in)[1];
            word third = ((const word *)in)[2];
            word fourth = ((const word *)in)[3];
            ((word *)out)[0] = first;
            ((word *)out)[1] = second;
            ((word *)out)[2] = third;
            ((word *)out)[3] = fourth;
        }
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
