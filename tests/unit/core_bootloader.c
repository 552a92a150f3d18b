// SPDX-License-Identifier: MIT
//
// The requests beside DFU that go straight to the port: why the board is in DFU mode, and write
// protection of the bootloader. tests/board/protection.c tries the same on the image.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/boot.h"
#include "spec/crc.h"
#include "spec/dfu.h"
#include "spec/stamp.h"
#include "tests/unit/desk.h"

#define BLOCK         2048u
#define OTHER_REQUEST (BOOT_REPORT_REQUEST ^ 0x80u) // nobody's

// What the port's function was asked for, and says. One desk at a time.
static unsigned asked;
static bool was_wanted, takes_it;

static bool protect(void *ctx, bool is_wanted) {
    struct desk *desk = ctx;
    assert_false(desk->busy); // core/port.h: only while no flash operation is under way
    asked++;
    was_wanted = is_wanted;
    return takes_it;
}

static int setup(void **state) {
    struct desk *desk = desk_new();
    desk->port.protect = protect;
    asked = 0;
    takes_it = true;
    *state = desk;
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

// --- The report ----------------------------------------------------------------------------------

static enum desk_result ask_report(struct desk *desk, uint16_t value, uint16_t index, uint8_t *out,
                                   uint16_t *len) {
    return desk_control(desk, USB_DIR_IN | USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, value, index, out,
                        len);
}

static void the_report_is_what_the_port_has(void **state) {
    struct desk *desk = *state;
    uint8_t report[BOOT_REPORT_LEN], out[2 * BOOT_REPORT_LEN];
    for (unsigned i = 0; i < sizeof report; i++) {
        report[i] = (uint8_t)(i * 11 + 1);
    }
    desk->port.report = report;
    for (unsigned round = 0; round < 2; round++) {
        uint16_t len = sizeof out;
        assert_int_equal(ask_report(desk, 0, 0, out, &len), DESK_OK);
        assert_int_equal(len, BOOT_REPORT_LEN); // though more was asked for
        assert_memory_equal(out, report, sizeof report);
        report[5] ^= 0xff; // read when it is asked for
    }
    uint16_t len = BOOT_REPORT_LEN_1_00; // a host that knows the first form
    memset(out, 0, sizeof out);
    assert_int_equal(ask_report(desk, 0, 0, out, &len), DESK_OK);
    assert_int_equal(len, BOOT_REPORT_LEN_1_00);
    assert_memory_equal(out, report, BOOT_REPORT_LEN_1_00);
    assert_int_equal(out[BOOT_REPORT_LEN_1_00], 0);
    assert_int_equal(desk_getstate(desk), DFU_STATE_IDLE);
}

static void a_board_without_a_report_refuses_the_request(void **state) {
    uint8_t out[BOOT_REPORT_LEN];
    uint16_t len = sizeof out;
    assert_int_equal(ask_report(*state, 0, 0, out, &len), DESK_STALL);
    assert_int_equal(desk_getstate(*state), DFU_STATE_IDLE);
}

static void other_values_and_indices_are_no_report(void **state) {
    struct desk *desk = *state;
    static const uint8_t report[BOOT_REPORT_LEN] = {1};
    static const uint16_t others[][2] = {{1, 0}, {0x100, 0}, {0, 1}, {0, BOOT_PROTECT_INDEX}};
    uint8_t out[BOOT_REPORT_LEN];
    desk->port.report = report;
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint16_t len = sizeof out;
        assert_int_equal(ask_report(desk, others[i][0], others[i][1], out, &len), DESK_STALL);
    }
    uint16_t len = sizeof out;
    assert_int_equal(
        desk_control(desk, USB_DIR_IN | USB_TYPE_VENDOR, OTHER_REQUEST, 0, 0, out, &len),
        DESK_STALL);
    assert_int_equal(asked, 0);
}

// --- Write protection ----------------------------------------------------------------------------

static enum desk_result ask_protect(struct desk *desk, uint16_t value) {
    uint16_t len = 0;
    return desk_control(desk, USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, value, BOOT_PROTECT_INDEX, NULL,
                        &len);
}

static void protection_is_set_and_lifted_once_for_each_request(void **state) {
    for (uint16_t wanted = 2; wanted-- > 0;) {
        asked = 0;
        assert_int_equal(ask_protect(*state, wanted), DESK_OK);
        assert_int_equal(asked, 1);
        assert_int_equal(was_wanted, wanted);
    }
    assert_int_equal(desk_getstate(*state), DFU_STATE_IDLE);
}

static void what_the_option_bytes_do_not_take_is_refused(void **state) {
    takes_it = false;
    assert_int_equal(ask_protect(*state, 1), DESK_STALL);
    assert_int_equal(asked, 1);
}

