// SPDX-License-Identifier: MIT
//
// What firmware/pack packs, the boot stage's decoder gives back, in its room and nowhere else.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/pack/pack.h"
#include "port/stm32f4/unpack.h"

#define FENCE 64u

static uint32_t random_state;

static uint32_t random_number(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

// Packs data[begin, len), unpacks it behind data[0, begin) and compares; returns the packed bytes.
static size_t comes_back(const uint8_t *data, size_t begin, size_t len) {
    size_t packed_len = 0;
    uint8_t *packed = pack(data, begin, len, &packed_len);
    assert_non_null(packed);
    // Exactly as long as it is: the sanitizers see a read beyond its end.
    uint8_t *exact = malloc(packed_len + 1);
    uint8_t *back = malloc(len + FENCE);
    assert_non_null(exact);
    assert_non_null(back);
    memcpy(exact, packed, packed_len);
    exact = realloc(exact, packed_len ? packed_len : 1);
    memcpy(back, data, begin);
    memset(back + begin, 0x5a, len - begin + FENCE);
    unpack(exact, back + begin, back + len);
    assert_memory_equal(back, data, len);
    for (size_t i = 0; i < FENCE; i++) {
        assert_int_equal(back[len + i], 0x5a);
    }
    free(back);
    free(exact);
    free(packed);
    return packed_len;
}

static void nothing_packs_into_nothing(void **state) {
    (void)state;
    assert_int_equal(comes_back((const uint8_t *)"", 0, 0), 0);
    assert_int_equal(comes_back((const uint8_t *)"front", 5, 5), 0);
}

static void what_repeats_gets_short(void **state) {
    (void)state;
    static uint8_t data[5000];
    memset(data, 0xff, sizeof data);
    assert_in_range(comes_back(data, 0, sizeof data), 1, 8);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i % 700 * 37 >> 3);
    }
    assert_in_range(comes_back(data, 0, sizeof data), 1, 720);
}

static void what_does_not_repeat_hardly_grows(void **state) {
    (void)state;
    static uint8_t data[3000];
    random_state = 1;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_number();
    }
    assert_in_range(comes_back(data, 0, sizeof data), 1, sizeof data + 16);
}

static void what_lies_in_front_is_used(void **state) {
    (void)state;
    static uint8_t data[2000];
    random_state = 2;
    for (size_t i = 0; i < 1000; i++) {
        data[i] = data[1000 + i] = (uint8_t)random_number();
    }
    assert_in_range(comes_back(data, 1000, sizeof data), 1, 10);
    assert_in_range(comes_back(data, 0, sizeof data), 1000, 1020);
}

// Few different bytes, runs, copies from anywhere before: like code, only more so.
static void anything_comes_back(void **state) {
    (void)state;
    static uint8_t data[1200];
    for (unsigned seed = 1; seed <= 300; seed++) {
        random_state = seed;
        size_t len = random_number() % sizeof data + 1;
        for (size_t at = 0; at < len;) {
            size_t run = random_number() % 40 + 1;
            size_t offset = at ? random_number() % at + 1 : 0;
            unsigned alphabet = seed % 2 ? 3 : 256;
            bool is_copy = offset != 0 && random_number() % 2;
            for (; run > 0 && at < len; run--, at++) {
                data[at] = is_copy ? data[at - offset] : (uint8_t)(random_number() % alphabet);
            }
        }
        size_t begin = random_number() % (len + 1);
        (void)comes_back(data, begin, len);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_packs_into_nothing),
        cmocka_unit_test(what_repeats_gets_short),
        cmocka_unit_test(what_does_not_repeat_hardly_grows),
        cmocka_unit_test(what_lies_in_front_is_used),
        cmocka_unit_test(anything_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
