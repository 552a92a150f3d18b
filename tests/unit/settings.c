// SPDX-License-Identifier: MIT
//
// The settings store while power holds, at the real geometry: values, room, turnover, wear,
// asynchronous use, foreign pages. tests/power/settings.c is about cuts.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "settings/settings.h"
#include "spec/bytes.h"
#include "spec/crc.h"
#include "tests/power/flash_model.h"

// STM32F407VG (RM0090 table 5), settings in sectors 1 and 2.
static const struct flash_run runs[] = {{4, 16384}, {1, 65536}, {7, 131072}};
static const struct flash_map map = {
    .base = 0x08000000, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};
#define PAGE0 0x08004000u
#define PAGE1 0x08008000u

static struct flash_model m;
static struct settings_flash flash;
static struct settings s;

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

static void open_empty(void) {
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
}

static enum settings_result set(uint16_t key, const void *value, uint32_t len) {
    return settings_wait(&s, settings_set(&s, key, value, len));
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

static void blank_flash_reads_as_an_empty_store_and_is_not_written(void **state) {
    (void)state;
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    expect_absent(1);
    assert_int_equal(settings_set(&s, 1, (const uint8_t *)"x", 1), SETTINGS_TURNOVER);
    assert_int_equal(settings_room(&s), 0);
    assert_int_equal(m.operations, 0);
}

static void values_of_every_length_survive_a_reset(void **state) {
    (void)state;
    uint8_t value[256];
    for (unsigned i = 0; i < sizeof(value); i++) {
        value[i] = (uint8_t)(i * 3);
    }
    open_empty();
    for (uint32_t len = 0; len <= SETTINGS_VALUE_MAX; len++) {
        enum settings_result r = set((uint16_t)(len % 20), value + (len & 1), len);
        if (r == SETTINGS_TURNOVER) {
            assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
            r = set((uint16_t)(len % 20), value + (len & 1), len);
        }
        assert_int_equal(r, SETTINGS_OK);
        expect((uint16_t)(len % 20), value + (len & 1), len);
    }
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    for (uint32_t len = 236; len <= SETTINGS_VALUE_MAX; len++) {
        expect((uint16_t)(len % 20), value + (len & 1), len);
    }
    assert_int_equal(settings_set(&s, 1, value, 256), SETTINGS_REFUSED);
    assert_int_equal(settings_set(&s, SETTINGS_KEY_NONE, value, 1), SETTINGS_REFUSED);
}

static void an_empty_value_is_not_a_deleted_one(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(5, "", 0), SETTINGS_OK);
    expect(5, "", 0);
    assert_int_equal(settings_wait(&s, settings_delete(&s, 5)), SETTINGS_OK);
    expect_absent(5);
    assert_int_equal(settings_delete(&s, 5), SETTINGS_ABSENT);
}

static void storing_what_is_there_writes_nothing(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(5, "abc", 3), SETTINGS_OK);
    uint32_t before = m.operations;
    assert_int_equal(settings_set(&s, 5, (const uint8_t *)"abc", 3), SETTINGS_OK);
    assert_int_equal(m.operations, before);
    assert_int_equal(settings_set(&s, 5, (const uint8_t *)"ab", 2), SETTINGS_BUSY);
    assert_int_equal(settings_wait(&s, SETTINGS_BUSY), SETTINGS_OK);
    expect(5, "ab", 2);
}

static void a_small_buffer_is_told_the_length_and_left_alone(void **state) {
    (void)state;
    uint8_t out[2] = {0x11, 0x22};
    uint32_t len = 0;
    open_empty();
    assert_int_equal(set(5, "abc", 3), SETTINGS_OK);
    assert_int_equal(settings_get(&s, 5, out, 2, &len), SETTINGS_REFUSED);
    assert_int_equal(len, 3);
    assert_int_equal(out[0], 0x11);
}

static void a_prepared_turnover_needs_no_erase_and_wear_is_told(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(settings_turnovers(&s), 1);
    uint8_t value[2] = {0, 0};
    for (unsigned i = 0; i < 5000; i++) {
        store_le16(value, (uint16_t)i);
        enum settings_result r = set(7, value, 2);
        if (r == SETTINGS_TURNOVER) {
            assert_int_equal(settings_wait(&s, settings_prepare(&s, SETTINGS_KEEP_FOREIGN)),
                             SETTINGS_OK);
            assert_true(settings_is_prepared(&s));
            uint32_t erases = m.erases[1] + m.erases[2];
            assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
            assert_int_equal(m.erases[1] + m.erases[2], erases);
            r = set(7, value, 2);
        }
        assert_int_equal(r, SETTINGS_OK);
    }
    expect(7, value, 2);
    // 16 bytes a record, 1014 a page: five turnovers and the first.
    assert_int_equal(settings_turnovers(&s), 5);
    assert_int_equal(m.erases[1] + m.erases[2], 5);
    assert_in_range(m.erases[1], 2, 3);
}

