// SPDX-License-Identifier: MIT
//
// Plans: which sectors are erased, which bytes written, and what is refused with which numbers.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "spec/bytes.h"

static struct redfu_layout layout;
static struct redfu_plan plan;
static struct redfu_fault fault;
static uint8_t bytes[0x40000];

static int set_up(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    return redfu_layout_parse("@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg",
                              &layout, &fault);
}

static int tear_down(void **unused) {
    (void)unused;
    redfu_plan_free(&plan);
    return 0;
}

static void assert_plan(const struct redfu_segment *segments, size_t count) {
    if (redfu_plan_write(&layout, segments, count, &plan, &fault) != REDFU_OK) {
        fail_msg("%s", fault.text);
    }
}

static void assert_refusal(const struct redfu_segment *segments, size_t count,
                           enum redfu_result result, const char *text) {
    assert_int_equal(redfu_plan_write(&layout, segments, count, &plan, &fault), result);
    if (!strstr(fault.text, text)) {
        fail_msg("%s", fault.text);
    }
    assert_int_equal(plan.sector_count, 0);
    assert_int_equal(plan.run_count, 0);
}

static void one_byte_takes_one_sector_and_a_granule(void **unused) {
    (void)unused;
    const struct redfu_segment segment = {0x0800c003, 1, bytes + 9};
    assert_plan(&segment, 1);
    assert_int_equal(plan.sector_count, 1);
    assert_int_equal(plan.sectors[0].number, 3);
    assert_int_equal(plan.run_count, 1);
    assert_int_equal(plan.runs[0].addr, 0x0800c000);
    assert_int_equal(plan.runs[0].len, 8);
    static const uint8_t wanted[8] = {0xff, 0xff, 0xff, 9, 0xff, 0xff, 0xff, 0xff};
    assert_memory_equal(plan.runs[0].bytes, wanted, 8);
}

static void an_image_up_to_a_sectors_last_byte_leaves_the_next_alone(void **unused) {
    (void)unused;
    struct redfu_segment segment = {0x0800c000, 0x4000, bytes};
    assert_plan(&segment, 1);
    assert_int_equal(plan.sector_count, 1);
    redfu_plan_free(&plan);
    segment.len++;
    assert_plan(&segment, 1);
    assert_int_equal(plan.sector_count, 2);
    assert_int_equal(plan.erase_bytes, 0x14000);
}

static void segments_in_one_sector_erase_it_once(void **unused) {
    (void)unused;
    const struct redfu_segment segments[] = {
        {0x0800c000, 100, bytes}, {0x0800d000, 100, bytes}, {0x08020000, 4, bytes}};
    assert_plan(segments, 3);
    assert_int_equal(plan.sector_count, 2);
    assert_int_equal(plan.sectors[1].addr, 0x08020000);
    assert_int_equal(plan.run_count, 3);
    assert_int_equal(plan.write_bytes, 104 + 104 + 8);
}

static void segments_that_share_a_granule_become_one_run(void **unused) {
    (void)unused;
    const struct redfu_segment segments[] = {{0x0800c001, 2, bytes}, {0x0800c005, 20, bytes}};
    assert_plan(segments, 2);
    assert_int_equal(plan.run_count, 1);
    assert_int_equal(plan.runs[0].len, 32);
    assert_int_equal(plan.runs[0].bytes[0], 0xff);
    assert_memory_equal(plan.runs[0].bytes + 1, bytes, 2);
    assert_int_equal(plan.runs[0].bytes[3], 0xff);
    assert_memory_equal(plan.runs[0].bytes + 5, bytes, 20);
}

