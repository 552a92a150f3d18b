// SPDX-License-Identifier: MIT
//
// Every host of doctor/hosts against core/: it loads an image, another one, and the first again; what
// was loaded is in flash, can be read back, and is what the boot stage would start. The hosts'
// own habits that a device has to live with are tests of their own below.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/hosts/host.h"
#include "tests/hosts/desk_device.h"

#define IMAGE_MAX 0xf4000u // the whole application area

struct loaded {
    uint32_t len;
    uint8_t bytes[IMAGE_MAX];
};
static struct loaded one, two;

// No word is blank, and no two images agree anywhere.
static void make_image(struct loaded *image, uint32_t len, unsigned seed) {
    image->len = len;
    for (uint32_t i = 0; i < len; i++) {
        image->bytes[i] = (uint8_t)((seed + i * 7 + (i >> 8) * 3) % 251);
    }
    store_le32(image->bytes, 0x20010000u + 64 * seed);
    store_le32(image->bytes + 4, DESK_APPLICATION + 0x101u + 2 * seed);
}

// Coarser than the desk's own microsecond: dozens of loads, whose times are milliseconds.
static struct desk *new_desk(void) {
    struct desk *desk = desk_new();
    desk->poll_us = 10;
    return desk;
}

// @Application: fwupd cannot go by the whole flash's.
#define ALTERNATE_APPLICATION 1u

static struct host_job job_for(const struct host *host, struct host_element *element,
                               const struct loaded *image) {
    *element = (struct host_element){DESK_APPLICATION, image->len, image->bytes};
    struct host_job job = {.elements = element, .element_count = 1, .leaves = true};
    if (strcmp(host->name, "fwupd") == 0) {
        job.alternate = ALTERNATE_APPLICATION;
    }
    job.skips_option_bytes = strcmp(host->name, "betaflight") == 0;
    return job;
}

static struct host_outcome load(struct desk *desk, const struct host *host,
                                const struct host_job *job) {
    struct device device = desk_device(desk);
    struct host_outcome outcome = host->load(&device, job);
    if (outcome.end == HOST_DONE) {
        desk_wait_ms(desk, 1000); // what the board does when the host has gone
    }
    return outcome;
}

static void assert_done(const struct host *host, struct host_outcome outcome) {
    char text[200];
    if (outcome.end != HOST_DONE) {
        fail_msg("%s: %s", host->name, host_outcome_text(&outcome, text, sizeof text));
    }
}

static void assert_holds(struct desk *desk, const struct loaded *image) {
    assert_memory_equal(desk->flash + DESK_APPLICATION - DESK_FLASH_BASE, image->bytes, image->len);
    assert_true(desk_would_start(desk));
}

// Loads; what the host has said decides whether the board runs, and the gate is shut either way.
static void load_and_look(struct desk *desk, const struct host *host, const struct loaded *image,
                          bool leaves, bool verifies) {
    struct host_element element;
    struct host_job job = job_for(host, &element, image);
    job.leaves = leaves;
    job.verifies = verifies;
    assert_done(host, load(desk, host, &job));
    assert_holds(desk, image);
    assert_int_equal(desk->ran, leaves || host->always_leaves);
}

static void again(struct desk *desk) {
    desk_start(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
}

static void three_loads(const struct host *host, bool leaves, bool verifies) {
    struct desk *desk = new_desk();
    load_and_look(desk, host, &one, leaves, verifies);
    again(desk);
    load_and_look(desk, host, &two, leaves, verifies);
    again(desk);
    load_and_look(desk, host, &one, leaves, verifies);
    desk_free(desk);
}

static void every_host_loads_three_times_and_leaves(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        three_loads(host_at(i), true, false);
        if (!host_at(i)->always_verifies) {
            three_loads(host_at(i), true, true);
        }
    }
}

static void an_image_starts_though_its_host_does_not_leave(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        if (!host_at(i)->always_leaves) {
            three_loads(host_at(i), false, false);
            three_loads(host_at(i), false, true);
        }
    }
}

