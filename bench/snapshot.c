// SPDX-License-Identifier: MIT
//
// What it costs to set a board aside and to put it back: redfu-boot in DFU mode, enumerated. Each is
// measured many times, in two ways: with a millisecond of board in between, as one who goes back and
// forth needs it, and with the whole flash rewritten in between, the most there is to put back.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/board/host.h"

#define ROUNDS       300u
#define ROUNDS_WHOLE 50u
// Issue 4, must hold 3.
#define GOAL_US      1000.0

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// The median, since others use the machine too.
static void print(const char *name, double *us, unsigned count) {
    qsort(us, count, sizeof *us, compare);
    double median = us[count / 2];
    printf("%s\t%.1f\tus\t<%.0f\t%s\n", name, median, GOAL_US, median < GOAL_US ? "met" : "missed");
    fprintf(stderr, "bench: %s: best %.1f us, median %.1f us of %u\n", name, us[0], median, count);
}

static void measure(struct bench *bench, const char *take_name, const char *restore_name,
                    unsigned rounds, bool is_whole) {
    double *take = calloc(rounds, sizeof *take), *restore = calloc(rounds, sizeof *restore);
    assert_true(take && restore);
    for (unsigned i = 0; i < rounds; i++) {
        if (is_whole) {
            chip_flash_changed(bench->chip); // as far as a snapshot can know
        }
        double start = now_us();
        struct snapshot *here = bench_take(bench);
        take[i] = now_us() - start;
        bench_run_ms(bench, 1);
        if (is_whole) {
            chip_flash_changed(bench->chip);
        }
        start = now_us();
        snapshot_restore(here);
        restore[i] = now_us() - start;
        snapshot_free(here);
    }
    print(take_name, take, rounds);
    print(restore_name, restore, rounds);
    free(take);
    free(restore);
}

int main(void) {
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    measure(bench, "snapshot_take", "snapshot_restore", ROUNDS, false);
    measure(bench, "snapshot_take_whole", "snapshot_restore_whole", ROUNDS_WHOLE, true);
    bench_free(bench);
    return 0;
}
