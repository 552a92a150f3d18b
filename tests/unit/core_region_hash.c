// SPDX-License-Identifier: MIT
//
// The region hash, request by request.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/crc.h"
#include "spec/dfu.h"
#include "tests/unit/desk.h"

#define HEADER REGION_HASH_HEADER_LEN

static int setup(void **state) {
    struct desk *desk = desk_new();
    for (uint32_t i = 0; i < DESK_FLASH_BYTES - (DESK_APPLICATION - DESK_FLASH_BASE); i++) {
        desk->flash[DESK_APPLICATION - DESK_FLASH_BASE + i] = (uint8_t)(i * 7 + i / 253);
    }
    *state = desk;
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static enum desk_result ask(struct desk *desk, uint8_t *ranges, uint16_t len) {
    return desk_control(desk, USB_TYPE_VENDOR, REGION_HASH_REQUEST, 0, 0, ranges, &len);
}

static enum desk_result answer(struct desk *desk, uint8_t *bytes, uint16_t *len) {
    return desk_control(desk, USB_DIR_IN | USB_TYPE_VENDOR, REGION_HASH_REQUEST, 0, 0, bytes, len);
}

static void put(uint8_t *ranges, unsigned i, uint32_t addr, uint32_t len) {
    store_le32(ranges + 8 * i, addr);
    store_le32(ranges + 8 * i + 4, len);
}

static uint32_t crc_of(struct desk *desk, uint32_t addr, uint32_t len) {
    return crc32_update(CRC32_START, desk->flash + (addr - DESK_FLASH_BASE), len);
}

static void alone_it_answers_mark_and_flags(void **state) {
    uint8_t bytes[72];
    uint16_t len = HEADER;
    assert_int_equal(answer(*state, bytes, &len), DESK_OK);
    assert_int_equal(len, HEADER);
    assert_int_equal(load_le32(bytes), REGION_HASH_MARK);
    assert_int_equal(load_le32(bytes + 4), 0);
}

static void ranges_of_any_alignment_are_summed_up(void **state) {
    static const struct {
        uint32_t addr, len;
    } ranges[] = {
        {DESK_FLASH_BASE, DESK_FLASH_BYTES},
        {DESK_APPLICATION, 700 * 1024},
        {DESK_APPLICATION - 3, 9000},
        {DESK_APPLICATION + 1, 6},
        {DESK_APPLICATION + 3, 4098},
        {DESK_APPLICATION + 5000, 0},
        {DESK_FLASH_BASE + DESK_FLASH_BYTES - 1, 1},
    };
    uint8_t asked[REGION_HASH_RANGES_MAX * 8];
    uint8_t bytes[72];
    for (unsigned i = 0; i < REGION_HASH_RANGES_MAX; i++) {
        unsigned k = i % (sizeof ranges / sizeof ranges[0]);
        put(asked, i, ranges[k].addr, ranges[k].len);
    }
    assert_int_equal(ask(*state, asked, sizeof asked), DESK_OK);
    uint16_t len = sizeof bytes;
    assert_int_equal(answer(*state, bytes, &len), DESK_OK);
    assert_int_equal(len, 72);
    for (unsigned i = 0; i < REGION_HASH_RANGES_MAX; i++) {
        unsigned k = i % (sizeof ranges / sizeof ranges[0]);
        assert_int_equal(load_le32(bytes + HEADER + 4 * i),
                         crc_of(*state, ranges[k].addr, ranges[k].len));
    }
}

static void first_words_held_back_count_as_upload_shows_them(void **state) {
    struct desk *desk = *state;
    uint8_t image[64];
    for (unsigned i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i + 1);
    }
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION).status, DFU_STATUS_OK);
    assert_int_equal(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION).status,
                     DFU_STATUS_OK);
    assert_int_equal(desk_block(desk, 2, image, sizeof image).state, DFU_STATE_DNLOAD_IDLE);
    uint8_t asked[8];
    uint8_t bytes[72];
    put(asked, 0, DESK_APPLICATION, sizeof image);
    assert_int_equal(ask(desk, asked, sizeof asked), DESK_OK);
    uint16_t len = sizeof bytes;
    assert_int_equal(answer(desk, bytes, &len), DESK_OK);
    assert_int_equal(load_le32(bytes + 4), REGION_HASH_IS_RECEIVING);
    assert_int_equal(load_le32(bytes + HEADER), crc32_update(CRC32_START, image, sizeof image));
    assert_int_equal(load_le32(desk->flash + DESK_APPLICATION - DESK_FLASH_BASE), UINT32_MAX);
    // And nothing has changed: the load goes on and is ended by ABORT.
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_block(desk, 3, image, sizeof image).state, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    desk_wait_ms(desk, GATE_QUIET_MS + 50);
    assert_false(gate_is_receiving(&desk->bootloader.dfu.gate));
    assert_memory_equal(desk->flash + DESK_APPLICATION - DESK_FLASH_BASE, image, sizeof image);
    assert_memory_equal(desk->flash + DESK_APPLICATION - DESK_FLASH_BASE + 64, image, 64);
}

