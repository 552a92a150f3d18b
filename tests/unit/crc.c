// SPDX-License-Identifier: MIT
//
// CRC-32 against published vectors and against the polynomial division it stands for.

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "spec/crc.h"

static uint32_t of_text(const char *text) {
    return crc32_update(CRC32_START, (const uint8_t *)text, strlen(text));
}

// The definition, bit by bit.
static uint32_t by_division(const uint8_t *bytes, size_t len) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint32_t odd = (crc ^ (uint32_t)(bytes[i] >> bit)) & 1;
            crc = (crc >> 1) ^ (odd ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void published_vectors_hold(void **state) {
    (void)state;
    assert_int_equal(of_text(""), 0);
    // The "check" value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    assert_int_equal(of_text("123456789"), 0xcbf43926);
    assert_int_equal(of_text("The quick brown fox jumps over the lazy dog"), 0x414fa339);
    // 32 bytes of zeros and of ones, as zlib 1.2.13 computes them.
    uint8_t block[32];
    memset(block, 0, sizeof(block));
    assert_int_equal(crc32_update(CRC32_START, block, 32), 0x190a55ad);
    memset(block, 0xff, sizeof(block));
    assert_int_equal(crc32_update(CRC32_START, block, 32), 0xff6cab0b);
}

static void every_byte_value_agrees_with_the_definition(void **state) {
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uint8_t bytes[3] = {(uint8_t)value, (uint8_t)(value * 7), (uint8_t)~value};
        for (size_t len = 0; len <= 3; len++) {
            assert_int_equal(crc32_update(CRC32_START, bytes, len), by_division(bytes, len));
        }
    }
}

static void pieces_add_up_to_the_whole(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    uint32_t whole = crc32_update(CRC32_START, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        uint32_t crc = crc32_update(CRC32_START, bytes, cut);
        assert_int_equal(crc32_update(crc, bytes + cut, sizeof(bytes) - cut), whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold),
        cmocka_unit_test(every_byte_value_agrees_with_the_definition),
        cmocka_unit_test(pieces_add_up_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
