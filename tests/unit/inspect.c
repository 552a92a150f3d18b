// SPDX-License-Identifier: MIT
//
// What image/inspect.h finds in images made here, each wrong in one way.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/inspect.h"
#include "image/seal.h"
#include "spec/boot.h"
#include "spec/bytes.h"

#define APP          0x0800c000u
#define WORDS        98u
#define BYTES        2048u
#define END_OF_STACK 0x2001fff8u

static uint8_t good[BYTES];
static struct inspect_report report;

static void set(unsigned word, uint32_t value) {
    store_le32(good + 4u * word, value);
}

// A table of 98 handlers and something that looks like code.
static int make_good(void **state) {
    (void)state;
    memset(good, 0x46, sizeof good);
    set(0, END_OF_STACK);
    for (unsigned i = 1; i < WORDS; i++) {
        set(i, i >= 7 && i <= 10 ? 0 : APP + 0x200u + 4u * i + 1u);
    }
    return 0;
}

static void judge_at(uint32_t addr, const struct inspect_map *map) {
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, addr, good, sizeof good, &fault));
    inspect(&image, map, &report);
    image_free(&image);
}

static void judge(void) {
    judge_at(APP, &inspect_default_map);
}

static const struct inspect_finding *found(enum inspect_id id) {
    for (size_t i = 0; i < report.count; i++) {
        if (report.findings[i].id == id) {
            return &report.findings[i];
        }
    }
    return NULL;
}

// That one and no other error; with a sentence, and something to do.
static void assert_only(enum inspect_id id, uint32_t addr) {
    const struct inspect_finding *finding = found(id);
    if (finding == NULL) {
        fail_msg("no %s", inspect_word(id));
    }
    assert_int_equal(finding->addr, addr);
    assert_true(finding->text[0] != '\0' && finding->advice[0] != '\0');
    assert_int_equal(report.errors, inspect_severity(id) == INSPECT_ERROR);
}

static void a_good_image_has_no_error_and_lacks_a_stamp(void **state) {
    (void)state;
    judge();
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.count, 1);
    assert_only(INSPECT_UNSEALED, APP);
    assert_true(report.has_vectors);
    assert_int_equal(report.vector_count, WORDS);
    assert_int_equal(report.promised, 0);
}

static void a_stamp_is_seen_and_one_that_does_not_fit_is_an_error(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    struct image_seal seal;
    image_init(&image);
    assert_true(image_add(&image, APP, good, sizeof good, &fault));
    assert_true(image_seal(&image, 0xf4000, &seal, &fault));
    inspect(&image, &inspect_default_map, &report);
    assert_int_equal(report.count, 0);
    assert_true(report.has_stamp);
    image.segments[0].bytes[1000] ^= 1;
    inspect(&image, &inspect_default_map, &report);
    assert_only(INSPECT_STALE_STAMP, seal.stamp_addr);
    image_free(&image);
}

static void an_image_for_the_start_of_flash_is_told_the_linker_line(void **state) {
    (void)state;
    judge_at(0x08000000u, &inspect_default_map);
    assert_only(INSPECT_WRONG_BASE, 0x08000000u);
    assert_non_null(strstr(report.findings[0].advice, "ORIGIN = 0x0800C000, LENGTH = 976K"));
    assert_non_null(strstr(report.findings[0].advice, "VECT_TAB_OFFSET 0x0000C000"));
}

// A raw file of an image for 0x08000000: its place is right, its vectors are not.
static void vectors_for_another_address_are_told(void **state) {
    (void)state;
    for (unsigned i = 1; i < WORDS; i++) {
        set(i, i >= 7 && i <= 10 ? 0 : 0x08000200u + 4u * i + 1u);
    }
    judge();
    assert_only(INSPECT_RESET, APP + 4);
    assert_non_null(strstr(report.findings[0].advice, "ORIGIN = 0x0800C000"));
}

static void bytes_in_the_settings_are_an_error(void **state) {
    (void)state;
    judge_at(0x08004000u, &inspect_default_map);
    assert_only(INSPECT_IN_SETTINGS, 0x08004000u);
    judge_at(0x0800c000u - 16u, &inspect_default_map);
    assert_only(INSPECT_IN_SETTINGS, 0x0800c000u - 16u);
}

static void bytes_outside_flash_and_in_ram_are_errors(void **state) {
    (void)state;
    static const struct {
        uint32_t addr;
        enum inspect_id id;
    } places[] = {
        {0x00000000u, INSPECT_OUTSIDE}, {0x1fffc000u, INSPECT_OUTSIDE},
        {0x08100000u, INSPECT_OUTSIDE}, {0x20000000u, INSPECT_IN_RAM},
        {0x10000000u, INSPECT_IN_RAM},  {0x2001f000u, INSPECT_IN_RAM},
    };
    const uint8_t some[16] = {1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct image image;
        struct image_fault fault;
        image_init(&image);
        assert_true(image_add(&image, APP, good, sizeof good, &fault));
        assert_true(image_add(&image, places[i].addr, some, sizeof some, &fault));
        inspect(&image, &inspect_default_map, &report);
        assert_only(places[i].id, places[i].addr);
        image_free(&image);
    }
    judge_at(0x080ffc00u, &inspect_default_map);
    assert_non_null(found(INSPECT_OUTSIDE)); // its second half
}

