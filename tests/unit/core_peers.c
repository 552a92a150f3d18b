// SPDX-License-Identifier: MIT
//
// Defects that other bootloaders shipped, one test each: the name says the defect, the comment whose it
// is (by class; found by reading their sources and issue threads). Where the defect is not one of core/,
// the test is elsewhere:
//
//   defect                                        whose                      tested by
//   1  wLength beyond wTransferSize is taken      mboot, libopencm3, sboot   here
//   2  block 1 goes below the pointer             Black Magic; ST: ignored   here
//   3  pointer and blocks past the end            Black Magic, ST            here
//   4  mass erase "succeeds", nothing erased      ST                         here
//   5  Get Commands, unknown IN: no answer        mboot                      here
//   6  CLRSTATUS makes an error                   ST                         here
//   7  an error code as state                     ST                         here
//   8  leave resets before dfuMANIFEST is read    ST                         here, host/loads
//   9  first words written first                  ST, Black Magic, mboot     here, power/update
//   10 deaf while flash is busy                   libopencm3 examples        here, board/first_load
//   11 vector table offset masked                 Black Magic                host/loads (VTOR)
//   12 a board that no longer builds              Black Magic                firmware/size/<board>
//   13 jumps into erased flash                    sboot                      here, board/first_load
//   14 a failed erase goes unreported, again and  ST up to 2.11.1            here
//      again
//   15 the second load of a session, or the       ST's examples              here, host/loads
//      second erase, does nothing
//   16 erase moves the address pointer            ST up to 2.11.1            here
//   17 blocks shorter than wTransferSize go       ST                         here
//      to wrong places
//   18 an error is told as read protection        ST from 2.11.2             here
//   19 flags or SER left from one operation       davidgfnet, ST's HAL       unit/flash_ctl,
//      spoil the next; flash left unlocked                                   board/first_load

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "tests/unit/desk.h"

#define CLASS_IN (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)

static int setup(void **state) {
    *state = desk_new();
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static void assert_status(struct desk_status got, unsigned status, unsigned state) {
    assert_int_equal(got.result, DESK_OK);
    assert_string_equal(dfu_status_name(got.status), dfu_status_name(status));
    assert_string_equal(dfu_state_name(got.state), dfu_state_name(state));
}

static void assert_ok(struct desk_status got) {
    assert_status(got, DFU_STATUS_OK, DFU_STATE_DNLOAD_IDLE);
}

static const uint8_t *flash_at(const struct desk *desk, uint32_t addr) {
    return desk->flash + addr - DESK_FLASH_BASE;
}

static void wlength_beyond_wTransferSize_reaches_no_memory(void **state) {
    struct desk *desk = *state;
    static uint8_t bytes[0xffff];
    static const uint16_t lengths[] = {UPDATE_BLOCK_BYTES + 1, 4096, 0xffff};
    for (unsigned i = 0; i < 3; i++) {
        struct update before = desk->bootloader.dfu.update;
        uint16_t len = lengths[i];
        assert_int_equal(desk_dnload(desk, 2, bytes, len), DESK_STALL);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_STALL);
        assert_int_equal(len, 0);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
        assert_memory_equal(&desk->bootloader.dfu.update, &before, sizeof before);
    }
}

static void block_1_does_not_wrap_below_the_pointer(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64] = {0};
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION + 0x4000));
    assert_int_equal(desk_dnload(desk, 1, bytes, sizeof bytes), DESK_STALL);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_STALLEDPKT, DFU_STATE_ERROR);
    assert_int_equal(desk->words_programmed, 0);
}

static void nothing_outside_the_application_is_written_whatever_pointer_and_block(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64] = {0};
    static const struct {
        uint32_t pointer;
        uint16_t block;
    } cases[] = {{0x080fffc0, 3}, {0x080ffff0, 2}, {0x08000000, 2},
                 {0x0800bfff, 2}, {0x08000000, 7}, {0x0800c000, 0xffff}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, cases[i].pointer));
        assert_status(desk_block(desk, cases[i].block, bytes, sizeof bytes), DFU_STATUS_ERR_ADDRESS,
                      DFU_STATE_ERROR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
    assert_int_equal(desk->words_programmed, 0);
}

