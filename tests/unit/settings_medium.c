// SPDX-License-Identifier: MIT
//
// The settings as a host reads and writes them, over the real store and the strict flash model.
// tests/host covers the same through USB.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/settings_medium.h"
#include "spec/bytes.h"
#include "spec/settings_list.h"
#include "tests/power/flash_model.h"

// STM32F407VG (RM0090 table 5), settings in sectors 1 and 2.
static const struct flash_run runs[] = {{4, 16384}, {1, 65536}, {7, 131072}};
static const struct flash_map map = {
    .base = 0x08000000, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};
#define PAGE0      0x08004000u
#define PAGE1      0x08008000u
#define INFO_BYTES (SETTINGS_LIST_HEAD + SETTINGS_LIST_INFO_LEN)

static struct flash_model m;
static struct settings_flash flash;
static struct settings s;
static struct settings_medium medium;
static uint8_t list[SETTINGS_LIST_BYTES];

static int set_up(void **state) {
    (void)state;
    flash_model_init(&m, &map, 1);
    flash = flash_model_settings(&m);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    flash_model_free(&m);
    return 0;
}

static enum settings_result start(void) {
    enum settings_result result = settings_open(&s, &flash);
    settings_medium_init(&medium, &s, PAGE0);
    return result;
}

// One block to its end, as core/dfu.c moves it on.
static enum settings_result write_block(const void *bytes, uint32_t len) {
    enum settings_result result = settings_medium_write(&medium, bytes, len);
    for (unsigned polls = 0; result == SETTINGS_BUSY; polls++) {
        assert_true(polls < 1000000);
        result = settings_medium_poll(&medium);
    }
    return result;
}

static void write_text(const char *bytes, uint32_t len) {
    assert_int_equal(write_block(bytes, len), SETTINGS_OK);
}

// The whole list in frames of `frame` bytes; ends with a short one, as UPLOAD does.
static uint32_t read_list(uint8_t *out, uint32_t frame) {
    for (uint32_t off = 0; off < SETTINGS_LIST_BYTES; off += frame) {
        uint32_t len = settings_medium_read(&medium, off, out + off, frame);
        assert_in_range(len, 0, frame);
        if (len < frame) {
            return off + len;
        }
    }
    fail_msg("the list has no end");
    return 0;
}

static void expect(uint16_t key, const void *value, uint32_t len) {
    uint8_t out[SETTINGS_VALUE_MAX];
    uint32_t got;
    assert_int_equal(settings_get(&s, key, out, sizeof(out), &got), SETTINGS_OK);
    assert_int_equal(got, len);
    assert_memory_equal(out, value, len);
}

static void expect_absent(uint16_t key) {
    uint32_t len;
    assert_int_equal(settings_get(&s, key, NULL, 0, &len), SETTINGS_ABSENT);
}

static void an_empty_board_gives_a_list_of_its_info(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    static const uint8_t expected[INFO_BYTES] = {0xfe, 0xff, 20,   0x56, 1, 0,    0, 0,
                                                 0,    0x40, 0x00, 0x08, 0, 0x40, 0, 0};
    assert_int_equal(read_list(list, 2048), INFO_BYTES);
    assert_memory_equal(list, expected, INFO_BYTES);
    assert_int_equal(m.operations, 0);
}

static void what_is_written_is_read_in_the_documented_bytes(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x34\x12\x03Vabc"
               "\x01\xf0\x01V\x02"
               "\x05\x00\x00V",
               16);
    expect(0x1234, "abc", 3);
    expect(SETTINGS_KEY_BOOT_MODE, "\2", 1);
    expect(5, "", 0);
    assert_int_equal(read_list(list, 2048), INFO_BYTES + 16);
    assert_memory_equal(list + INFO_BYTES,
                        "\x34\x12\x03Vabc"
                        "\x01\xf0\x01V\x02"
                        "\x05\x00\x00V",
                        16);
    assert_int_equal(load_le32(list + 16), 1);                 // turnovers
    assert_int_equal(load_le32(list + 20), settings_room(&s)); // room
    write_text("\x34\x12\x00"
               "D",
               4);
    expect_absent(0x1234);
    expect(5, "", 0);
}

static void records_are_applied_in_order_and_removing_nothing_is_no_error(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va\x01\x00\x00"
               "D\x01\x00\x01Vb\x09\x00\x00"
               "D",
               18);
    expect(1, "b", 1);
}

static void fill(unsigned count, uint32_t len) {
    uint8_t value[SETTINGS_VALUE_MAX];
    assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
    for (unsigned i = 0; i < count; i++) {
        memset(value, (int)(i + 1), sizeof(value));
        assert_int_equal(settings_wait(&s, settings_set(&s, (uint16_t)i, value, len)), SETTINGS_OK);
    }
}