static void a_full_store_says_so_and_can_still_delete_and_receive(void **state) {
    (void)state;
    uint8_t value[SETTINGS_VALUE_MAX] = {1};
    open_empty();
    uint16_t count = 0;
    enum settings_result r;
    while ((r = set(count, value, sizeof(value))) == SETTINGS_OK) {
        count++;
    }
    assert_int_equal(r, SETTINGS_FULL);
    assert_int_equal(count, (16384 - 24 - 128) / 268);
    assert_int_equal(settings_wait(&s, settings_receiving_open(&s)), SETTINGS_OK);
    assert_int_equal(settings_wait(&s, settings_receiving_close(&s)), SETTINGS_OK);
    assert_int_equal(settings_wait(&s, settings_delete(&s, 3)), SETTINGS_OK);
    assert_int_equal(set(3, value, sizeof(value)), SETTINGS_TURNOVER);
    assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
    assert_int_equal(set(3, value, sizeof(value)), SETTINGS_OK);
}

// As redfu-boot crosses out a mode for one start, after a reset; the turnovers it took.
static uint32_t crosses_out(void) {
    uint8_t value = 0;
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    uint32_t before = settings_turnovers(&s);
    enum settings_result r = set(SETTINGS_KEY_BOOT_MODE, &value, 1);
    if (r == SETTINGS_TURNOVER) {
        assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
        r = set(SETTINGS_KEY_BOOT_MODE, &value, 1);
    }
    assert_int_equal(r, SETTINGS_OK);
    return settings_turnovers(&s) - before;
}

static void a_boot_mode_fits_a_full_store_and_can_be_crossed_out_as_often_as_set(void **state) {
    (void)state;
    const uint8_t once[2] = {0, 1};
    const uint8_t value = 1;
    open_empty();
    uint16_t count = 0;
    while (set(count, &value, 1) == SETTINGS_OK) {
        count++;
    }
    assert_int_equal(count, (16384 - 24 - 128) / 16);
    for (unsigned round = 0; round < 20; round++) {
        enum settings_result r = set(SETTINGS_KEY_BOOT_MODE, once, 2);
        if (r == SETTINGS_TURNOVER) {
            assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
            r = set(SETTINGS_KEY_BOOT_MODE, once, 2);
        }
        assert_int_equal(r, SETTINGS_OK);
        if (round % 2 == 1) { // a load between takes room
            assert_int_equal(settings_wait(&s, settings_receiving_open(&s)), SETTINGS_OK);
            assert_int_equal(settings_wait(&s, settings_receiving_close(&s)), SETTINGS_OK);
        }
        assert_in_range(crosses_out(), 0, 1);
    }
    assert_in_range(settings_turnovers(&s), 1, 21);
}

static void operations_under_way_refuse_everything_else(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(settings_wait(&s, settings_receiving_open(&s)), SETTINGS_OK);
    assert_int_equal(set(SETTINGS_KEY_BOOT_MODE, "", 0), SETTINGS_OK);
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK); // as a peek needs it
    m.busy_polls = 3;
    uint32_t len, cursor = 0;
    uint16_t key;
    uint8_t value[4] = {1, 2, 3, 4};
    assert_int_equal(settings_set(&s, 9, value, 4), SETTINGS_BUSY);
    memset(value, 0, sizeof(value)); // the caller's bytes need not stay
    unsigned polls = 0;
    while (settings_poll(&s) == SETTINGS_BUSY) {
        assert_int_equal(settings_get(&s, 9, NULL, 0, &len), SETTINGS_BUSY);
        assert_int_equal(settings_set(&s, 9, value, 4), SETTINGS_BUSY);
        assert_int_equal(settings_next(&s, &cursor, &key, &len), SETTINGS_BUSY);
        assert_int_equal(settings_turnover(&s), SETTINGS_BUSY);
        assert_int_equal(settings_format(&s), SETTINGS_BUSY);
        assert_int_equal(settings_delete(&s, 9), SETTINGS_BUSY);
        assert_int_equal(settings_prepare(&s, SETTINGS_KEEP_FOREIGN), SETTINGS_BUSY);
        assert_int_equal(settings_prepare(&s, SETTINGS_ERASE_FOREIGN), SETTINGS_BUSY);
        // These cannot say so, and do not look: a read now is a misuse of the flash.
        assert_false(settings_is_receiving(&s));
        assert_null(settings_peek(&s, SETTINGS_KEY_BOOT_MODE, &len));
        polls++;
    }
    assert_true(polls > 4);
    assert_true(settings_is_receiving(&s));
    assert_non_null(settings_peek(&s, SETTINGS_KEY_BOOT_MODE, &len));
    expect(9, "\1\2\3\4", 4);
}

