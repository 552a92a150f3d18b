// SPDX-License-Identifier: MIT
//
// Loads of which a block was refused or dropped on its way, and hosts that go on all the same: what
// has such a hole does not start, and a load from the start makes it whole.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/desk.h"

#define SECTOR_4    0x08010000u
#define BLOCK       2048u
#define IMAGE_BYTES (3u * BLOCK)

static uint8_t image[IMAGE_BYTES];

static int setup(void **state) {
    struct desk *desk = desk_new();
    desk->erase_us = 300;
    desk->word_us = 1;
    for (uint32_t i = 0; i < IMAGE_BYTES; i++) {
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x101u);
    *state = desk;
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static void assert_ok(struct desk_status status) {
    assert_int_equal(status.result, DESK_OK);
    assert_string_equal(dfu_status_name(status.status), dfu_status_name(DFU_STATUS_OK));
    assert_string_equal(dfu_state_name(status.state), dfu_state_name(DFU_STATE_DNLOAD_IDLE));
}

static void erase(struct desk *desk, uint32_t addr) {
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, addr));
}

// Block 2, 3 or 4 of the image.
static void write_block(struct desk *desk, unsigned number) {
    assert_ok(desk_block(desk, (uint16_t)number, image + (number - 2) * BLOCK, BLOCK));
}

static void begin(struct desk *desk) {
    erase(desk, DESK_APPLICATION);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    write_block(desk, 2);
}

static void clear(struct desk *desk) {
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

static unsigned leave(struct desk *desk) {
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    struct desk_status status = desk_getstatus(desk);
    assert_int_equal(status.result, DESK_OK);
    return status.status;
}

// Past the silence after an ABORT.
static bool starts_after_settling(struct desk *desk) {
    desk_wait_ms(desk, 50);
    desk->poll_us = 1000;
    desk_wait_ms(desk, GATE_QUIET_MS + 50);
    desk->poll_us = 1;
    return desk_would_start(desk);
}

static void load_from_the_start(struct desk *desk) {
    begin(desk);
    write_block(desk, 3);
    write_block(desk, 4);
}

// --- Ways to lose block 3 ------------------------------------------------------------------------

static void dropped_by_abort(struct desk *desk) {
    assert_int_equal(desk_dnload(desk, 3, image + BLOCK, BLOCK), DESK_OK);
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNLOAD_SYNC);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
}

static void refused_outside_of_memory(struct desk *desk) {
    assert_int_equal(desk_block(desk, 60000, image + BLOCK, BLOCK).status, DFU_STATUS_ERR_ADDRESS);
    clear(desk);
}

static void refused_as_too_long(struct desk *desk) {
    static uint8_t bytes[2100];
    assert_int_equal(desk_dnload(desk, 3, bytes, sizeof bytes), DESK_STALL);
    clear(desk);
}

static void refused_as_block_1(struct desk *desk) {
    assert_int_equal(desk_dnload(desk, 1, image + BLOCK, BLOCK), DESK_STALL);
    clear(desk);
}

// DNLOAD after DNLOAD, with no GETSTATUS between: both are lost.
static void refused_in_this_state(struct desk *desk) {
    assert_int_equal(desk_dnload(desk, 3, image + BLOCK, BLOCK), DESK_OK);
    assert_int_equal(desk_dnload(desk, 3, image + BLOCK, BLOCK), DESK_STALL);
    clear(desk);
}

static void refused_in_dfuERROR(struct desk *desk) {
    assert_int_equal(desk_simple(desk, DFU_DETACH), DESK_STALL);
    assert_int_equal(desk_dnload(desk, 3, image + BLOCK, BLOCK), DESK_STALL);
    clear(desk);
}

// The host gives the data stage up: a time-out, then it goes on.
static void given_up_in_the_data_stage(struct desk *desk) {
    unsigned before = desk_getstate(desk);
    desk_setup_only(desk, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_DNLOAD, 3, 0, BLOCK);
    assert_int_equal(desk_getstate(desk), before);
}

static void (*const losses[])(struct desk *desk) = {
    dropped_by_abort,      refused_outside_of_memory, refused_as_too_long,       refused_as_block_1,
    refused_in_this_state, refused_in_dfuERROR,       given_up_in_the_data_stage};
#define LOSSES (sizeof losses / sizeof losses[0])

static void a_load_with_a_lost_block_does_not_leave(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < LOSSES; i++) {
        begin(desk);
        losses[i](desk);
        write_block(desk, 4);
        if (leave(desk) != DFU_STATUS_ERR_NOTDONE || starts_after_settling(desk)) {
            fail_msg("loss %u: the image starts", i);
        }
        clear(desk);
    }
    // In the same session: hosts that try again need not open the device again.
    load_from_the_start(desk);
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

static void a_load_with_a_lost_block_does_not_end_by_abort(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < LOSSES; i++) {
        begin(desk);
        losses[i](desk);
        write_block(desk, 4);
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        if (starts_after_settling(desk)) {
            fail_msg("loss %u: the image starts", i);
        }
    }
    load_from_the_start(desk);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    assert_true(starts_after_settling(desk));
}