static void nothing_at_the_start_is_told(void **state) {
    (void)state;
    judge_at(0x08010000u, &inspect_default_map);
    assert_only(INSPECT_NO_START, 0x08010000u);
    set(0, 0xffffffffu);
    judge();
    assert_only(INSPECT_NO_VECTORS, APP);
}

static void stack_pointers_are_held_against_the_memories(void **state) {
    (void)state;
    static const struct {
        uint32_t value;
        bool is_error, is_warning;
    } stacks[] = {
        {0x2001fff8u, false, false}, {0x20020000u, false, true}, {0x10010000u, false, true},
        {0x10008000u, false, true},  {0x20000000u, true, false}, {0x20000004u, false, false},
        {0x20020004u, true, false},  {0x20030000u, true, false}, {0x08010000u, true, false},
        {0x2001fffau, true, false},  {0x00000000u, true, false},
    };
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        set(0, stacks[i].value);
        judge();
        if ((found(INSPECT_STACK) != NULL) != stacks[i].is_error ||
            (found(INSPECT_STACK_MASK) != NULL) != stacks[i].is_warning) {
            fail_msg("0x%08x", stacks[i].value);
        }
        assert_int_equal(report.errors, stacks[i].is_error);
    }
}

static void even_and_stray_vectors_are_errors(void **state) {
    (void)state;
    uint32_t reset = load_le32(good + 4);
    set(1, reset & ~1u);
    judge();
    assert_only(INSPECT_RESET, APP + 4);
    set(1, 0x20000101u);
    judge();
    assert_only(INSPECT_RESET, APP + 4);
    set(1, reset);
    for (unsigned i = 2; i < WORDS; i++) {
        uint32_t handler = load_le32(good + 4u * i);
        set(i, APP + 0x300u);
        judge();
        bool is_reserved = (i >= 7 && i <= 10) || i == 13;
        if (is_reserved) {
            assert_int_equal(report.errors, 0);
        } else {
            assert_only(INSPECT_HANDLER, APP + 4u * i);
        }
        set(i, handler);
    }
    set(20, 0x08004001u);
    set(30, 0x08004001u);
    judge();
    assert_only(INSPECT_HANDLER, APP + 80u);
    assert_non_null(strstr(report.findings[0].text, "1 more"));
    set(20, 0x20000101u); // a handler in RAM
    set(30, 0);
    judge();
    assert_int_equal(report.errors, 0);
}

// As an assembly startup file and a C one have it: a symbol with a size.
static void a_symbol_says_how_long_the_table_is(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    set(17, 0xdeadbeefu); // behind a table of 17 words, code
    assert_true(image_add(&image, APP, good, sizeof good, &fault));
    inspect(&image, &inspect_default_map, &report);
    assert_int_equal(report.vector_count, 17);
    assert_false(report.is_vector_count_sure);
    image.symbols = calloc(1, sizeof *image.symbols);
    image.symbols[0] =
        (struct image_symbol){APP, 4u * WORDS, IMAGE_OBJECT, strdup("g_pfnVectors"), false};
    image.symbol_count = 1;
    inspect(&image, &inspect_default_map, &report);
    assert_int_equal(report.vector_count, WORDS);
    assert_true(report.is_vector_count_sure);
    assert_only(INSPECT_HANDLER, APP + 68u);
    image_free(&image);
}

// The application promises or asks, and a variable lies among the bootloader's records.
static void a_variable_among_the_records_is_a_warning_for_who_reads_them(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, APP, good, sizeof good, &fault));
    image.symbols = calloc(2, sizeof *image.symbols);
    image.symbols[0] = (struct image_symbol){0x2000003c, 4, IMAGE_OBJECT, strdup("uwTick"), false};
    image.symbols[1] = (struct image_symbol){APP + 0x400, 8, IMAGE_FUNCTION, strdup("main"), false};
    image.symbol_count = 2;
    inspect(&image, &inspect_default_map, &report);
    assert_null(found(INSPECT_RECORDS));
    store_le32(image.segments[0].bytes + 4u * START_PROMISE_WORD, START_PROMISE(3));
    inspect(&image, &inspect_default_map, &report);
    assert_only(INSPECT_RECORDS, 0x2000003c);
    image.symbols[0].addr = 0x20000040;
    inspect(&image, &inspect_default_map, &report);
    assert_null(found(INSPECT_RECORDS));
    image.symbols[0].addr = 0x20000000;
    store_le32(image.segments[0].bytes + 4u * START_PROMISE_WORD, 0);
    free(image.symbols[1].name);
    image.symbols[1].name = strdup("redfu_confirm_start");
    inspect(&image, &inspect_default_map, &report);
    assert_only(INSPECT_RECORDS, 0x20000000);
    image_free(&image);
}

static void a_promise_is_no_handler(void **state) {
    (void)state;
    set(START_PROMISE_WORD, START_PROMISE(3));
    judge();
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.promised, 3);
    assert_int_equal(report.vector_count, WORDS);
}

