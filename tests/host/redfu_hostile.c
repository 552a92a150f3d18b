// SPDX-License-Identifier: MIT
//
// Devices that answer at random (hostile.h), from hardly ever to more than every third answer. Seeds count
// from 1; the argument N replays just that one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/hostile.h"

#define SEEDS 4000u

static uint64_t outcomes[256];

static void meet(uint32_t seed) {
    struct hostile device = {.seed = seed * 2654435761u | 1, .malice = seed % 24};
    device.state = (uint8_t)(seed % 17);
    device.sums_up = seed % 3 == 0;
    hostile_meet(&device);
    for (unsigned i = 0; i < 256; i++) {
        outcomes[i] += device.outcomes[i];
    }
}

static void every_operation_ends_whatever_the_device_answers(void **unused) {
    (void)unused;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        (void)fprintf(stderr, "\rredfu_hostile %u", seed); // the last one is the one that failed
        meet(seed);
    }
    (void)fprintf(stderr, "\n");
    // The device behaves often enough for the way to be walked to its end, and badly enough.
    assert_true(outcomes[REDFU_OK] > SEEDS);
    assert_true(outcomes[REDFU_UNPLUGGED] > SEEDS / 100);
    assert_true(outcomes[REDFU_DEVICE_ERROR] > SEEDS / 100);
    assert_true(outcomes[REDFU_STUCK] > 0);
    assert_true(outcomes[REDFU_TRANSFER] > SEEDS / 100);
    assert_true(outcomes[REDFU_MISMATCH] > SEEDS / 100);
}

int main(int argc, char **argv) {
    if (argc == 2) {
        meet((uint32_t)strtoul(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_ends_whatever_the_device_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
