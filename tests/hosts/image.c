// SPDX-License-Identifier: MIT
//
// Every host of doctor/hosts against redfu-boot as built, on the virtual board's cable: a first load, a
// second of another image, a third; verified and not, left and not. After each, what the host
// wrote is in flash and is what runs: at once where the host said leave, else behind a reset. On every
// board, with its own image.

#include "tests/board/cable_device.h"

#include <string.h>

#include "doctor/hosts/host.h"
#include "spec/bytes.h"

#define ALTERNATE_APPLICATION 1u // fwupd cannot go by alternate 0 (hosts/core)

struct loaded {
    const char *name;
    unsigned edges;
};
static const struct loaded blink_0_1 = {"blink-0.1.bin", BLINK_0_1_EDGES};
static const struct loaded blink_0_2 = {"blink-0.2.bin", BLINK_0_2_EDGES};

// DFU mode by the button, as a person gets there from a running application.
static void press_button(struct bench *bench) {
    chip_set_pin(bench->chip, "PA0", 1);
    bench_run_ms(bench, 100);
    chip_set_pin(bench->chip, "PA0", 0);
    bench_wait_for_device(bench);
}

static void load(struct bench *bench, const struct host *host, const struct loaded *what,
                 struct host_job job) {
    static struct image image;
    bench_image(&image, what->name);
    const struct host_element element = {APPLICATION, image.len, image.bytes};
    job.elements = &element;
    job.element_count = 1;
    if (strcmp(host->name, "fwupd") == 0) {
        job.alternate = ALTERNATE_APPLICATION;
    }
    job.skips_option_bytes = strcmp(host->name, "betaflight") == 0;
    struct device device = cable_device(bench);
    struct host_outcome outcome = host->load(&device, &job);
    if (outcome.end != HOST_DONE) {
        char text[200];
        fail_msg("%s: %s", host->name, host_outcome_text(&outcome, text, sizeof text));
    }
    if (!job.leaves && !host->always_leaves) {
        bench_run_ms(bench, 2000);
        assert_non_null(bench->device); // it stays until somebody says otherwise
        chip_reset_pin(bench->chip);
    }
    bench_assert_application_runs(bench, what->edges);
    bench_assert_flash_holds(bench, &image);
}

static void three_loads(const struct host *host, struct host_job job) {
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    load(bench, host, &blink_0_1, job);
    press_button(bench);
    load(bench, host, &blink_0_2, job);
    press_button(bench);
    load(bench, host, &blink_0_1, job);
    bench_free(bench);
}

// The second load alone: what differs from three_loads() is how it ends.
static void two_loads(const struct host *host, struct host_job job) {
    struct bench *bench = bench_new(8000000);
    bench_place_application(bench, blink_0_1.name);
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    chip_set_pin(bench->chip, "PA0", 0);
    load(bench, host, &blink_0_2, job);
    press_button(bench);
    job.verifies = !job.verifies;
    load(bench, host, &blink_0_1, job);
    bench_free(bench);
}

static void on_every_board(const struct host_job *job, bool (*is_wanted)(const struct host *host),
                           void (*loads)(const struct host *host, struct host_job job)) {
    for (unsigned b = 0; b < BENCH_BOARDS; b++) {
        bench_board = &boards[b];
        for (unsigned i = 0; i < host_count; i++) {
            if (is_wanted(host_at(i))) {
                loads(host_at(i), *job);
            }
        }
    }
}

static bool any(const struct host *host) {
    return host != NULL;
}

static bool can_stay(const struct host *host) {
    return !host->always_leaves;
}

static void every_host_loads_three_times_and_leaves(void **state) {
    (void)state;
    on_every_board(&(struct host_job){.leaves = true}, any, three_loads);
    on_every_board(&(struct host_job){.leaves = true, .verifies = true}, can_stay, two_loads);
}

static void a_host_that_does_not_leave_has_its_image_started_by_a_reset(void **state) {
    (void)state;
    on_every_board(&(struct host_job){.leaves = false}, can_stay, two_loads);
}

static void what_was_loaded_is_read_back(void **state) {
    (void)state;
    static struct image image;
    static uint8_t have[sizeof image.bytes];
    for (unsigned b = 0; b < BENCH_BOARDS; b++) {
        bench_board = &boards[b];
        bench_image(&image, "blink-0.2.bin");
        for (unsigned i = 0; i < host_count; i++) {
            if (host_at(i)->read == NULL) {
                continue;
            }
            struct bench *bench = bench_new(8000000);
            bench_place_application(bench, "blink-0.2.bin");
            chip_set_pin(bench->chip, "PA0", 1);
            chip_power_on(bench->chip);
            bench_wait_for_device(bench);
            chip_set_pin(bench->chip, "PA0", 0);
            struct device device = cable_device(bench);
            const struct host_job job = {.alternate = 0};
            struct host_outcome outcome =
                host_at(i)->read(&device, &job, APPLICATION, have, image.len);
            assert_int_equal(outcome.end, HOST_DONE);
            assert_memory_equal(have, image.bytes, image.len);
            bench_free(bench);
        }
    }
}

// A bus reset is not the end of DFU mode, and a load begins anew behind it.
static void a_bus_reset_between_two_hosts_changes_nothing(void **state) {
    (void)state;
    bench_board = &boards[0];
    struct bench *bench = bench_new(8000000);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    static struct image image;
    bench_image(&image, "blink-0.2.bin");
    const struct host_element element = {APPLICATION, image.len, image.bytes};
    struct host_job job = {.elements = &element, .element_count = 1, .dies_after_write = true};
    struct device device = cable_device(bench);
    assert_int_equal(host_find("pydfu")->load(&device, &job).end, HOST_DIED);
    assert_int_equal(device.reset(device.ctx), DEVICE_OK);
    load(bench, host_find("dfu-util"), &blink_0_1, (struct host_job){.leaves = true});
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_host_loads_three_times_and_leaves),
        cmocka_unit_test(a_host_that_does_not_leave_has_its_image_started_by_a_reset),
        cmocka_unit_test(what_was_loaded_is_read_back),
        cmocka_unit_test(a_bus_reset_between_two_hosts_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