static void a_lost_last_block_keeps_abort_from_closing(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < LOSSES; i++) {
        begin(desk);
        losses[i](desk);
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        if (starts_after_settling(desk)) {
            fail_msg("loss %u: the image starts", i);
        }
    }
}

static void a_lost_block_does_not_outlive_its_session(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < LOSSES; i++) {
        begin(desk);
        losses[i](desk);
        desk_set_interface(desk);
        load_from_the_start(desk);
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        assert_true(starts_after_settling(desk));
    }
}

// The block before it fails in sector 3, it was for sector 4: both must be erased.
static void a_block_dropped_by_the_failure_of_the_one_before_is_lost(void **state) {
    struct desk *desk = *state;
    erase(desk, DESK_APPLICATION);
    erase(desk, SECTOR_4);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_ok(desk_block(desk, 2, image + BLOCK, BLOCK));
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4 - BLOCK));
    assert_ok(desk_block(desk, 2, image, BLOCK)); // accepted: how it ends is told by the next
    desk->fail_next = FLASH_FAILED;
    assert_int_equal(desk_block(desk, 3, image + BLOCK, BLOCK).status, DFU_STATUS_ERR_PROG);
    clear(desk);
    begin(desk); // erases sector 3
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    clear(desk);
    erase(desk, SECTOR_4);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_ok(desk_block(desk, 2, image + BLOCK, BLOCK));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// The next host opens the device before the silence after ABORT is over, and loads a few bytes elsewhere: that would be fine
// after a whole load. What is lost makes it none, before the ABORT or behind it, where the opening itself may drop it.
static void abort_ends_no_load_with_a_lost_block_for_the_next_host(void **state) {
    struct desk *desk = *state;
    for (unsigned i = 0; i < 2 * LOSSES + 3; i++) {
        bool is_whole = i == 2 * LOSSES;
        begin(desk);
        if (i < LOSSES) {
            losses[i](desk);
        }
        write_block(desk, 4);
        assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
        if (i >= LOSSES && i < 2 * LOSSES) {
            losses[i - LOSSES](desk);
        } else if (i == 2 * LOSSES + 1) {
            assert_int_equal(desk_dnload(desk, 3, image + BLOCK, BLOCK), DESK_OK);
        } else if (i == 2 * LOSSES + 2) {
            desk_setup_only(desk, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_DNLOAD, 3, 0,
                            BLOCK);
        }
        desk_set_interface(desk);
        desk_set_interface(desk);
        erase(desk, SECTOR_4);
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
        assert_ok(desk_block(desk, 2, image, BLOCK));
        unsigned status = leave(desk);
        if (status != (is_whole ? DFU_STATUS_OK : DFU_STATUS_ERR_NOTDONE) ||
            starts_after_settling(desk) != is_whole) {
            fail_msg("case %u: %s", i, dfu_status_name(status));
        }
        desk_start(desk);
        desk_wait_ms(desk, DESK_PREPARED_MS);
    }
}

// Erasing it forgives that it has a hole, not that it is blank.
static void the_sector_of_a_lost_block_must_be_written_too(void **state) {
    struct desk *desk = *state;
    begin(desk);
    erase(desk, SECTOR_4);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_int_equal(desk_dnload(desk, 2, image + BLOCK, BLOCK), DESK_OK);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    erase(desk, SECTOR_4);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION + BLOCK));
    assert_ok(desk_block(desk, 2, image + BLOCK, BLOCK));
    assert_int_equal(leave(desk), DFU_STATUS_ERR_NOTDONE);
    assert_false(starts_after_settling(desk));
    clear(desk);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, SECTOR_4));
    assert_ok(desk_block(desk, 2, image + BLOCK, BLOCK));
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

// What is refused and is no data block of the application loses nothing.
static void refused_commands_reads_and_settings_lose_nothing(void **state) {
    struct desk *desk = *state;
    static const uint8_t unknown[] = {0x77};
    static uint8_t bytes[2100];
    uint16_t len = BLOCK;
    begin(desk);
    assert_int_equal(desk_dnload(desk, 0, unknown, sizeof unknown), DESK_STALL);
    clear(desk);
    assert_int_equal(desk_dnload(desk, 0, bytes, sizeof bytes), DESK_STALL);
    clear(desk);
    assert_int_equal(desk_command(desk, DFUSE_CMD_ERASE, DESK_FLASH_BASE).status,
                     DFU_STATUS_ERR_ADDRESS);
    clear(desk);
    assert_int_equal(desk_upload(desk, 1, bytes, &len), DESK_STALL);
    clear(desk);
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION + BLOCK));
    assert_ok(desk_block(desk, 2, image + BLOCK, BLOCK));
    len = BLOCK;
    assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_STALL); // STM32CubeProgrammer
    assert_int_equal(leave(desk), DFU_STATUS_OK);
    assert_true(starts_after_settling(desk));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_with_a_lost_block_does_not_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(a_load_with_a_lost_block_does_not_end_by_abort, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lost_last_block_keeps_abort_from_closing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lost_block_does_not_outlive_its_session, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_dropped_by_the_failure_of_the_one_before_is_lost,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(abort_ends_no_load_with_a_lost_block_for_the_next_host,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_sector_of_a_lost_block_must_be_written_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refused_commands_reads_and_settings_lose_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