static void what_makes_no_sense_is_refused_and_harms_nothing(void **state) {
    struct desk *desk = *state;
    uint8_t asked[REGION_HASH_RANGES_MAX * 8 + 8] = {0};
    static const uint32_t wrong[][2] = {
        {DESK_FLASH_BASE - 1, 1},
        {DESK_FLASH_BASE, DESK_FLASH_BYTES + 1},
        {0xffffffffu, 2},
        {0, 4},
        {DESK_APPLICATION, 0xffffffffu},
        {0x20000000u, 16},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put(asked, 0, DESK_APPLICATION, 4);
        put(asked, 1, wrong[i][0], wrong[i][1]);
        assert_int_equal(ask(desk, asked, 16), DESK_STALL);
        uint8_t bytes[72];
        uint16_t len = sizeof bytes;
        assert_int_equal(answer(desk, bytes, &len), DESK_OK);
        assert_int_equal(len, HEADER); // no ranges are left
    }
    put(asked, 0, DESK_APPLICATION, 4);
    put(asked, 1, DESK_APPLICATION, 4);
    assert_int_equal(ask(desk, asked, 12), DESK_STALL);
    assert_int_equal(ask(desk, asked, sizeof asked), DESK_STALL);
    assert_int_equal(ask(desk, asked, 0), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

// An erase has begun, and its GETSTATUS has been given up by the host.
static void while_an_erase_is_under_way_it_is_refused(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    uint8_t bytes[72];
    uint16_t len = sizeof bytes;
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk->stage_timeout_us = 1000;
    assert_int_equal(desk_getstatus(desk).result, DESK_TIMEOUT);
    desk->stage_timeout_us = 0;
    assert_int_equal(answer(desk, bytes, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNBUSY);
    desk_wait_ms(desk, 300);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_DNLOAD_IDLE);
    len = sizeof bytes;
    assert_int_equal(answer(desk, bytes, &len), DESK_OK);
}

// The request is another one then, and a host's time is not spent on it.
static void other_values_and_indices_are_refused_both_ways(void **state) {
    struct desk *desk = *state;
    static const uint16_t others[][2] = {{1, 0}, {0x100, 0}, {0, 1}, {0, 0x100}};
    uint8_t range[8], bytes[72];
    put(range, 0, DESK_APPLICATION, 4);
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint16_t len = sizeof range;
        assert_int_equal(desk_control(desk, USB_TYPE_VENDOR, REGION_HASH_REQUEST, others[i][0],
                                      others[i][1], range, &len),
                         DESK_STALL);
        len = sizeof bytes;
        assert_int_equal(desk_control(desk, USB_DIR_IN | USB_TYPE_VENDOR, REGION_HASH_REQUEST,
                                      others[i][0], others[i][1], bytes, &len),
                         DESK_STALL);
    }
    uint16_t len = sizeof bytes;
    assert_int_equal(answer(desk, bytes, &len), DESK_OK);
    assert_int_equal(len, HEADER); // none of the ranges has counted
}

static void a_device_that_is_leaving_refuses_and_leaves(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[72];
    uint16_t len = sizeof bytes;
    desk_put_application(desk);
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_MANIFEST);
    assert_int_equal(answer(desk, bytes, &len), DESK_STALL);
    desk_wait_ms(desk, 200);
    assert_true(desk->ran);
}

// Of a megabyte sixteen times; the host gives up and goes on with something else at once.
static void a_host_that_gives_up_is_served_at_once(void **state) {
    struct desk *desk = *state;
    uint8_t asked[REGION_HASH_RANGES_MAX * 8];
    for (unsigned i = 0; i < REGION_HASH_RANGES_MAX; i++) {
        put(asked, i, DESK_FLASH_BASE, DESK_FLASH_BYTES);
    }
    assert_int_equal(ask(desk, asked, sizeof asked), DESK_OK);
    desk_setup_only(desk, USB_DIR_IN | USB_TYPE_VENDOR, REGION_HASH_REQUEST, 0, 0, 72);
    uint64_t start = desk->now_us;
    desk_poll(desk);
    assert_int_equal(desk_getstatus(desk).state, DFU_STATE_IDLE);
    assert_true(desk->now_us - start < 20); // turns of the main loop
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(alone_it_answers_mark_and_flags),
        TEST(ranges_of_any_alignment_are_summed_up),
        TEST(first_words_held_back_count_as_upload_shows_them),
        TEST(what_makes_no_sense_is_refused_and_harms_nothing),
        TEST(while_an_erase_is_under_way_it_is_refused),
        TEST(other_values_and_indices_are_refused_both_ways),
        TEST(a_device_that_is_leaving_refuses_and_leaves),
        TEST(a_host_that_gives_up_is_served_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
