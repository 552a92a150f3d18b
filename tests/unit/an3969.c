// SPDX-License-Identifier: MIT
//
// Pages of ST's EEPROM emulation and lists of settings, as libredfu takes them apart. The pages are
// made here as AN3969's EE_WriteVariable, EE_PageTransfer and EE_Init would leave them.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/redfu.h"
#include "spec/bytes.h"
#include "spec/settings_list.h"

#define PAGE    0x4000u
#define ERASED  0xffffffffu
#define RECEIVE 0xffffeeeeu
#define VALID   0xffff0000u

static uint8_t pages[3 * PAGE];
static uint32_t used[3];
static struct redfu_an3969 found;
static struct redfu_fault fault;

static void make(uint32_t first, uint32_t second, uint32_t third) {
    memset(pages, 0xff, sizeof pages);
    store_le32(pages, first);
    store_le32(pages + PAGE, second);
    store_le32(pages + 2 * PAGE, third);
    for (unsigned i = 0; i < 3; i++) {
        used[i] = 4;
    }
}

static void put(unsigned page, uint16_t address, uint16_t data) {
    store_le32(pages + page * PAGE + used[page], data | (uint32_t)address << 16);
    used[page] += 4;
}

static enum redfu_result parse(void) {
    redfu_an3969_free(&found);
    return redfu_an3969_parse(pages, 3, PAGE, &found, &fault);
}

static void expect(size_t at, uint16_t key, uint16_t data) {
    assert_in_range(at + 1, 1, found.count);
    assert_int_equal(found.all[at].key, key);
    assert_int_equal(found.all[at].len, 2);
    assert_int_equal(load_le16(found.all[at].value), data);
}

static void the_last_value_of_an_address_counts(void **unused) {
    (void)unused;
    make(ERASED, VALID, ERASED);
    put(1, 0x5555, 1);
    put(1, 0x0000, 7);
    put(1, 0x5555, 0x1234);
    put(1, 0x5556, 0xffff);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.count, 3);
    expect(0, 0x0000, 7);
    expect(1, 0x5555, 0x1234);
    expect(2, 0x5556, 0xffff);
    assert_int_equal(found.status[1], REDFU_AN3969_VALID);
    assert_false(found.may_miss);
}

static void data_without_an_address_was_cut_and_is_none(void **unused) {
    (void)unused;
    make(VALID, ERASED, ERASED);
    put(0, 1, 5);
    put(0, 0xffff, 0x4321);
    put(0, 2, 6);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.count, 2);
}

static void the_last_word_of_a_full_page_counts(void **unused) {
    (void)unused;
    make(VALID, ERASED, ERASED);
    while (used[0] < PAGE) {
        put(0, (uint16_t)(used[0] / 4 % 100), (uint16_t)used[0]);
    }
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.count, 100);
    expect((PAGE / 4 - 1) % 100, (PAGE / 4 - 1) % 100, PAGE - 4);
}

// EE_PageTransfer was cut: the variable just written is in the receiving page alone, others not yet.
static void a_transfer_cut_short_has_the_old_values_and_the_newest(void **unused) {
    (void)unused;
    for (unsigned receiver = 0; receiver < 2; receiver++) {
        make(receiver == 0 ? RECEIVE : VALID, receiver == 0 ? VALID : RECEIVE, ERASED);
        put(!receiver, 1, 10);
        put(!receiver, 2, 20);
        put(!receiver, 3, 30);
        put(receiver, 2, 21);
        put(receiver, 1, 10);
        assert_int_equal(parse(), REDFU_OK);
        assert_int_equal(found.count, 3);
        expect(0, 1, 10);
        expect(1, 2, 21);
        expect(2, 3, 30);
        assert_false(found.may_miss);
    }
}

// The old page is erased already, the new one not yet marked valid: nothing misses.
static void a_receiving_page_beside_an_erased_one_is_whole(void **unused) {
    (void)unused;
    make(RECEIVE, ERASED, 0x12345678);
    put(0, 1, 10);
    assert_int_equal(parse(), REDFU_OK);
    assert_false(found.may_miss);
    make(ERASED, RECEIVE, 0x12345678);
    put(1, 1, 10);
    assert_int_equal(parse(), REDFU_OK);
    assert_false(found.may_miss);
}

static void a_receiving_page_whose_partner_was_overwritten_may_miss_some(void **unused) {
    (void)unused;
    make(0x12345678, RECEIVE, 0x20020000); // an application at 0x0800C000
    put(1, 1, 10);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.count, 1);
    assert_true(found.may_miss);
}

static void an_application_is_not_taken_for_a_valid_page(void **unused) {
    (void)unused;
    make(ERASED, ERASED, 0x20020000); // its first halfword is 0x0000
    assert_int_equal(parse(), REDFU_NO_SUCH_SETTING);
    make(ERASED, VALID, 0x20020000);
    put(1, 1, 10);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.second, 1);
}