static void format_empties_the_store(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(9, "abc", 3), SETTINGS_OK);
    assert_int_equal(settings_wait(&s, settings_format(&s)), SETTINGS_OK);
    expect_absent(9);
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    expect_absent(9);
}

static void load_word(uint32_t addr, uint32_t word) {
    uint8_t bytes[4];
    store_le32(bytes, word);
    flash_model_load(&m, addr, bytes, 4);
}

static void an_an3969_page_is_left_alone(void **state) {
    (void)state;
    static const uint32_t marks[] = {0xffff0000u, 0xffffeeeeu}; // valid, receiving
    for (unsigned i = 0; i < 2; i++) {
        flash_model_free(&m);
        set_up(NULL);
        load_word(PAGE1, marks[i]);
        load_word(PAGE1 + 4, 0x55551234u);
        assert_int_equal(settings_open(&s, &flash), SETTINGS_FOREIGN);
        uint32_t len;
        assert_int_equal(settings_get(&s, 1, NULL, 0, &len), SETTINGS_FOREIGN);
        assert_int_equal(settings_set(&s, 1, (const uint8_t *)"x", 1), SETTINGS_FOREIGN);
        assert_int_equal(settings_turnover(&s), SETTINGS_FOREIGN);
        assert_int_equal(m.operations, 0);
        // A format by consent goes beside it; its variables can still be read, until more consent.
        assert_int_equal(settings_wait(&s, settings_format(&s)), SETTINGS_OK);
        assert_int_equal(set(0x5555, "\x34\x12", 2), SETTINGS_OK);
        assert_int_equal(m.words[(PAGE1 - map.base) / 4].bits, marks[i]);
        assert_int_equal(m.words[(PAGE1 - map.base) / 4 + 1].bits, 0x55551234u);
        assert_int_equal(settings_turnover(&s), SETTINGS_FOREIGN);
        assert_int_equal(settings_prepare(&s, SETTINGS_KEEP_FOREIGN), SETTINGS_FOREIGN);
        assert_int_equal(m.erases[2], 0);
        assert_int_equal(settings_wait(&s, settings_prepare(&s, SETTINGS_ERASE_FOREIGN)),
                         SETTINGS_OK);
        expect(0x5555, "\x34\x12", 2);
        assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
    }
}

static void without_a_store_there_is_nothing_to_prepare(void **state) {
    (void)state;
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    assert_int_equal(settings_prepare(&s, SETTINGS_KEEP_FOREIGN), SETTINGS_TURNOVER);
    assert_int_equal(settings_prepare(&s, SETTINGS_ERASE_FOREIGN), SETTINGS_TURNOVER);
    assert_int_equal(m.operations, 0);
}

// A record without its seal: a cut may have come just before it.
static void unseal_the_only_record(void) {
    load_word(PAGE0 + SETTINGS_PAGE_HEAD + SETTINGS_RECORD_HEAD, 0xffffffffu);
    assert_int_equal(settings_open(&s, &flash), SETTINGS_TURNOVER);
    m.operations = 0;
}

static void traces_of_a_cut_are_removed_before_anything_is_prepared(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(7, "abcd", 4), SETTINGS_OK);
    unseal_the_only_record();
    assert_int_equal(settings_prepare(&s, SETTINGS_KEEP_FOREIGN), SETTINGS_TURNOVER);
    // There is no foreign page, so consent to erase one changes nothing.
    assert_int_equal(settings_prepare(&s, SETTINGS_ERASE_FOREIGN), SETTINGS_TURNOVER);
    assert_int_equal(m.operations, 0);
    assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
    expect(7, "abcd", 4);
}

