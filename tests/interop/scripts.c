// SPDX-License-Identifier: MIT
//
// The scripts of doctor/hosts at the end of the virtual cable, each cell in a process of its own: an assertion that
// fails there ends it.

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor/hosts/host.h"
#include "tests/board/cable_device.h"
#include "tests/interop/interop.h"

const unsigned script_count = 5;
static const char *const names[] = {"STM32CubeProgrammer", "DfuSe Demo", "pydfu", "betaflight",
                                    "webdfu"};
static const char *const hosts[] = {"cubeprogrammer", "dfuse-demo", "pydfu", "betaflight",
                                    "webdfu"};

const char *script_name(unsigned script) {
    return names[script];
}

static struct host_job job_for(const struct host *host) {
    return (struct host_job){.skips_option_bytes = strcmp(host->name, "betaflight") == 0};
}

static struct host_outcome load(struct bench *bench, const struct host *host, struct host_job job,
                                uint32_t addr, const struct image *image) {
    const struct host_element element = {addr, image->len, image->bytes};
    job.elements = &element;
    job.element_count = 1;
    struct device device = cable_device(bench);
    return host->load(&device, &job);
}

static void starts(struct bench *bench, const struct image *image, unsigned edges, bool has_left) {
    if (!has_left) {
        bench_run_ms(bench, 1000); // the load's end is known half a second behind ABORT
        chip_reset_pin(bench->chip);
    }
    bench_assert_application_runs(bench, edges);
    bench_assert_flash_holds(bench, image);
}

static struct bench *in_dfu_mode(const char *application) {
    struct bench *bench = bench_new(8000000);
    if (application) {
        bench_place_application(bench, application);
    }
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    chip_set_pin(bench->chip, "PA0", 0);
    return bench;
}

static void pull_cable(void *ctx) {
    cable_unplug(((struct bench *)ctx)->cable);
}

// What one process does; an assertion ends it with another status than 0.
static void play(const struct host *host, enum column column) {
    static struct image one, two;
    bench_image(&one, "blink-0.1.bin");
    bench_image(&two, "blink-0.2.bin");
    struct bench *bench = in_dfu_mode(column == FIRST_LOAD ? NULL : "blink-0.1.bin");
    struct host_job job = job_for(host);
    switch (column) {
    case FIRST_LOAD:
        assert_int_equal(load(bench, host, job, APPLICATION, &one).end, HOST_DONE);
        starts(bench, &one, BLINK_0_1_EDGES, host->always_leaves);
        break;
    case VERIFY:
        job.verifies = true;
        assert_int_equal(load(bench, host, job, APPLICATION, &two).end, HOST_DONE);
        starts(bench, &two, BLINK_0_2_EDGES, host->always_leaves);
        break;
    case LEAVE:
        job.leaves = true;
        assert_int_equal(load(bench, host, job, APPLICATION, &two).end, HOST_DONE);
        starts(bench, &two, BLINK_0_2_EDGES, true);
        break;
    case READ_BACK: {
        static uint8_t have[sizeof one.bytes];
        struct device device = cable_device(bench);
        assert_int_equal(host->read(&device, &job, APPLICATION, have, one.len).end, HOST_DONE);
        assert_memory_equal(have, one.bytes, one.len);
        break;
    }
    case REFUSED:
        assert_true(load(bench, host, job, FLASH_BASE, &two).end != HOST_DONE);
        starts(bench, &one, BLINK_0_1_EDGES, false);
        break;
    case UNPLUG: {
        struct event pull = {.fire = pull_cable, .ctx = bench};
        timeline_schedule(&bench->timeline, &pull,
                          timeline_now(&bench->timeline) + 700 * PS_PER_MS);
        assert_true(load(bench, host, job, APPLICATION, &two).end != HOST_DONE);
        cable_plug(bench->cable);
        bench_wait_for_device(bench);
    }
        // fall through
    default: // SECOND_LOAD
        assert_int_equal(load(bench, host, job, APPLICATION, &two).end, HOST_DONE);
        starts(bench, &two, BLINK_0_2_EDGES, host->always_leaves);
        break;
    }
    bench_free(bench);
}

enum verdict script_cell(unsigned script, const struct stand *stand, enum column column,
                         const char **why) {
    const struct host *host = host_find(hosts[script]);
    if (!host) {
        *why = "no such script";
        return FAILED;
    }
    if (column == MASS_ERASE) {
        *why = "not in the script";
        return NONE;
    }
    if (column == READ_BACK && !host->read) {
        *why = "the program has none";
        return NONE;
    }
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < BENCH_BOARDS; i++) {
            if (strcmp(boards[i].name, stand->name) == 0) {
                bench_board = &boards[i];
                play(host, column);
                _exit(0);
            }
        }
        _exit(2);
    }
    int status;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? HELD : FAILED;
}
