// SPDX-License-Identifier: MIT
//
// A bench that was set aside, mishandled and put back goes on as if nothing had been: the trace of a
// whole load, with a detour at each of many instants, against the trace of the same load without.

#include "tests/board/host.h"

#include <stdlib.h>
#include <string.h>

// Not a multiple of the frame, so that instants fall everywhere in it.
#define PAUSE_PS  (11173 * PS_PER_US)
#define DETOUR_PS (15 * PS_PER_MS)

// --- what is done to the board before it is put back ---------------------------------------------

static void let_run(struct bench *bench) {
    bench_run(bench, DETOUR_PS);
}

static void cut_power(struct bench *bench) {
    bench_run(bench, PS_PER_MS);
    chip_power_off(bench->chip);
    bench_run(bench, PS_PER_MS);
    chip_power_on(bench->chip);
    bench_run(bench, DETOUR_PS);
}

static void pull_cable(struct bench *bench) {
    cable_unplug(bench->cable);
    bench_run(bench, 2 * PS_PER_MS);
    cable_plug(bench->cable);
    bench_run(bench, DETOUR_PS);
}

static void press_reset(struct bench *bench) {
    chip_set_pin(bench->chip, "PA0", 1);
    chip_reset_pin(bench->chip);
    bench_run(bench, DETOUR_PS);
}

static void spoil_memory(struct bench *bench) {
    bench_run(bench, PS_PER_MS);
    chip_power_off(bench->chip);
    memset(chip_flash(bench->chip) + 0x4000, 0x5A, 0xFC000);
    chip_flash_changed(bench->chip);
    chip_power_on(bench->chip);
    bench_run(bench, DETOUR_PS);
}

static void sag_supply(struct bench *bench) {
    chip_set_supply_mv(bench->chip, 1500);
    bench_run(bench, PS_PER_MS);
    chip_set_supply_mv(bench->chip, 3300);
    bench_run(bench, DETOUR_PS);
}

static void (*const detours[])(struct bench *bench) = {let_run,     cut_power,    pull_cable,
                                                       press_reset, spoil_memory, sag_supply};
#define DETOUR_COUNT (sizeof detours / sizeof detours[0])

static unsigned stops;

static void take_detour(struct bench *bench) {
    FILE *trace = bench->trace.file;
    struct snapshot *here = bench_take(bench);
    bench->after_run = NULL;
    bench->trace.file = NULL;
    bench->trace.complaints = NULL; // of what is done here on purpose
    detours[stops++ % DETOUR_COUNT](bench);
    snapshot_restore(here);
    bench->trace.file = trace;
    bench->trace.complaints = stderr;
    bench->after_run = take_detour;
    snapshot_free(here);
}

// --- the story ---------------------------------------------------------------------------------------

struct told {
    char *trace;
    size_t trace_len;
    uint64_t instructions, cycles, time_ps;
    uint8_t *flash;
};

static struct told tell(void (*after_run)(struct bench *bench)) {
    static struct image image;
    struct told told = {0};
    struct bench *bench = bench_new(8000000);
    bench_image(&image, "blink-0.1.bin");
    bench->trace.file = open_memstream(&told.trace, &told.trace_len);
    assert_non_null(bench->trace.file);
    bench->after_run = after_run;
    bench_pause_every(bench, PAUSE_PS);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_run_ms(bench, 300);
    assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
    told.instructions = cpu_instructions(chip_cpu(bench->chip));
    told.cycles = cpu_cycles(chip_cpu(bench->chip));
    told.time_ps = timeline_now(&bench->timeline);
    told.flash = malloc(1 << 20);
    memcpy(told.flash, chip_flash(bench->chip), 1 << 20);
    fclose(bench->trace.file);
    bench->trace.file = NULL;
    timeline_cancel(&bench->timeline, &bench->pause);
    bench_free(bench);
    return told;
}

static void restored_board_goes_on_with_the_same_trace(void **state) {
    (void)state;
    struct told plain = tell(NULL);
    struct told again = tell(take_detour);
    assert_true(stops > 10 * DETOUR_COUNT);
    assert_int_equal(again.trace_len, plain.trace_len);
    assert_string_equal(again.trace, plain.trace);
    assert_true(strstr(plain.trace, "usb manifest") || strstr(plain.trace, "vtor"));
    assert_int_equal(again.instructions, plain.instructions);
    assert_int_equal(again.cycles, plain.cycles);
    assert_int_equal(again.time_ps, plain.time_ps);
    assert_memory_equal(again.flash, plain.flash, 1 << 20);
    free(plain.trace);
    free(plain.flash);
    free(again.trace);
    free(again.flash);
}

// Back and forth between two instants, as often as one likes.
static void snapshots_are_independent_of_each_other(void **state) {
    (void)state;
    static struct image image;
    struct bench *bench = bench_new(8000000);
    bench_image(&image, "blink-0.1.bin");
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    struct snapshot *blank = bench_take(bench);
    bench_dfu_load(bench, &image);
    struct snapshot *loaded = bench_take(bench);
    uint64_t loaded_ps = timeline_now(&bench->timeline);
    static uint8_t flash[1 << 20];
    memcpy(flash, chip_flash(bench->chip), sizeof flash);
    for (unsigned i = 0; i < 3; i++) {
        snapshot_restore(blank);
        assert_int_equal(timeline_now(&bench->timeline), snapshot_time(blank));
        assert_int_equal(chip_flash(bench->chip)[APPLICATION - FLASH_BASE], 0xFF);
        bench_dfu_load(bench, &image); // by the same host, in the same time
        assert_int_equal(timeline_now(&bench->timeline), loaded_ps);
        snapshot_restore(loaded);
        assert_memory_equal(chip_flash(bench->chip), flash, sizeof flash);
    }
    snapshot_restore(blank);
    snapshot_free(blank); // what both share stays
    snapshot_restore(loaded);
    assert_memory_equal(chip_flash(bench->chip), flash, sizeof flash);
    snapshot_free(loaded);
    bench_dfu_leave(bench);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_free(bench);
}

static void complaints_are_put_back_too(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    bench->trace.complaints = NULL;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    trace_complaint(&bench->trace, "first", "", "before");
    struct snapshot *here = bench_take(bench);
    trace_complaint(&bench->trace, "first", "", "after");
    trace_complaint(&bench->trace, "second", "", "after");
    snapshot_restore(here);
    assert_int_equal(trace_complaints(&bench->trace, "first"), 1);
    assert_int_equal(trace_complaints(&bench->trace, "second"), 0);
    assert_int_equal(trace_complaints(&bench->trace, NULL), 1);
    snapshot_free(here);
    trace_free(&bench->trace); // what this test complained of
    trace_init(&bench->trace, &bench->timeline);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_board_goes_on_with_the_same_trace),
        cmocka_unit_test(snapshots_are_independent_of_each_other),
        cmocka_unit_test(complaints_are_put_back_too),
    };
    return cmocka_run_group_tests_name("board/snapshot", tests, NULL, NULL);
}