static void memory_that_is_not_erased_is_not_widened(void **unused) {
    (void)unused;
    struct redfu_layout option_bytes;
    const struct redfu_segment segment = {0x1fffc003, 2, bytes};
    assert_int_equal(
        redfu_layout_parse("@Option Bytes  /0x1FFFC000/01*016 e", &option_bytes, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_write(&option_bytes, &segment, 1, &plan, &fault), REDFU_OK);
    assert_int_equal(plan.sector_count, 0);
    assert_int_equal(plan.runs[0].addr, 0x1fffc003);
    assert_int_equal(plan.runs[0].len, 2);
}

static void widening_stops_at_the_sectors_end(void **unused) {
    (void)unused;
    struct redfu_layout small; // sectors smaller than a granule
    const struct redfu_segment segment = {0x90000004, 2, bytes};
    assert_int_equal(redfu_layout_parse("@m/0x90000000/3*004Bg", &small, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_write(&small, &segment, 1, &plan, &fault), REDFU_OK);
    assert_int_equal(plan.sector_count, 1);
    assert_int_equal(plan.sectors[0].number, 1);
    assert_int_equal(plan.runs[0].addr, 0x90000004);
    assert_int_equal(plan.runs[0].len, 4);
}

static void the_whole_area_fits_and_one_byte_more_does_not(void **unused) {
    (void)unused;
    uint32_t len = 976 * 1024;
    uint8_t *whole = calloc(1, len + 1);
    assert_non_null(whole);
    struct redfu_segment segment = {0x0800c000, len, whole};
    assert_plan(&segment, 1);
    assert_int_equal(plan.sector_count, 9);
    redfu_plan_free(&plan);
    segment.len++;
    assert_refusal(&segment, 1, REDFU_TOO_LARGE,
                   "1 bytes too large: it ends at 0x08100000, the memory at 0x080FFFFF");
    free(whole);
}

static void places_that_cannot_be_written_are_refused(void **unused) {
    (void)unused;
    const struct redfu_segment bootloader = {0x08000000, 16, bytes};
    assert_refusal(&bootloader, 1, REDFU_READ_ONLY, "0x08000000 lies in sector 0");
    const struct redfu_segment over_the_edge = {0x0800bfff, 2, bytes};
    assert_refusal(&over_the_edge, 1, REDFU_READ_ONLY, "0x0800BFFF lies in sector 2");
    const struct redfu_segment ram = {0x20000000, 16, bytes};
    assert_refusal(&ram, 1, REDFU_OUTSIDE, "0x20000000-0x2000000F lies outside");
    const struct redfu_segment end = {0x08100000, 1, bytes};
    assert_refusal(&end, 1, REDFU_OUTSIDE, "nothing is at 0x08100000");
    // A good segment before it does not help.
    const struct redfu_segment both[] = {{0x0800c000, 16, bytes}, {0xfffffff0, 16, bytes}};
    assert_refusal(both, 2, REDFU_OUTSIDE, "0xFFFFFFF0-0xFFFFFFFF");
}

static void segments_out_of_order_are_refused(void **unused) {
    (void)unused;
    const struct redfu_segment over[] = {{0x0800c000, 16, bytes}, {0x0800c008, 16, bytes}};
    assert_refusal(over, 2, REDFU_BAD_FILE, "0x0800C008");
    const struct redfu_segment wrapping = {0xfffffff0, 17, bytes};
    assert_refusal(&wrapping, 1, REDFU_BAD_FILE, "0xFFFFFFF0");
    const struct redfu_segment nothing = {0x0800c000, 0, bytes};
    assert_refusal(&nothing, 1, REDFU_BAD_FILE, "0x0800C000");
}

static void an_erase_takes_whole_sectors_and_no_read_only_one(void **unused) {
    (void)unused;
    assert_int_equal(redfu_plan_erase(&layout, 0x0800ffff, 2, &plan, &fault), REDFU_OK);
    assert_int_equal(plan.sector_count, 2);
    assert_int_equal(plan.erase_bytes, 0x14000);
    redfu_plan_free(&plan);
    assert_int_equal(redfu_plan_erase(&layout, 0x0800bfff, 2, &plan, &fault), REDFU_READ_ONLY);
    assert_string_equal(fault.advice, "Give an address in the application area: it is "
                                      "0x0800C000-0x080FFFFF here (Internal Flash).");
    assert_int_equal(redfu_plan_erase(&layout, 0x080fffff, 2, &plan, &fault), REDFU_OUTSIDE);
    assert_int_equal(redfu_plan_erase(&layout, 0xffffffff, 2, &plan, &fault), REDFU_OUTSIDE);
    assert_int_equal(redfu_plan_erase_all(&layout, &plan, &fault), REDFU_OK);
    assert_int_equal(plan.sector_count, 9);
    assert_int_equal(plan.sectors[0].number, 3);
}

static void what_can_be_read_includes_the_bootloader(void **unused) {
    (void)unused;
    const struct redfu_segment whole = {0x08000000, 0x100000, bytes};
    assert_int_equal(redfu_check_readable(&layout, &whole, 1, &fault), REDFU_OK);
    const struct redfu_segment more = {0x08000000, 0x100001, bytes};
    assert_int_equal(redfu_check_readable(&layout, &more, 1, &fault), REDFU_OUTSIDE);
}

static enum redfu_result judge(uint32_t stack, uint32_t vector, uint32_t addr, uint32_t len) {
    static uint8_t image[0x1000];
    store_le32(image, stack);
    store_le32(image + 4, vector);
    const struct redfu_segment segment = {addr, len, image};
    return redfu_check_vectors(&segment, 1, &fault);
}

static void an_image_linked_elsewhere_is_told_by_its_vectors(void **unused) {
    (void)unused;
    const uint32_t at = 0x0800c000;
    assert_int_equal(judge(0x20020000, at + 0x201, at, 0x1000), REDFU_OK);
    assert_int_equal(judge(0x10010000, at + 0x201, at, 0x1000), REDFU_OK);
    assert_int_equal(judge(0x20020000, at + 0xfff, at, 0x1000), REDFU_OK);
    assert_int_equal(judge(0x20020000, 0x080001ed, at, 0x1000), REDFU_WRONG_VECTORS);
    assert_non_null(strstr(fault.text, "its reset vector is 0x080001ED"));
    assert_non_null(strstr(fault.advice, "linked for 0x08000000"));
    assert_int_equal(judge(0x20020000, at + 0x1001, at, 0x1000), REDFU_WRONG_VECTORS);
    assert_int_equal(judge(0x20020000, at + 0x200, at, 0x1000), REDFU_WRONG_VECTORS); // not Thumb
    // VTOR has no such address, whatever the image was linked for.
    assert_int_equal(judge(0x20020000, at + 0x201, at + 1, 0x1000), REDFU_WRONG_VECTORS);
    assert_non_null(strstr(fault.text, "at a multiple of 128 bytes, and this is 1 behind one"));
    assert_non_null(strstr(fault.advice, "0x0800C000, say"));
    assert_int_equal(fault.addr, at + 1);
    assert_int_equal(judge(0x20020000, at + 0x201, at + 0x7f, 0x1000), REDFU_WRONG_VECTORS);
    assert_int_equal(judge(0x20020000, 0x080001ed, at + 4, 0x1000), REDFU_WRONG_VECTORS);
    assert_non_null(strstr(fault.text, "at a multiple of 128 bytes, and this is 4 behind one"));
    assert_int_equal(judge(0x20020000, at + 0x201, at + 0x80, 0x1000), REDFU_OK);
    // What begins with no stack pointer is data, and not judged.
    assert_int_equal(judge(0x00000000, at + 0x201, at + 1, 0x1000), REDFU_OK);
    assert_int_equal(judge(0x00000000, 0x080001ed, at, 0x1000), REDFU_OK);
    assert_int_equal(judge(0xffffffff, 0xffffffff, at, 0x1000), REDFU_OK);
    assert_int_equal(judge(0x20020000, 0x080001ed, at, 7), REDFU_OK);
}

// --- Blanks --------------------------------------------------------------------------------------

static void trim(const struct redfu_segment *segments, size_t count) {
    assert_plan(segments, count);
    assert_int_equal(redfu_plan_trim(&plan, 2048, &fault), REDFU_OK);
}

static void assert_runs(const uint32_t (*runs)[2], size_t count) {
    uint32_t sum = 0;
    assert_int_equal(plan.run_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(plan.runs[i].addr, runs[i][0]);
        assert_int_equal(plan.runs[i].len, runs[i][1]);
        sum += runs[i][1];
    }
    assert_int_equal(plan.write_bytes, sum);
}

static void blank_blocks_are_left_out(void **unused) {
    (void)unused;
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 1;
    bytes[3 * 2048 - 1] = 1; // block 2
    bytes[0x4000 + 10] = 1;  // sector 4
    bytes[0x13fff] = 1;      // its last byte
    const struct redfu_segment segment = {0x0800c000, 0x14000, bytes};
    trim(&segment, 1);
    static const uint32_t runs[][2] = {
        {0x0800c000, 2048}, {0x0800d000, 2048}, {0x08010000, 2048}, {0x0801f800, 2048}};
    assert_runs(runs, 4);
    assert_int_equal(plan.blank_bytes, 0x14000 - 4 * 2048);
    assert_int_equal(plan.image[0].len, 0x14000); // all of it is verified
}

static void each_erased_sector_and_the_images_end_keep_a_little(void **unused) {
    (void)unused;
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 1;
    bytes[0x14000 + 5000] = 1;
    const struct redfu_segment segment = {0x0800c000, 0x14000 + 9000, bytes};
    trim(&segment, 1);
    static const uint32_t runs[][2] = {
        {0x0800c000, 2048}, {0x0801fff8, 8}, {0x08021000, 2048}, {0x08022320, 8}};
    assert_runs(runs, 4);
}

static void an_image_without_a_byte_still_marks_its_sectors(void **unused) {
    (void)unused;
    memset(bytes, 0xff, sizeof bytes);
    const struct redfu_segment segment = {0x0800c000, 0x14000, bytes};
    trim(&segment, 1);
    static const uint32_t runs[][2] = {{0x0800fff8, 8}, {0x0801fff8, 8}};
    assert_runs(runs, 2);
}

static void blocks_count_from_the_sectors_start(void **unused) {
    (void)unused;
    memset(bytes, 0xff, sizeof bytes);
    bytes[0] = 1;
    bytes[9000] = 1;
    const struct redfu_segment segment = {0x0800c100, 9001, bytes};
    trim(&segment, 1);
    static const uint32_t runs[][2] = {{0x0800c100, 0x700}, {0x0800e000, 0x430}};
    assert_runs(runs, 2);
}

static void memory_that_is_not_erased_is_written_blank_or_not(void **unused) {
    (void)unused;
    struct redfu_layout settings;
    memset(bytes, 0xff, sizeof bytes);
    const struct redfu_segment segment = {0x5e700000, 6000, bytes};
    assert_int_equal(redfu_layout_parse("@Settings  /0x5E700000/01*032Ke", &settings, &fault),
                     REDFU_OK);
    assert_int_equal(redfu_plan_write(&settings, &segment, 1, &plan, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_trim(&plan, 2048, &fault), REDFU_OK);
    static const uint32_t runs[][2] = {{0x5e700000, 6000}};
    assert_runs(runs, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_byte_takes_one_sector_and_a_granule),
        TEST(an_image_up_to_a_sectors_last_byte_leaves_the_next_alone),
        TEST(segments_in_one_sector_erase_it_once),
        TEST(segments_that_share_a_granule_become_one_run),
        TEST(memory_that_is_not_erased_is_not_widened),
        TEST(widening_stops_at_the_sectors_end),
        TEST(the_whole_area_fits_and_one_byte_more_does_not),
        TEST(places_that_cannot_be_written_are_refused),
        TEST(segments_out_of_order_are_refused),
        TEST(an_erase_takes_whole_sectors_and_no_read_only_one),
        TEST(what_can_be_read_includes_the_bootloader),
        TEST(an_image_linked_elsewhere_is_told_by_its_vectors),
        TEST(blank_blocks_are_left_out),
        TEST(each_erased_sector_and_the_images_end_keep_a_little),
        TEST(an_image_without_a_byte_still_marks_its_sectors),
        TEST(blocks_count_from_the_sectors_start),
        TEST(memory_that_is_not_erased_is_written_blank_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
