// SPDX-License-Identifier: MIT
//
// `redfu doctor` on the desk, where the PC is at fault: the device may not be opened, is taken, or transfers break off. And
// where it is not: nothing of that is said.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/redfu_run.h"

static void doctor_says(struct bench *bench, int status, const char *finding, const char *words,
                        const char *verdict) {
    struct outcome outcome = cli_run(bench, "", "doctor", false);
    assert_int_equal(outcome.status, status);
    cli_says(outcome.out, finding);
    cli_says(outcome.out, words);
    cli_says(outcome.out, verdict);
    outcome_free(&outcome);
}

static void a_device_that_may_not_be_opened_is_f38(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    bench->denied = true;
    doctor_says(bench, REDFU_NEEDS_YOU,
                "F38 fault: the PC does not let the program open the device", "desk: denied at 1-1",
                "not all was looked at: the device cannot be opened");
    bench_free(bench);
}

static void a_device_that_is_taken_is_f41(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    bench->busy = true;
    doctor_says(bench, REDFU_NEEDS_YOU, "F41 warning: another program has the device open",
                "desk: busy at 1-1", "not all was looked at: the device cannot be opened");
    bench_free(bench);
}

static void transfers_that_break_off_are_f27(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    bench_arm(bench);
    bench->break_at = 20;
    doctor_says(bench, REDFU_NEEDS_YOU, "F27 warning: transfers fail on the way: cable, port, hub",
                "1 transfers broke off with an error of the bus", "F27");
    bench_free(bench);
}

static void of_a_sound_one_nothing_is_said(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    struct outcome outcome = cli_run(bench, "", "doctor", false);
    assert_null(strstr(outcome.out, "F27"));
    assert_null(strstr(outcome.out, "F38"));
    assert_null(strstr(outcome.out, "F41"));
    outcome_free(&outcome);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_may_not_be_opened_is_f38),
        cmocka_unit_test(a_device_that_is_taken_is_f41),
        cmocka_unit_test(transfers_that_break_off_are_f27),
        cmocka_unit_test(of_a_sound_one_nothing_is_said),
    };
    return cmocka_run_group_tests_name("host/doctor_pc", tests, NULL, NULL);
}