static void traces_of_a_cut_beside_a_foreign_page_wait_for_consent(void **state) {
    (void)state;
    load_word(PAGE1, 0xffff0000u);
    assert_int_equal(settings_open(&s, &flash), SETTINGS_FOREIGN);
    assert_int_equal(settings_wait(&s, settings_format(&s)), SETTINGS_OK);
    assert_int_equal(set(7, "abcd", 4), SETTINGS_OK);
    unseal_the_only_record();
    assert_int_equal(settings_turnover(&s), SETTINGS_FOREIGN);
    assert_int_equal(settings_prepare(&s, SETTINGS_KEEP_FOREIGN), SETTINGS_TURNOVER);
    assert_int_equal(m.operations, 0);
    assert_int_equal(m.words[(PAGE1 - map.base) / 4].bits, 0xffff0000u);
    assert_int_equal(settings_prepare(&s, SETTINGS_ERASE_FOREIGN), SETTINGS_BUSY);
    enum settings_result result = SETTINGS_BUSY;
    for (unsigned polls = 0; result == SETTINGS_BUSY; polls++) {
        assert_true(polls < 100); // asking again begins nothing anew
        result = settings_prepare(&s, SETTINGS_ERASE_FOREIGN);
        assert_int_equal(result, SETTINGS_BUSY);
        result = settings_poll(&s);
    }
    assert_int_equal(result, SETTINGS_OK);
    assert_int_equal(m.erases[2], 1);
    expect(7, "abcd", 4);
}

// Somebody has erased the store's sector (a debugger does): the mark on the other page says whose the two are.
static void a_prepared_page_shows_that_a_lost_store_was_ours(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(7, "abcd", 4), SETTINGS_OK);
    assert_int_equal(settings_wait(&s, settings_prepare(&s, SETTINGS_KEEP_FOREIGN)), SETTINGS_OK);
    static uint8_t blank[PAGE1 - PAGE0];
    memset(blank, 0xff, sizeof blank);
    for (unsigned has_rest = 0; has_rest < 2; has_rest++) {
        store_le32(blank + 0x1000, has_rest ? 0x12345678u : 0xffffffffu); // the erase was cut
        flash_model_load(&m, PAGE0, blank, sizeof blank);
        m.operations = 0;
        assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
        assert_int_equal(settings_foreign(&s), 0);
        expect_absent(7);
        assert_int_equal(m.operations, 0);
    }
    assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
    assert_int_equal(set(7, "efgh", 4), SETTINGS_OK);
    assert_int_equal(settings_open(&s, &flash), SETTINGS_OK);
    expect(7, "efgh", 4);
}

static void unknown_data_is_left_alone(void **state) {
    (void)state;
    load_word(PAGE0 + 0x1000, 0x12345678u); // an older, larger program, say
    assert_int_equal(settings_open(&s, &flash), SETTINGS_FOREIGN);
    assert_int_equal(settings_turnover(&s), SETTINGS_FOREIGN);
    assert_int_equal(m.operations, 0);
}

static void a_newer_format_is_left_alone(void **state) {
    (void)state;
    uint8_t head[24] = {'S', 'E', 'T', 2, 9};
    store_le32(head + 16, crc32_update(CRC32_START, head, 16));
    flash_model_load(&m, PAGE0, head, sizeof(head));
    assert_int_equal(settings_open(&s, &flash), SETTINGS_FOREIGN);
    assert_int_equal(settings_turnover(&s), SETTINGS_FOREIGN);
    assert_int_equal(m.operations, 0);
}

// The format is an ABI: bootloaders and applications of different age share a board.
static void the_bytes_on_flash_are_those_of_the_document(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(0x1234, "abc", 3), SETTINGS_OK);
    uint8_t page[48], expected[48] = {'S', 'E', 'T', 1, 1};
    memset(page, 0, sizeof(page));
    store_le32(expected + 16, crc32_update(CRC32_START, expected, 16));
    static const uint8_t record[8] = {0x34, 0x12, 3, 'V', 'a', 'b', 'c', 0xff};
    memcpy(expected + 24, record, 8);
    store_le32(expected + 32, crc32_update(CRC32_START, record, 8));
    memset(expected + 40, 0xff, 8);
    flash_model_read(&m, PAGE0, page, sizeof(page));
    assert_memory_equal(page, expected, sizeof(page));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