// Without a reset in between: the state one host leaves behind is where the next begins.
static void hosts_that_stay_are_followed_by_any_other(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        for (unsigned j = 0; !host_at(i)->always_leaves && j < host_count; j++) {
            struct desk *desk = new_desk();
            load_and_look(desk, host_at(i), &one, false, i % 2 != 0);
            load_and_look(desk, host_at(j), &two, true, false);
            desk_free(desk);
        }
    }
}

static void a_host_that_dies_leaves_nothing_that_starts(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        struct desk *desk = new_desk();
        load_and_look(desk, host_at(i), &one, true, false);
        again(desk);
        struct host_element element;
        struct host_job job = job_for(host_at(i), &element, &two);
        job.dies_after_write = true;
        assert_int_equal(load(desk, host_at(i), &job).end, HOST_DIED);
        desk_wait_ms(desk, 2000);
        assert_false(desk_would_start(desk));
        assert_false(desk->ran);
        load_and_look(desk, host_at(i), &one, true, false); // and it can do better
        desk_free(desk);
    }
}

static void what_was_loaded_is_read_back_by_every_host_that_can(void **state) {
    (void)state;
    uint8_t *have = malloc(two.len);
    assert_non_null(have);
    unsigned readers = 0;
    for (unsigned i = 0; i < host_count; i++) {
        const struct host *host = host_at(i);
        if (host->read == NULL) {
            continue;
        }
        readers++;
        struct desk *desk = new_desk();
        load_and_look(desk, host, &two, false, false);
        struct host_element element;
        struct host_job job = job_for(host, &element, &two);
        struct device device = desk_device(desk);
        assert_done(host, host->read(&device, &job, DESK_APPLICATION, have, two.len));
        assert_memory_equal(have, two.bytes, two.len);
        assert_true(desk_would_start(desk)); // reading changes nothing
        desk_free(desk);
    }
    assert_int_equal(readers, 3); // dfu-util, DfuSe Demo, STM32CubeProgrammer
    free(have);
}

static void each_sector_is_erased_once(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        struct desk *desk = new_desk();
        load_and_look(desk, host_at(i), &one, true, false);
        memset(desk->erases, 0, sizeof desk->erases);
        again(desk);
        load_and_look(desk, host_at(i), &two, true, false);
        for (unsigned sector = 3; sector < 12; sector++) {
            assert_int_equal(desk->erases[sector], sector <= 4);
        }
        desk_free(desk);
    }
}

static void any_block_size_up_to_the_device_s_will_do(void **state) {
    (void)state;
    static const uint16_t sizes[] = {8, 64, 1000, 1024};
    for (unsigned i = 0; i < host_count; i++) {
        for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            struct desk *desk = new_desk();
            struct host_element element;
            static struct loaded small;
            make_image(&small, 3001, 5);
            struct host_job job = job_for(host_at(i), &element, &small);
            job.block_bytes = sizes[s];
            assert_done(host_at(i), load(desk, host_at(i), &job));
            assert_holds(desk, &small);
            desk_free(desk);
        }
    }
}

// The datasheet's longest erase and programming times (DS8626 table 40), and 3.9 s: x8, nearly.
static void the_slowest_flash_upsets_no_host(void **state) {
    (void)state;
    static const uint32_t erase_us[] = {2000000, 3900000};
    for (unsigned i = 0; i < host_count; i++) {
        for (unsigned s = 0; s < 2; s++) {
            struct desk *desk = new_desk();
            desk->erase_us = erase_us[s];
            desk->word_us = 100;
            load_and_look(desk, host_at(i), &one, true, true);
            desk_free(desk);
        }
    }
}

