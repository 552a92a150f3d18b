// SPDX-License-Identifier: MIT
//
// The texts of string descriptors: what is no text, and what does something to a terminal, included.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "spec/bytes.h"
#include "spec/usb_text.h"

#define UNITS_MAX 126u

static void becomes(const uint16_t *units, size_t count, const char *wanted) {
    uint8_t bytes[2 * UNITS_MAX];
    char text[USB_TEXT_ROOM(UNITS_MAX)];
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (uint8_t)units[i];
        bytes[2 * i + 1] = (uint8_t)(units[i] >> 8);
    }
    assert_int_equal(usb_text(bytes, count, text), strlen(wanted));
    assert_string_equal(text, wanted);
}
#define BECOMES(wanted, ...)                                                                       \
    becomes((const uint16_t[]){__VA_ARGS__}, sizeof(uint16_t[]){__VA_ARGS__} / sizeof(uint16_t),   \
            (wanted))

static void each_length_of_utf8_is_right(void **state) {
    (void)state;
    BECOMES("A~", 'A', 0x7e);
    BECOMES("\xc2\xa0\xc3\xbc\xdf\xbf", 0xa0, 0xfc, 0x7ff);
    BECOMES("\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbf", 0x800, 0x20ac, 0xffff);
    BECOMES("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf", 0xd800, 0xdc00, 0xd83d, 0xde00,
            0xdbff, 0xdfff);
}

static void half_a_pair_is_replaced_and_the_next_unit_kept(void **state) {
    (void)state;
    BECOMES("\xef\xbf\xbd", 0xd83d);
    BECOMES("\xef\xbf\xbdx", 0xd83d, 'x');
    BECOMES("\xef\xbf\xbdx", 0xde00, 'x');
    BECOMES("\xef\xbf\xbd\xf0\x9f\x98\x80", 0xd83d, 0xd83d, 0xde00);
}

static void nothing_gets_through_that_a_terminal_obeys(void **state) {
    (void)state;
    BECOMES("?[2J?a?", 0x1b, '[', '2', 'J', 0, 'a', 0x7f);
    BECOMES("\xef\xbf\xbd"
            "2J",
            0x9b, '2', 'J'); // CSI in one character
}

static void the_longest_text_fits(void **state) {
    (void)state;
    uint16_t units[UNITS_MAX];
    char wanted[USB_TEXT_ROOM(UNITS_MAX)] = "";
    for (size_t i = 0; i < UNITS_MAX; i++) {
        units[i] = 0xffff;
        memcpy(wanted + 3 * i, "\xef\xbf\xbf", 4);
    }
    becomes(units, UNITS_MAX, wanted);
    assert_int_equal(strlen(wanted) + 1, sizeof wanted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_length_of_utf8_is_right),
        cmocka_unit_test(half_a_pair_is_replaced_and_the_next_unit_kept),
        cmocka_unit_test(nothing_gets_through_that_a_terminal_obeys),
        cmocka_unit_test(the_longest_text_fits),
    };
    return cmocka_run_group_tests_name("unit/usb_text", tests, NULL, NULL);
}