// AN3969's own addresses: 0x08008000 and 0x0800C000.
static void the_default_addresses_are_the_second_and_third_page(void **unused) {
    (void)unused;
    make(ERASED, RECEIVE, VALID);
    put(2, 1, 10);
    put(2, 2, 20);
    put(1, 2, 22);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.count, 2);
    expect(1, 2, 22);
    assert_int_equal(found.first, 2);
    make(ERASED, ERASED, VALID);
    put(2, 1, 10);
    assert_int_equal(parse(), REDFU_OK);
    assert_int_equal(found.first, 2);
}

static void pages_that_contradict_each_other_are_refused(void **unused) {
    (void)unused;
    make(VALID, VALID, ERASED);
    put(0, 1, 10);
    assert_int_equal(parse(), REDFU_BAD_FILE);
    make(RECEIVE, RECEIVE, ERASED);
    put(0, 1, 10);
    assert_int_equal(parse(), REDFU_BAD_FILE);
    assert_non_null(strstr(fault.text, "receiving"));
}

static void nothing_to_import_is_said(void **unused) {
    (void)unused;
    make(ERASED, ERASED, ERASED);
    assert_int_equal(parse(), REDFU_NO_SUCH_SETTING);
    make(0xeeeeeeee, 0x00000000, 0x0000ffff);
    assert_int_equal(parse(), REDFU_NO_SUCH_SETTING);
    make(VALID, ERASED, ERASED); // EE_Format, and nothing written since
    assert_int_equal(parse(), REDFU_NO_SUCH_SETTING);
}

// --- Lists ---------------------------------------------------------------------------------------

static struct redfu_settings settings;

static enum redfu_result list(const char *bytes, uint32_t len) {
    redfu_settings_free(&settings);
    return redfu_settings_parse((const uint8_t *)bytes, len, &settings, &fault);
}

static void a_list_gives_each_key_once(void **unused) {
    (void)unused;
    assert_int_equal(list("\x01\x00\x01Va\x02\x00\x02Vbc\x01\x00\x01Vd\x03\x00\x00V", 20),
                     REDFU_OK);
    assert_int_equal(settings.count, 3);
    assert_false(settings.has_info);
    assert_memory_equal(redfu_settings_find(&settings, 1)->value, "d", 1);
    assert_int_equal(redfu_settings_find(&settings, 2)->len, 2);
    assert_int_equal(redfu_settings_find(&settings, 3)->len, 0);
    assert_null(redfu_settings_find(&settings, 4));
    assert_int_equal(list("\x01\x00\x01Va\x01\x00\x00"
                          "D",
                          9),
                     REDFU_OK);
    assert_int_equal(settings.count, 0);
}

static void padding_ends_a_block_and_the_list_goes_on(void **unused) {
    (void)unused;
    static char bytes[SETTINGS_LIST_BLOCK + 6];
    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes, "\x01\x00\x01Va", 5);
    memcpy(bytes + SETTINGS_LIST_BLOCK, "\x02\x00\x02Vbc", 6);
    assert_int_equal(list(bytes, sizeof bytes), REDFU_OK);
    assert_int_equal(settings.count, 2);
}

static void what_is_no_list_is_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *bytes;
        uint32_t len;
    } bad[] = {
        {"\x01\x00\x02Va", 5}, // cut off
        {"\x01\x00\x01", 3},   // in its head
        {"\x01\x00\x01Wa", 5}, // no such record
        {"\x01\x00\x01"        // a removal with a value
         "Da",
         5},
        {"\x01\x00\x00V\xff\xff\x00V", 8}, // key 0xFFFF
        {"\x7f"
         "ELF\x01\x01\x01",
         7},
        {"\xfe\xff\x01V\x01", 5}, // info cut short
        {"\xfe\xff\x14V\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
         "\x00",
         24}, // a version to come
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (list(bad[i].bytes, bad[i].len) != REDFU_BAD_FILE) {
            fail_msg("list %u was taken", i);
        }
        assert_true(fault.text[0]);
        assert_null(settings.all);
    }
}

static int tear_down(void **unused) {
    (void)unused;
    redfu_an3969_free(&found);
    redfu_settings_free(&settings);
    return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_last_value_of_an_address_counts),
        TEST(data_without_an_address_was_cut_and_is_none),
        TEST(the_last_word_of_a_full_page_counts),
        TEST(a_transfer_cut_short_has_the_old_values_and_the_newest),
        TEST(a_receiving_page_beside_an_erased_one_is_whole),
        TEST(a_receiving_page_whose_partner_was_overwritten_may_miss_some),
        TEST(an_application_is_not_taken_for_a_valid_page),
        TEST(the_default_addresses_are_the_second_and_third_page),
        TEST(pages_that_contradict_each_other_are_refused),
        TEST(nothing_to_import_is_said),
        TEST(a_list_gives_each_key_once),
        TEST(padding_ends_a_block_and_the_list_goes_on),
        TEST(what_is_no_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