// Worse than any datasheet: the hosts that cannot bear a second dfuDNBUSY say so, and what they
// leave does not start; the others get there.
static void an_erase_of_twelve_seconds_is_borne_by_those_who_ask_again(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        const struct host *host = host_at(i);
        struct desk *desk = new_desk();
        desk_put_application(desk); // something to erase
        desk->erase_us = 12000000;
        struct host_element element;
        struct host_job job = job_for(host, &element, &one);
        struct host_outcome outcome = load(desk, host, &job);
        bool asks_twice = strcmp(host->name, "pydfu") == 0;
        bool counts_it_erased = strcmp(host->name, "cubeprogrammer") == 0;
        if (asks_twice || counts_it_erased) {
            assert_int_equal(outcome.end, asks_twice ? HOST_GAVE_UP : HOST_FAILED);
            assert_string_equal(outcome.why, asks_twice ? "erase failed" : "DNLOAD stalled");
            desk_wait_ms(desk, 13000);
            assert_false(desk_would_start(desk));
        } else {
            assert_done(host, outcome);
            assert_holds(desk, &one);
        }
        desk_free(desk);
    }
}

// --- Habits --------------------------------------------------------------------------------------

static struct host_outcome load_with(const char *name, struct desk *desk, struct host_job *job,
                                     const struct loaded *image) {
    static struct host_element element;
    element = (struct host_element){DESK_APPLICATION, image->len, image->bytes};
    job->elements = &element;
    job->element_count = 1;
    return load(desk, host_find(name), job);
}

// Its search takes the read-only sector whose end is the application's beginning.
static void fwupd_refuses_the_layout_of_the_whole_flash(void **state) {
    (void)state;
    struct desk *desk = new_desk();
    struct host_job job = {.leaves = true};
    struct host_outcome outcome = load_with("fwupd", desk, &job, &one);
    assert_int_equal(outcome.end, HOST_GAVE_UP);
    assert_string_equal(outcome.why, "memory sector is not writable");
    assert_int_equal(outcome.addr, DESK_APPLICATION);
    desk_free(desk);
}

// It takes the first block of the last sector for the end of the one before. The bootloader erases on
// demand.
static void fwupd_leaves_a_sector_out_and_it_is_erased_all_the_same(void **state) {
    (void)state;
    struct desk *desk = new_desk();
    struct host_job job = {.leaves = true, .alternate = ALTERNATE_APPLICATION};
    load_and_look(desk, host_find("fwupd"), &one, true, false);
    again(desk);
    memset(desk->erases, 0, sizeof desk->erases);
    static struct loaded shorter;
    make_image(&shorter, 16 * 1024 + 100, 7);
    assert_done(host_find("fwupd"), load_with("fwupd", desk, &job, &shorter));
    assert_holds(desk, &shorter);
    assert_int_equal(desk->erases[3], 1);
    assert_int_equal(desk->erases[4], 1);
    desk_free(desk);
}

static void betaflight_wants_option_bytes(void **state) {
    (void)state;
    struct desk *desk = new_desk();
    struct host_job job = {.leaves = true};
    struct host_outcome outcome = load_with("betaflight", desk, &job, &one);
    assert_int_equal(outcome.end, HOST_GAVE_UP);
    assert_string_equal(outcome.why, "Failed to detect option bytes");
    desk_free(desk);
}

static void webdfu_erases_one_sector_too_many_and_cannot_fill_the_memory(void **state) {
    (void)state;
    struct desk *desk = new_desk();
    struct host_job job = {.leaves = true};
    static struct loaded exact;
    make_image(&exact, 16 * 1024, 7); // ends with its sector
    assert_int_equal(load_with("webdfu", desk, &job, &exact).end, HOST_DONE);
    assert_holds(desk, &exact);
    assert_int_equal(desk->erases[4], 1);
    again(desk);
    make_image(&exact, IMAGE_MAX, 7);
    struct host_outcome outcome = load_with("webdfu", desk, &job, &exact);
    assert_int_equal(outcome.end, HOST_GAVE_UP);
    assert_string_equal(outcome.why, "Address outside of memory map");
    assert_int_equal(outcome.addr, 0x08100000);
    desk_free(desk);
}

