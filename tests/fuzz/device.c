// SPDX-License-Identifier: MIT
//
// What a hostile device may say to libredfu: descriptors, layout strings, answers of every request. See
// tests/host/hostile.h for what is held against it.

#include "tests/host/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    struct hostile device = {.at = data + 2, .end = data + size};
    device.state = data[0] % 17;
    device.sums_up = data[1] & 1;
    hostile_meet(&device);
    return 0;
}
