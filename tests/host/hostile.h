// SPDX-License-Identifier: MIT
//
// A device that answers anything, for libredfu: what it does comes from a stream of bytes, random ones
// (redfu_hostile.c) or a fuzzer's (tests/fuzz/device.c). Where they are at their end it behaves.
//
// What is held against each operation, beside what the sanitizers see: it ends, in bounded virtual time and
// number of transfers; a failure comes with a sentence; and after an error, whether a DNLOAD went wrong or
// GETSTATUS told of one, nothing more is written in that operation. What is wrong ends the process by assert().

#ifndef TESTS_HOST_HOSTILE_H
#define TESTS_HOST_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/redfu.h"

struct hostile {
    // The stream: random where `at` is NULL.
    const uint8_t *at, *end;
    uint32_t seed;
    unsigned malice; // of 64 answers, how many are nonsense
    uint8_t state;
    bool sums_up; // answers the region hash
    uint64_t now_us, limit_us;
    unsigned transfers;
    unsigned writes; // DNLOADs with data
    bool has_failed; // in this operation: nothing may be written any more
    uint64_t outcomes[256];
};

// Its life: listed, opened, described, then every operation libredfu has, one after the other.
void hostile_meet(struct hostile *device);

#endif
