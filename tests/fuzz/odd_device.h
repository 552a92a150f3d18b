// SPDX-License-Identifier: MIT
//
// A device for fuzzers of faces: it says what the input makes it say. It has something to hit (interfaces, endpoints of each
// kind), at times mangled, and stalls, stays silent, answers NAK, vanishes, as the input goes.

#ifndef TESTS_FUZZ_ODD_DEVICE_H
#define TESTS_FUZZ_ODD_DEVICE_H

#include <stdbool.h>

#include "tests/unit/fake_device.h"

struct odd_device {
    struct fake_device fake; // first: its answers find the rest through it
    bool is_plain;           // it says what it is, and no more
    const uint8_t *at, *end; // the input
};

#define ODD_CONFIG_BYTES 60u

// The next byte of the input; 0 behind its end.
uint8_t odd_byte(struct odd_device *odd);
// Has the fake device answer so, after fake_init().
void odd_start(struct odd_device *odd);
// One thing about it becomes different.
void odd_disturb(struct odd_device *odd);

#endif