// SystemInit as ST's file has it: the SCB's address among its constants, and a store at offset 8.
static void a_guess_at_vtor_is_a_warning(void **state) {
    (void)state;
    static const uint8_t store[] = {0x9a, 0x60}; // str r2, [r3, #8]
    struct image image;
    struct image_fault fault;
    image_init(&image);
    memcpy(good + 0x400, store, sizeof store);
    store_le32(good + 0x410, 0xe000ed00u);
    assert_true(image_add(&image, APP, good, sizeof good, &fault));
    image.symbols = calloc(1, sizeof *image.symbols);
    image.symbols[0] =
        (struct image_symbol){APP + 0x400, 0x20, IMAGE_FUNCTION, strdup("SystemInit"), false};
    image.symbol_count = 1;
    inspect(&image, &inspect_default_map, &report);
    assert_only(INSPECT_VTOR, APP + 0x400);
    store_le32(image.segments[0].bytes + 0x414, APP);
    inspect(&image, &inspect_default_map, &report);
    assert_null(found(INSPECT_VTOR));
    // And as gcc 12 at -Os has it: str.w r2, [r3, #0xd08].
    memset(image.segments[0].bytes + 0x400, 0x46, 0x20);
    store_le32(image.segments[0].bytes + 0x408, 0x2d08f8c3u);
    inspect(&image, &inspect_default_map, &report);
    assert_only(INSPECT_VTOR, APP + 0x400);
    image_free(&image);
}

static void gaps_are_told_from_a_kilobyte_on(void **state) {
    (void)state;
    const uint8_t some[16] = {1};
    for (uint32_t gap = 1016; gap <= 1024; gap += 8) {
        struct image image;
        struct image_fault fault;
        image_init(&image);
        assert_true(image_add(&image, APP, good, sizeof good, &fault));
        assert_true(image_add(&image, APP + BYTES + gap, some, sizeof some, &fault));
        inspect(&image, &inspect_default_map, &report);
        assert_int_equal(report.errors, 0);
        assert_int_equal(found(INSPECT_GAP) != NULL, gap == 1024);
        image_free(&image);
    }
}

static void chips_have_their_own_memories(void **state) {
    (void)state;
    struct inspect_map map = inspect_default_map;
    assert_true(inspect_chip(&map, "stm32f411ce"));
    assert_string_equal(map.chip, "STM32F411CE");
    assert_int_equal(map.flash_bytes, 512 * 1024);
    assert_int_equal(map.ccm_bytes, 0);
    set(0, 0x10008000u); // no CCM there
    judge_at(APP, &map);
    assert_only(INSPECT_STACK, APP);
    assert_true(inspect_chip(&map, "STM32F401CC"));
    assert_int_equal(map.sram_bytes, 64 * 1024);
    assert_true(inspect_chip(&map, "STM32F429"));
    assert_int_equal(map.flash_bytes, 2048 * 1024);
    static const char *const wrong[] = {"",
                                        "STM32F4",
                                        "STM32F103",
                                        "STM32F407V",
                                        "STM32F407VZ",
                                        "STM32F411CG",
                                        "F407",
                                        "STM32F407VGT6TR0123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        map = inspect_default_map;
        assert_false(inspect_chip(&map, wrong[i]));
        assert_memory_equal(&map, &inspect_default_map, sizeof map);
    }
}

// More than there is room for: the gravest stay, all errors count.
static void a_report_that_is_full_still_counts(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    const uint8_t some[4] = {1};
    image_init(&image);
    assert_true(image_add(&image, APP, good, sizeof good, &fault));
    for (unsigned i = 0; i < 40; i++) {
        assert_true(image_add(&image, 0x20000000u + 8u * i, some, sizeof some, &fault));
    }
    inspect(&image, &inspect_default_map, &report);
    assert_int_equal(report.errors, 40);
    assert_int_equal(report.count, INSPECT_FINDINGS_MAX);
    image_free(&image);
}

#define T(name) cmocka_unit_test_setup(name, make_good)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_good_image_has_no_error_and_lacks_a_stamp),
        T(a_stamp_is_seen_and_one_that_does_not_fit_is_an_error),
        T(an_image_for_the_start_of_flash_is_told_the_linker_line),
        T(vectors_for_another_address_are_told),
        T(bytes_in_the_settings_are_an_error),
        T(bytes_outside_flash_and_in_ram_are_errors),
        T(nothing_at_the_start_is_told),
        T(stack_pointers_are_held_against_the_memories),
        T(even_and_stray_vectors_are_errors),
        T(a_symbol_says_how_long_the_table_is),
        T(a_promise_is_no_handler),
        T(a_variable_among_the_records_is_a_warning_for_who_reads_them),
        T(a_guess_at_vtor_is_a_warning),
        T(gaps_are_told_from_a_kilobyte_on),
        T(chips_have_their_own_memories),
        T(a_report_that_is_full_still_counts),
    };
    return cmocka_run_group_tests_name("unit/inspect", tests, NULL, NULL);
}