static void mass_erase_that_succeeds_has_erased(void **state) {
    struct desk *desk = *state;
    uint8_t command = DFUSE_CMD_ERASE;
    memset(desk->flash + 0xc000, 0x11, DESK_FLASH_BYTES - 0xc000);
    desk->poll_us = 100;
    assert_int_equal(desk_dnload(desk, 0, &command, 1), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_DNBUSY);
    assert_ok(desk_getstatus(desk));
    assert_int_equal(*flash_at(desk, DESK_APPLICATION), 0xff);
    assert_int_equal(*flash_at(desk, 0x080fffff), 0xff);
}

static void every_in_request_gets_data_or_a_stall(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64];
    for (unsigned request = 0; request < 256; request++) {
        for (unsigned type = 0; type < 3; type++) {
            uint16_t len = 8;
            enum desk_result result =
                desk_control(desk, (uint8_t)(USB_DIR_IN | type << 5 | USB_RECIPIENT_INTERFACE),
                             (uint8_t)request, 0, 0, bytes, &len);
            assert_int_not_equal(result, DESK_TIMEOUT);
            if (desk_getstate(desk) == DFU_STATE_ERROR) {
                assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
            }
        }
    }
}

static void clrstatus_makes_no_error_and_ends_one(void **state) {
    struct desk *desk = *state;
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_IDLE);
    assert_int_equal(desk_simple(desk, DFU_DETACH), DESK_STALL);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_STALL); // DFU 1.1 A.2.11
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_IDLE);
}

static void a_bad_upload_leads_to_dfuERROR_and_no_unknown_state(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64];
    uint16_t len = sizeof bytes;
    assert_int_equal(desk_upload(desk, 1, bytes, &len), DESK_STALL);
    assert_int_equal(desk_getstate(desk), DFU_STATE_ERROR);
    assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

static void leave_waits_until_dfuMANIFEST_has_been_read(void **state) {
    struct desk *desk = *state;
    desk_put_application(desk);
    desk->connected = true;
    assert_int_equal(desk_dnload(desk, 2, NULL, 0), DESK_OK);
    desk_wait_ms(desk, 5000);
    assert_true(desk->connected);
    assert_status(desk_getstatus(desk), DFU_STATUS_OK, DFU_STATE_MANIFEST);
    assert_true(desk->connected);
}

static void a_load_that_ends_after_its_first_block_does_not_start(void **state) {
    struct desk *desk = *state;
    uint8_t block[2048] = {0};
    store_le32(block, 0x20010000);
    store_le32(block + 4, DESK_APPLICATION + 0x101);
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
    assert_ok(desk_block(desk, 2, block, sizeof block));
    desk_wait_ms(desk, 100);
    assert_int_equal(load_le32(flash_at(desk, DESK_APPLICATION)), 0xffffffff);
    assert_int_equal(load_le32(flash_at(desk, DESK_APPLICATION + 8)), 0);
    assert_false(desk_would_start(desk));
}

static void a_setup_during_an_erase_is_answered_at_once(void **state) {
    struct desk *desk = *state;
    uint8_t command[5] = {DFUSE_CMD_ERASE, 0x00, 0xc0, 0x00, 0x08};
    uint8_t bytes[64];
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, 0x080e0000)); // the gate is open now
    desk->erase_us = 2000000;
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk_setup_only(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, DFU_STATUS_LEN);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
    desk_wait_ms(desk, 10);
    assert_true(desk->busy);
    uint64_t began = desk->now_us;
    uint16_t len = 18;
    assert_int_equal(desk_getstate(desk), DFU_STATE_DNBUSY);
    assert_int_equal(
        desk_control(desk, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, bytes, &len),
        DESK_OK);
    assert_true(desk->now_us - began < 1000);
    assert_true(desk->busy);
}

static void erased_flash_is_not_started(void **state) {
    struct desk *desk = *state;
    assert_false(desk_would_start(desk));
    assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
    assert_status(desk_getstatus(desk), DFU_STATUS_ERR_FIRMWARE, DFU_STATE_ERROR);
    desk_wait_ms(desk, 2000);
    assert_false(desk->ran);
}