static void no_record_lies_across_a_block_and_any_frame_length_reads_the_same(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    fill(50, 255);
    uint32_t len = read_list(list, 2048);
    assert_true(len > 50 * 259);
    for (uint32_t at = 0; at < len;) {
        if (load_le16(list + at) == SETTINGS_KEY_NONE) {
            assert_true(at % 2048 != 0);
            at = (at | 2047u) + 1;
            continue;
        }
        uint32_t end = at + SETTINGS_LIST_HEAD + list[at + 2];
        assert_int_equal(at / 2048, (end - 1) / 2048);
        at = end;
    }
    static const uint32_t frames[] = {64, 1000, 1024, 4096};
    for (unsigned i = 0; i < 4; i++) {
        static uint8_t again[SETTINGS_LIST_BYTES + 4096];
        assert_int_equal(read_list(again, frames[i]), len);
        assert_memory_equal(again, list, len);
    }
}

static void the_list_of_a_full_page_fits_its_address_range(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    fill((16384 - 24 - 128) / 268, 255);
    assert_true(read_list(list, 2048) < SETTINGS_LIST_BYTES);
}

// dfu-util sends what it read, block by block.
static void restore(const uint8_t *bytes, uint32_t len) {
    for (uint32_t off = 0; off < len; off += 2048) {
        uint32_t block = len - off < 2048 ? len - off : 2048;
        assert_int_equal(write_block(bytes + off, block), SETTINGS_OK);
    }
}

static void a_list_restores_the_values_on_another_board(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    fill(50, 255);
    uint32_t len = read_list(list, 2048);
    flash_model_free(&m);
    set_up(NULL);
    assert_int_equal(start(), SETTINGS_OK);
    restore(list, len);
    uint8_t again[SETTINGS_LIST_BYTES];
    assert_int_equal(read_list(again, 2048), len);
    assert_memory_equal(again + INFO_BYTES, list + INFO_BYTES, len - INFO_BYTES);
    // And costs nothing where it is there already.
    uint32_t operations = m.operations;
    restore(list, len);
    assert_int_equal(m.operations, operations);
}

static void behind_the_end_of_the_list_there_is_nothing(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    for (unsigned values = 0; values < 2; values++) {
        if (values) {
            fill(8, 255); // one of them behind padding
        }
        uint32_t end = read_list(list, 2048);
        const uint32_t offs[] = {end, end + 1, (end | 2047u) + 1, SETTINGS_LIST_BYTES - 64};
        for (unsigned i = 0; i < 4; i++) {
            uint8_t out[64];
            memset(out, 0xa5, sizeof out);
            assert_int_equal(settings_medium_read(&medium, offs[i], out, sizeof out), 0);
            assert_int_equal(out[0], 0xa5);
        }
        uint8_t last = 0;
        assert_int_equal(settings_medium_read(&medium, end - 1, &last, 1), 1);
        assert_int_equal(last, list[end - 1]);
    }
}

static void padding_of_a_host_is_taken(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va\xff", 6);
    write_text("\x01\x00\x02Vbc\xff\xff\xff\xff\xff\xff\xff\xff", 14);
    expect(1, "bc", 2);
    write_text("\xff\xff\xff\xff", 4);
}

static void refuses(const char *bytes, uint32_t len) {
    uint32_t operations = m.operations;
    assert_int_equal(settings_medium_write(&medium, (const uint8_t *)bytes, len), SETTINGS_REFUSED);
    assert_int_equal(m.operations, operations);
}

static void a_block_with_one_bad_record_changes_nothing(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va", 5);
    refuses("\x02\x00\x01Vb\x03\x00\x02Vx", 10);       // value cut off
    refuses("\x02\x00\x01Vb\x03\x00\x02", 8);          // head cut off
    refuses("\x02\x00\x01Vb\x03", 6);                  // key cut off
    refuses("\x02\x00\x01Vb\xff\xff\xff\x56", 9);      // padding that is none
    refuses("\x02\x00\x01Vb\xff\xff\xff\xff\x00", 10); // more behind padding
    refuses("\x02\x00\x01Vb\xff\xff\x00V", 9);         // key 0xFFFF
    refuses("\x02\x00\x01Vb\x03\x00\x01Wx", 10);       // neither value nor removal
    refuses("\x02\x00\x01Vb\x03\x00\x01"
            "Dx",
            10);                               // removal with a value
    refuses("\x02\x00\x01Vb\x00\xf0\x00V", 9); // receiving
    refuses("\x02\x00\x01Vb\x00\xf0\x00"
            "D",
            9);
    refuses("\x02\x00\x01Vb\x00\xff\x00V", 9); // the list's own, unknown
    refuses("\x02\x00\x01Vb\xfb\xff\x00V", 9);
    expect(1, "a", 1);
    expect_absent(2);
}

static void the_receiving_record_is_told_but_not_listed(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va", 5);
    assert_int_equal(settings_wait(&s, settings_receiving_open(&s)), SETTINGS_OK);
    assert_int_equal(read_list(list, 2048), INFO_BYTES + 5);
    assert_int_equal(list[5], SETTINGS_LIST_RECEIVING);
    write_text((const char *)list, INFO_BYTES + 5);
    assert_true(settings_is_receiving(&s));
}