static void a_board_without_protection_refuses_the_request(void **state) {
    struct desk *desk = *state;
    desk->port.protect = NULL;
    assert_int_equal(ask_protect(desk, 1), DESK_STALL);
    assert_int_equal(ask_protect(desk, 0), DESK_STALL);
}

static void nothing_but_the_exact_request_changes_protection(void **state) {
    struct desk *desk = *state;
    static const struct {
        uint8_t type, request;
        uint16_t value, index, len;
    } others[] = {
        {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, 2, BOOT_PROTECT_INDEX, 0},
        {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, 0x101, BOOT_PROTECT_INDEX, 0},
        {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, 1, 0, 0},
        {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, 1, BOOT_PROTECT_INDEX ^ 1u, 0},
        {USB_TYPE_VENDOR, BOOT_REPORT_REQUEST, 1, BOOT_PROTECT_INDEX, 1},
        {USB_TYPE_VENDOR, OTHER_REQUEST, 1, BOOT_PROTECT_INDEX, 0},
        {USB_TYPE_VENDOR | USB_RECIPIENT_INTERFACE, BOOT_REPORT_REQUEST, 1, BOOT_PROTECT_INDEX, 0},
        {USB_TYPE_CLASS, BOOT_REPORT_REQUEST, 1, BOOT_PROTECT_INDEX, 0},
    };
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        uint8_t data[1] = {0};
        uint16_t len = others[i].len;
        assert_int_equal(desk_control(desk, others[i].type, others[i].request, others[i].value,
                                      others[i].index, data, &len),
                         DESK_STALL);
        assert_int_equal(asked, 0);
    }
}

static void assert_ok(struct desk_status status) {
    assert_int_equal(status.result, DESK_OK);
    assert_int_equal(status.status, DFU_STATUS_OK);
    assert_int_equal(status.state, DFU_STATE_DNLOAD_IDLE);
}

// Option bytes are programmed by the flash unit: one thing at a time.
static void protection_is_refused_while_flash_works(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[BLOCK];
    uint8_t command[5] = {DFUSE_CMD_ERASE};
    memset(bytes, 0x5a, sizeof bytes);
    store_le32(command + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, command, sizeof command), DESK_OK);
    desk->stage_timeout_us = 1000;
    assert_int_equal(desk_getstatus(desk).result, DESK_TIMEOUT); // the host has given this one up
    desk->stage_timeout_us = 0;
    assert_true(desk->busy);
    assert_int_equal(ask_protect(desk, 1), DESK_STALL);
    assert_int_equal(asked, 0);
    assert_ok(desk_getstatus(desk));
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    assert_ok(desk_block(desk, 2, bytes, sizeof bytes));
    assert_true(desk->busy);
    assert_int_equal(ask_protect(desk, 1), DESK_STALL);
    assert_int_equal(asked, 0);
    assert_ok(desk_getstatus(desk)); // and nothing of the load is lost
    desk_wait_ms(desk, 50);
    assert_int_equal(ask_protect(desk, 1), DESK_OK);
    assert_int_equal(asked, 1);
}

// An ABORT has just asked for it, and flash is not yet at work: it begins with the next turn of the main loop.
static void protection_is_refused_while_the_gate_has_something_to_decide(void **state) {
    struct desk *desk = *state;
    uint8_t bytes[BLOCK];
    memset(bytes, 0x5a, sizeof bytes);
    // A stamp that is wrong: looked at again whenever a load may have ended.
    struct stamp stamp = {1024, crc32_update(CRC32_START, bytes, 1024) ^ 1u};
    stamp_store(&stamp, bytes + 1024);
    assert_ok(desk_command(desk, DFUSE_CMD_ERASE, DESK_APPLICATION));
    assert_ok(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION));
    assert_ok(desk_block(desk, 2, bytes, sizeof bytes));
    desk_wait_ms(desk, 50);
    assert_false(desk->has_work);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    assert_int_equal(ask_protect(desk, 0), DESK_STALL);
    assert_int_equal(asked, 0);
    desk_wait_ms(desk, 50);
    assert_int_equal(ask_protect(desk, 0), DESK_OK);
    assert_int_equal(asked, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(the_report_is_what_the_port_has),
        TEST(a_board_without_a_report_refuses_the_request),
        TEST(other_values_and_indices_are_no_report),
        TEST(protection_is_set_and_lifted_once_for_each_request),
        TEST(what_the_option_bytes_do_not_take_is_refused),
        TEST(a_board_without_protection_refuses_the_request),
        TEST(nothing_but_the_exact_request_changes_protection),
        TEST(protection_is_refused_while_flash_works),
        TEST(protection_is_refused_while_the_gate_has_something_to_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