// The boot stage's way to look: pages as memory, nothing that could write, redfu's keys from one pass.
static void expect_peeked(uint16_t key, const void *value, uint32_t len) {
    static uint8_t memory[2][PAGE1 - PAGE0];
    const uint8_t *const pages[2] = {memory[0], memory[1]};
    flash_model_read(&m, PAGE0, memory[0], sizeof memory[0]);
    flash_model_read(&m, PAGE1, memory[1], sizeof memory[1]);
    for (unsigned mapped = 0; mapped < 2; mapped++) {
        struct settings_flash reader = flash;
        struct settings look;
        reader.erase = NULL;
        reader.program = NULL;
        reader.mapped = mapped ? pages : NULL;
        memset(&look, 0xa5, sizeof look);
        enum settings_result opened = settings_open(&look, &reader);
        (void)opened;
        uint32_t got = 99;
        const uint8_t *found = settings_peek(&look, key, &got);
        if (value == NULL) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        assert_int_equal(got, len);
        assert_memory_equal(found, value, len);
    }
}

static void a_reader_finds_what_the_writer_has_written_last(void **state) {
    (void)state;
    const uint16_t key = SETTINGS_KEY_BOOT_MODE;
    expect_peeked(key, NULL, 0);
    open_empty();
    expect_peeked(key, NULL, 0);
    for (unsigned i = 0; i < 40; i++) {
        const uint8_t value[2] = {(uint8_t)i, (uint8_t)~i};
        assert_int_equal(set(1, &i, sizeof i), SETTINGS_OK);
        assert_int_equal(set(key, value, 1 + i % 2), SETTINGS_OK);
        expect_peeked(key, value, 1 + i % 2);
        expect_peeked(SETTINGS_KEY_RECEIVING, NULL, 0);
        assert_int_equal(set(2, value, 2), SETTINGS_OK);
        expect_peeked(key, value, 1 + i % 2);
        if (i % 10 == 9) {
            assert_int_equal(settings_wait(&s, settings_turnover(&s)), SETTINGS_OK);
            expect_peeked(key, value, 1 + i % 2);
        }
    }
    assert_int_equal(settings_wait(&s, settings_receiving_open(&s)), SETTINGS_OK);
    expect_peeked(SETTINGS_KEY_RECEIVING, "", 0);
    assert_int_equal(settings_wait(&s, settings_delete(&s, key)), SETTINGS_OK);
    expect_peeked(key, NULL, 0);
    assert_int_equal(settings_wait(&s, settings_receiving_close(&s)), SETTINGS_OK);
    expect_peeked(SETTINGS_KEY_RECEIVING, NULL, 0);
}

// A last record that lost its check is as if never written, for the reader too.
static void a_reader_passes_a_damaged_record_by(void **state) {
    (void)state;
    open_empty();
    assert_int_equal(set(SETTINGS_KEY_BOOT_MODE, "A", 1), SETTINGS_OK);
    assert_int_equal(set(SETTINGS_KEY_BOOT_MODE, "B", 1), SETTINGS_OK);
    uint8_t word[4] = {0};
    uint32_t addr = PAGE0 + SETTINGS_PAGE_HEAD;
    while (word[0] != 'B') {
        addr += 4;
        flash_model_read(&m, addr, word, sizeof word);
    }
    word[0] = 'C';
    flash_model_load(&m, addr, word, sizeof word);
    expect_peeked(SETTINGS_KEY_BOOT_MODE, "A", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(blank_flash_reads_as_an_empty_store_and_is_not_written),
        TEST(values_of_every_length_survive_a_reset),
        TEST(an_empty_value_is_not_a_deleted_one),
        TEST(storing_what_is_there_writes_nothing),
        TEST(a_small_buffer_is_told_the_length_and_left_alone),
        TEST(a_prepared_turnover_needs_no_erase_and_wear_is_told),
        TEST(a_full_store_says_so_and_can_still_delete_and_receive),
        TEST(a_boot_mode_fits_a_full_store_and_can_be_crossed_out_as_often_as_set),
        TEST(operations_under_way_refuse_everything_else),
        TEST(format_empties_the_store),
        TEST(an_an3969_page_is_left_alone),
        TEST(without_a_store_there_is_nothing_to_prepare),
        TEST(traces_of_a_cut_are_removed_before_anything_is_prepared),
        TEST(traces_of_a_cut_beside_a_foreign_page_wait_for_consent),
        TEST(a_prepared_page_shows_that_a_lost_store_was_ours),
        TEST(unknown_data_is_left_alone),
        TEST(a_newer_format_is_left_alone),
        TEST(the_bytes_on_flash_are_those_of_the_document),
        TEST(a_reader_finds_what_the_writer_has_written_last),
        TEST(a_reader_passes_a_damaged_record_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
