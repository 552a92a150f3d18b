// SPDX-License-Identifier: MIT
//
// Settings pages made up on the PC: what settings/ finds in them, and what is refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "settings/settings.h"

#define PAGE 16384u

static uint8_t pages[2 * PAGE];

static void read_page(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    (void)ctx;
    memcpy(out, pages + page * PAGE + off, len);
}

static const struct settings_flash flash = {.page_bytes = PAGE, .read = read_page};

static void what_was_given_is_found_and_the_other_page_is_ready(void **state) {
    (void)state;
    struct redfu_setting given[20] = {{0}};
    struct redfu_fault fault;
    for (uint16_t i = 0; i < 20; i++) {
        given[i].key = i == 19 ? REDFU_SETTING_BOOT_MODE : (uint16_t)(0x5555 + i);
        given[i].len = (uint8_t)(i == 19 ? 1 : i * 13);
        memset(given[i].value, i, given[i].len);
    }
    assert_int_equal(redfu_settings_make(given, 20, pages, PAGE, &fault), REDFU_OK);
    struct settings store;
    assert_int_equal(settings_open(&store, &flash), SETTINGS_OK);
    assert_true(settings_is_prepared(&store));
    assert_int_equal(settings_turnovers(&store), 1);
    for (uint16_t i = 0; i < 20; i++) {
        uint8_t value[255];
        uint32_t len;
        assert_int_equal(settings_get(&store, given[i].key, value, sizeof value, &len),
                         SETTINGS_OK);
        assert_int_equal(len, given[i].len);
        assert_memory_equal(value, given[i].value, len);
    }
}

static void none_is_an_empty_store(void **state) {
    (void)state;
    struct redfu_fault fault;
    assert_int_equal(redfu_settings_make(NULL, 0, pages, PAGE, &fault), REDFU_OK);
    struct settings store;
    uint32_t cursor = 0, len;
    uint16_t key;
    assert_int_equal(settings_open(&store, &flash), SETTINGS_OK);
    assert_int_equal(settings_turnovers(&store), 1);
    assert_int_equal(settings_next(&store, &cursor, &key, &len), SETTINGS_ABSENT);
}

static void keys_of_redfus_and_keys_given_twice_are_refused(void **state) {
    (void)state;
    struct redfu_setting given[2] = {{.key = 1, .len = 1}, {.key = 1, .len = 2}};
    struct redfu_fault fault;
    assert_int_equal(redfu_settings_make(given, 2, pages, PAGE, &fault), REDFU_USAGE);
    given[1].key = REDFU_SETTING_RECEIVING;
    assert_int_equal(redfu_settings_make(given, 2, pages, PAGE, &fault), REDFU_USAGE);
    given[1].key = REDFU_SETTING_IMPORTING;
    assert_int_equal(redfu_settings_make(given, 2, pages, PAGE, &fault), REDFU_USAGE);
    given[1].key = 2;
    assert_int_equal(redfu_settings_make(given, 2, pages, PAGE, &fault), REDFU_OK);
}

static void more_than_a_page_holds_is_refused(void **state) {
    (void)state;
    static struct redfu_setting given[64];
    struct redfu_fault fault;
    for (uint16_t i = 0; i < 64; i++) {
        given[i].key = i;
        given[i].len = 255; // 268 bytes each
    }
    assert_int_equal(redfu_settings_make(given, 60, pages, PAGE, &fault), REDFU_OK);
    assert_int_equal(redfu_settings_make(given, 64, pages, PAGE, &fault), REDFU_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_given_is_found_and_the_other_page_is_ready),
        cmocka_unit_test(none_is_an_empty_store),
        cmocka_unit_test(keys_of_redfus_and_keys_given_twice_are_refused),
        cmocka_unit_test(more_than_a_page_holds_is_refused),
    };
    return cmocka_run_group_tests_name("unit/settings_make", tests, NULL, NULL);
}