static void the_whole_application_area_is_filled_by_the_others(void **state) {
    (void)state;
    static struct loaded whole;
    make_image(&whole, IMAGE_MAX, 9);
    for (unsigned i = 0; i < host_count; i++) {
        if (strcmp(host_at(i)->name, "webdfu") == 0) {
            continue;
        }
        struct desk *desk = new_desk();
        desk->poll_us = 20;
        struct host_element element;
        struct host_job job = job_for(host_at(i), &element, &whole);
        assert_done(host_at(i), load(desk, host_at(i), &job));
        assert_holds(desk, &whole);
        desk_free(desk);
    }
}

static void no_host_writes_into_the_bootloader(void **state) {
    (void)state;
    for (unsigned i = 0; i < host_count; i++) {
        struct desk *desk = new_desk();
        memset(desk->flash, 0x5a, 0x4000);
        struct host_element element;
        struct host_job job = job_for(host_at(i), &element, &one);
        element.addr = DESK_FLASH_BASE;
        struct host_outcome outcome = load(desk, host_at(i), &job);
        assert_int_not_equal(outcome.end, HOST_DONE);
        assert_non_null(outcome.why);
        for (unsigned at = 0; at < 0x4000; at++) {
            assert_int_equal(desk->flash[at], 0x5a);
        }
        desk_free(desk);
    }
}

static void a_layout_that_is_none_is_refused(void **state) {
    (void)state;
    struct host_layout layout;
    static const char *const wrong[] = {
        "",
        "Internal Flash",
        "@",
        "@Internal Flash",
        "@x/0x08000000",
        "@x/0x08000000/",
        "@x/0x08000000/4*16Kz",
        "@x/0x08000000/4*16",
        "@x/0x08000000/04*016Kg,",
        "@x/0x08000000/0*1Kg",
        "@x/0xFFFFFFFF/2*001Kg",
        "@x/0x08000000/4*16Kg trailing",
        "@x/0x100000000/1*1Kg",
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (layout_parse(wrong[i], &layout)) {
            fail_msg("taken for a layout: %s", wrong[i]);
        }
    }
    assert_true(layout_parse("@F  /0x08000000/03*016Ka,01*016Kg/0x1000/2*8 e", &layout));
    assert_int_equal(layout.run_count, 3);
    assert_int_equal(layout.runs[1].addr, 0x0800c000);
    assert_int_equal(layout.runs[1].type, LAYOUT_READABLE | LAYOUT_ERASABLE | LAYOUT_WRITABLE);
    assert_int_equal(layout.runs[2].addr, 0x1000);
    assert_int_equal(layout.runs[2].sector_bytes, 8);
    assert_null(layout_run_at(&layout, 0x08010000));
    assert_ptr_equal(layout_run_at(&layout, 0x0800bfff), &layout.runs[0]);
}

int main(void) {
    make_image(&one, 40 * 1024 + 24, 1);
    make_image(&two, 50 * 1024 + 3, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layout_that_is_none_is_refused),
        cmocka_unit_test(every_host_loads_three_times_and_leaves),
        cmocka_unit_test(an_image_starts_though_its_host_does_not_leave),
        cmocka_unit_test(hosts_that_stay_are_followed_by_any_other),
        cmocka_unit_test(a_host_that_dies_leaves_nothing_that_starts),
        cmocka_unit_test(what_was_loaded_is_read_back_by_every_host_that_can),
        cmocka_unit_test(each_sector_is_erased_once),
        cmocka_unit_test(any_block_size_up_to_the_device_s_will_do),
        cmocka_unit_test(the_slowest_flash_upsets_no_host),
        cmocka_unit_test(an_erase_of_twelve_seconds_is_borne_by_those_who_ask_again),
        cmocka_unit_test(fwupd_refuses_the_layout_of_the_whole_flash),
        cmocka_unit_test(fwupd_leaves_a_sector_out_and_it_is_erased_all_the_same),
        cmocka_unit_test(betaflight_wants_option_bytes),
        cmocka_unit_test(webdfu_erases_one_sector_too_many_and_cannot_fill_the_memory),
        cmocka_unit_test(the_whole_application_area_is_filled_by_the_others),
        cmocka_unit_test(no_host_writes_into_the_bootloader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
