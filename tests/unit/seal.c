// SPDX-License-Identifier: MIT
//
// Stamps and the files they go into.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/save.h"
#include "image/seal.h"
#include "spec/crc.h"

#define BASE 0x0800c000u
#define MOST 0xf4000u

static char folder[] = "/tmp/seal-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

static void fill(uint8_t *bytes, unsigned len) {
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 13 + 7);
    }
}

static void seal_ok(struct image *image, struct image_seal *seal) {
    struct image_fault fault = {0};
    if (!image_seal(image, MOST, seal, &fault)) {
        fail_msg("%s", fault.text);
    }
}

static void the_stamp_follows_the_padded_image_and_names_its_crc(void **state) {
    (void)state;
    for (unsigned len = 1; len < 70; len++) {
        uint8_t bytes[70];
        fill(bytes, len);
        struct image image;
        struct image_fault fault;
        struct image_seal seal;
        image_init(&image);
        assert_true(image_add(&image, BASE, bytes, len, &fault));
        seal_ok(&image, &seal);
        assert_false(seal.was_sealed);
        assert_int_equal(image.segment_count, 1);
        const struct image_segment *segment = &image.segments[0];
        uint32_t padded = (len + 15) / 16 * 16;
        assert_int_equal(segment->len, padded + STAMP_BYTES);
        assert_memory_equal(segment->bytes, bytes, len);
        for (unsigned i = len; i < padded; i++) {
            assert_int_equal(segment->bytes[i], 0xff);
        }
        struct stamp stamp;
        assert_true(stamp_load(segment->bytes + padded, padded, &stamp));
        assert_int_equal(stamp.crc, crc32_update(CRC32_START, segment->bytes, padded));
        assert_int_equal(seal.stamp_addr, BASE + padded);
        image_free(&image);
    }
}

static void sealing_twice_changes_nothing(void **state) {
    (void)state;
    uint8_t bytes[100];
    fill(bytes, sizeof bytes);
    struct image image;
    struct image_fault fault;
    struct image_seal first;
    struct image_seal second;
    image_init(&image);
    assert_true(image_add(&image, BASE, bytes, sizeof bytes, &fault));
    seal_ok(&image, &first);
    uint32_t len = image.segments[0].len;
    seal_ok(&image, &second);
    assert_true(second.was_sealed);
    assert_int_equal(image.segments[0].len, len);
    assert_int_equal(second.stamp_addr, first.stamp_addr);
    image.segments[0].bytes[3] ^= 1; // changed since: the old stamp is only data now
    seal_ok(&image, &second);
    assert_false(second.was_sealed);
    assert_int_equal(image.segments[0].len, len + STAMP_BYTES);
    image_free(&image);
}

static void gaps_become_erased_flash(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    struct image_seal seal;
    image_init(&image);
    assert_true(image_add(&image, BASE, (const uint8_t *)"abc", 3, &fault));
    assert_true(image_add(&image, BASE + 40, (const uint8_t *)"xyz", 3, &fault));
    seal_ok(&image, &seal);
    assert_int_equal(image.segment_count, 1);
    assert_int_equal(image.segments[0].bytes[39], 0xff);
    assert_int_equal(image.segments[0].bytes[40], 'x');
    image_free(&image);
}

static void what_cannot_be_sealed_is_said_and_left_alone(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    struct image_seal seal;
    image_init(&image);
    assert_false(image_seal(&image, MOST, &seal, &fault));
    assert_string_equal(fault.text, "there is nothing to seal: the image is empty");
    assert_true(image_add(&image, BASE, (const uint8_t *)"abc", 3, &fault));
    assert_true(image_add(&image, 0x20000000, (const uint8_t *)"abc", 3, &fault));
    assert_false(image_seal(&image, MOST, &seal, &fault));
    assert_non_null(strstr(fault.text, "0x0800C000-0x20000002"));
    assert_int_equal(image.segment_count, 2);
    image_free(&image);
}

static void no_stamp_is_found_by_chance_or_elsewhere(void **state) {
    (void)state;
    uint8_t bytes[STAMP_BYTES];
    struct stamp stamp = {.length = 64, .crc = 0x12345678};
    struct stamp read;
    stamp_store(&stamp, bytes);
    assert_true(stamp_load(bytes, 64, &read));
    assert_false(stamp_load(bytes, 80, &read)); // lies elsewhere than it says
    for (unsigned bit = 0; bit < 8 * STAMP_BYTES; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(stamp_load(bytes, 64, &read));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(bytes, 0xff, sizeof bytes);
    assert_false(stamp_load(bytes, 0xffffffff, &read));
    memset(bytes, 0, sizeof bytes);
    assert_false(stamp_load(bytes, 0, &read));
}

static void what_is_saved_is_what_is_loaded(void **state) {
    (void)state;
    uint8_t bytes[300];
    fill(bytes, sizeof bytes);
    static const enum image_format formats[] = {IMAGE_BIN, IMAGE_HEX};
    for (unsigned f = 0; f < 2; f++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/image", folder);
        struct image image;
        struct image again;
        struct image_fault fault = {0};
        image_init(&image);
        image_init(&again);
        // Across a 64 KB boundary, from an odd address.
        assert_true(image_add(&image, 0x0800ff83, bytes, sizeof bytes, &fault));
        assert_true(image_save(&image, path, formats[f], &fault));
        assert_true(image_load(&again, path, f == 0 ? 0x0800ff83 : IMAGE_NO_ADDRESS, &fault));
        assert_int_equal(again.segment_count, 1);
        assert_int_equal(again.segments[0].addr, 0x0800ff83);
        assert_int_equal(again.segments[0].len, sizeof bytes);
        assert_memory_equal(again.segments[0].bytes, bytes, sizeof bytes);
        image_free(&image);
        image_free(&again);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_file_that_cannot_be_written_is_named_and_nothing_is_left(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, BASE, (const uint8_t *)"abc", 3, &fault));
    assert_false(image_save(&image, "/nowhere/at/all.bin", IMAGE_BIN, &fault));
    assert_string_equal(fault.text,
                        "/nowhere/at/all.bin: cannot be written: No such file or directory");
    assert_true(image_add(&image, BASE + 16, (const uint8_t *)"abc", 3, &fault));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/two", folder);
    assert_false(image_save(&image, path, IMAGE_BIN, &fault));
    assert_int_not_equal(access(path, F_OK), 0);
    image_free(&image);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stamp_follows_the_padded_image_and_names_its_crc),
        cmocka_unit_test(sealing_twice_changes_nothing),
        cmocka_unit_test(gaps_become_erased_flash),
        cmocka_unit_test(what_cannot_be_sealed_is_said_and_left_alone),
        cmocka_unit_test(no_stamp_is_found_by_chance_or_elsewhere),
        cmocka_unit_test(what_is_saved_is_what_is_loaded),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