static void a_failed_erase_is_told_once_and_not_repeated_by_asking(void **state) {
    struct desk *desk = *state;
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, 0x080e0000));
    desk->fail_next = FLASH_FAILED;
    assert_status(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION), DFU_STATUS_ERR_ERASE,
                  DFU_STATE_ERROR);
    for (unsigned i = 0; i < 5; i++) {
        assert_status(desk_getstatus(desk), DFU_STATUS_ERR_ERASE, DFU_STATE_ERROR);
    }
    assert_int_equal(desk->erases[3], 0);
    assert_false(desk->busy);
}

static void second_erase_of_session_reaches_flash(void **state) {
    struct desk *desk = *state;
    for (unsigned sector = 3; sector < 12; sector++) {
        uint32_t addr = flash_sector_address(&desk_map, sector);
        for (unsigned i = 1; i <= 3; i++) {
            desk->flash[addr - DESK_FLASH_BASE] = 0;
            assert_ok(desk_command(desk, DFUSE_CMD_ERASE, addr));
            assert_int_equal(*flash_at(desk, addr), 0xff);
            assert_int_equal(desk->erases[sector], i);
        }
    }
}

static void erase_leaves_the_pointer_where_it_is(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[64] = {0};
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x08010000));
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, 0x08020000));
    assert_ok(desk_block(desk, 2, bytes, sizeof bytes));
    desk_wait_ms(desk, 20);
    assert_int_equal(*flash_at(desk, 0x08010000), 0);
    assert_int_equal(*flash_at(desk, 0x08020000), 0xff);
}

static void blocks_shorter_than_wTransferSize_follow_each_other(void **state) {
    struct desk *desk = *state;
    static const uint16_t lengths[] = {8, 64, 512, 1000, 1024, 2047};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        static uint8_t bytes[3 * 2048];
        for (unsigned k = 0; k < sizeof bytes; k++) {
            bytes[k] = (uint8_t)(k * 3 + k / 256 + i);
        }
        assert_ok(desk_command(desk, DFUSE_CMD_ERASE, 0x08020000));
        assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, 0x08020000));
        for (unsigned k = 0; k < 3; k++) {
            assert_ok(desk_block(desk, (uint16_t)(2 + k), bytes + k * lengths[i], lengths[i]));
        }
        desk_wait_ms(desk, 30);
        assert_memory_equal(flash_at(desk, 0x08020000), bytes, 3u * lengths[i]);
    }
}

static void no_failure_is_told_as_read_protection(void **state) {
    struct desk *desk = *state;
    static const enum flash_result results[] = {FLASH_FAILED, FLASH_PROTECTED, FLASH_UNSAFE};
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, 0x080e0000));
    for (unsigned i = 0; i < 3; i++) {
        desk->fail_next = results[i];
        struct desk_status status = desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION);
        assert_int_equal(status.state, DFU_STATE_ERROR);
        assert_int_not_equal(status.status, DFU_STATUS_ERR_VENDOR);
        assert_int_equal(desk_simple(desk, DFU_CLRSTATUS), DESK_OK);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(wlength_beyond_wTransferSize_reaches_no_memory),
        TEST(block_1_does_not_wrap_below_the_pointer),
        TEST(nothing_outside_the_application_is_written_whatever_pointer_and_block),
        TEST(mass_erase_that_succeeds_has_erased),
        TEST(every_in_request_gets_data_or_a_stall),
        TEST(clrstatus_makes_no_error_and_ends_one),
        TEST(a_bad_upload_leads_to_dfuERROR_and_no_unknown_state),
        TEST(leave_waits_until_dfuMANIFEST_has_been_read),
        TEST(a_load_that_ends_after_its_first_block_does_not_start),
        TEST(a_setup_during_an_erase_is_answered_at_once),
        TEST(erased_flash_is_not_started),
        TEST(a_failed_erase_is_told_once_and_not_repeated_by_asking),
        TEST(second_erase_of_session_reaches_flash),
        TEST(erase_leaves_the_pointer_where_it_is),
        TEST(blocks_shorter_than_wTransferSize_follow_each_other),
        TEST(no_failure_is_told_as_read_protection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