static void changes_turn_pages_over_when_they_must(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    uint8_t block[2048];
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < sizeof(block) / 8; i++) {
            store_le32(block + 8 * i, i | 4u << 16 | 0x56u << 24);
            store_le32(block + 8 * i + 4, round * 1000 + i);
        }
        assert_int_equal(write_block(block, sizeof(block)), SETTINGS_OK);
    }
    assert_int_equal(start(), SETTINGS_OK);
    expect(255, block + sizeof(block) - 4, 4);
    assert_true(settings_turnovers(&s) > 3);
}

static void a_full_store_keeps_what_went_before(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    fill((16384 - 24 - 128) / 268 - 1, 255);
    uint8_t block[5 + 2 * 259];
    memcpy(block, "\x00\x30\x01Va", 5);
    for (unsigned i = 0; i < 2; i++) {
        memset(block + 5 + i * 259, 7, 259);
        store_le32(block + 5 + i * 259, (0x3001u + i) | 255u << 16 | 0x56u << 24);
    }
    assert_int_equal(write_block(block, sizeof(block)), SETTINGS_FULL);
    expect(0x3000, "a", 1);
    expect(0x3001, block + 9, 255);
    expect_absent(0x3002);
    assert_int_equal(settings_medium_poll(&medium), SETTINGS_OK);
    assert_int_equal(write_block("\x01\x30\x00"
                                 "D",
                                 4),
                     SETTINGS_OK);
}

static void failing_flash_ends_the_block(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va", 5);
    flash_model_cut(&m, 2, FLASH_CUT_FAIL);
    assert_int_equal(write_block("\x02\x00\x01Vb\x03\x00\x01Vc", 10), SETTINGS_FAILED);
    // What the cut left is cleared up with the next change.
    write_text("\x03\x00\x01Vd", 5);
    expect(1, "a", 1);
    expect(3, "d", 1);
}

static void load_word(uint32_t addr, uint32_t word) {
    uint8_t bytes[4];
    store_le32(bytes, word);
    flash_model_load(&m, addr, bytes, 4);
}

static void a_foreign_page_is_told_and_only_consent_touches_it(void **state) {
    (void)state;
    load_word(PAGE1, 0xffff0000u); // AN3969: a valid page
    load_word(PAGE1 + 4, 0x55551234u);
    assert_int_equal(start(), SETTINGS_FOREIGN);
    assert_int_equal(read_list(list, 2048), INFO_BYTES);
    assert_int_equal(list[5], SETTINGS_LIST_FOREIGN_1);
    assert_int_equal(load_le32(list + 16), 0); // no store
    assert_int_equal(write_block("\x01\x00\x01Va", 5), SETTINGS_FOREIGN);
    assert_int_equal(write_block("\xfc\xff\x00V", 4),
                     SETTINGS_FOREIGN); // not before there is a store
    assert_int_equal(m.operations, 0);

    write_text("\xfd\xff\x00V\x55\x55\x02V\x34\x12", 10);
    expect(0x5555, "\x34\x12", 2);
    assert_int_equal(m.words[(PAGE1 - map.base) / 4 + 1].bits, 0x55551234u);
    assert_int_equal(read_list(list, 2048), INFO_BYTES + 6);
    assert_int_equal(list[5], SETTINGS_LIST_FOREIGN_1);
    uint32_t operations = m.operations;
    write_text("\xfd\xff\x00V", 4); // again: there is a store, and it stays
    assert_int_equal(m.operations, operations);
    expect(0x5555, "\x34\x12", 2);

    write_text("\xfc\xff\x00V", 4);
    assert_int_equal(m.erases[2], 1);
    assert_int_equal(start(), SETTINGS_OK);
    expect(0x5555, "\x34\x12", 2);
    assert_int_equal(read_list(list, 2048), INFO_BYTES + 6);
    assert_int_equal(list[5], 0);
}

static void consent_to_nothing_changes_nothing(void **state) {
    (void)state;
    assert_int_equal(start(), SETTINGS_OK);
    write_text("\x01\x00\x01Va", 5);
    uint32_t operations = m.operations;
    write_text("\xfd\xff\x00V\xfc\xff\x00V", 8);
    assert_int_equal(m.operations, operations);
    expect(1, "a", 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_board_gives_a_list_of_its_info),
        TEST(what_is_written_is_read_in_the_documented_bytes),
        TEST(records_are_applied_in_order_and_removing_nothing_is_no_error),
        TEST(no_record_lies_across_a_block_and_any_frame_length_reads_the_same),
        TEST(the_list_of_a_full_page_fits_its_address_range),
        TEST(a_list_restores_the_values_on_another_board),
        TEST(behind_the_end_of_the_list_there_is_nothing),
        TEST(padding_of_a_host_is_taken),
        TEST(a_block_with_one_bad_record_changes_nothing),
        TEST(the_receiving_record_is_told_but_not_listed),
        TEST(changes_turn_pages_over_when_they_must),
        TEST(a_full_store_keeps_what_went_before),
        TEST(failing_flash_ends_the_block),
        TEST(a_foreign_page_is_told_and_only_consent_touches_it),
        TEST(consent_to_nothing_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
