// SPDX-License-Identifier: MIT
//
// libredfu against core/: what is in flash afterwards, and what a cable pulled, a request refused
// or Ctrl-C at any transfer leaves behind.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "tests/host/redfu_desk.h"

#define IMAGE_BYTES 5000u  // two blocks and a short one
#define BOTH_BYTES  20000u // sectors 3 and 4

static uint8_t image[BOTH_BYTES];
static struct redfu_fault fault;

static void make_image(uint8_t seed) {
    for (unsigned i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 7 + i / 251 + seed);
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x201u);
}

static struct redfu_session *open_session(struct bench *bench, struct redfu **redfu) {
    struct redfu_device *devices;
    size_t count;
    size_t chosen;
    struct redfu_session *session;
    *redfu = bench_redfu(bench);
    assert_int_equal(redfu_list(*redfu, &devices, &count, &fault), REDFU_OK);
    assert_int_equal(redfu_choose(devices, count, &(struct redfu_filter){0}, &chosen, &fault),
                     REDFU_OK);
    assert_int_equal(redfu_open(*redfu, &devices[chosen], &session, &fault), REDFU_OK);
    redfu_list_free(devices);
    return session;
}

// Opens, writes `len` bytes of the image to the application, verifies if asked, closes.
static enum redfu_result load(struct bench *bench, uint32_t len, bool verify) {
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    const struct redfu_layout *layout;
    struct redfu_plan plan;
    struct redfu_segment segment = {DESK_APPLICATION, len, image};
    struct redfu_watch watch = {.ctx = bench, .is_cancelled = bench_is_cancelled};
    assert_int_equal(redfu_layout(session, 0, &layout, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_write(layout, &segment, 1, &plan, &fault), REDFU_OK);
    bench_arm(bench);
    enum redfu_result result = redfu_write(session, 0, &plan, &watch, &fault);
    if (result == REDFU_OK && verify) {
        result = redfu_verify(session, 0, &segment, 1, &watch, &fault);
    }
    bench->armed = false;
    redfu_plan_free(&plan);
    redfu_close(session);
    redfu_free(redfu);
    return result;
}

// Waits until the device has seen that nothing follows the load: then the first words are in flash.
static void let_close(struct bench *bench) {
    uint32_t poll_us = bench->desk->poll_us;
    bench->desk->poll_us = 10000;
    desk_wait_ms(bench->desk, GATE_QUIET_MS + 50);
    bench->desk->poll_us = poll_us;
}

static bool holds_image(struct bench *bench, uint32_t len) {
    let_close(bench);
    return memcmp(bench_flash(bench, DESK_APPLICATION), image, len) == 0;
}

// Leads the desk into a state the way another program would have left it there.
static void put_into(struct desk *desk, enum dfu_state state) {
    uint8_t erase[5] = {DFUSE_CMD_ERASE};
    uint8_t bytes[64];
    uint16_t len = sizeof bytes;
    store_le32(erase + 1, DESK_APPLICATION);
    switch (state) {
    case DFU_STATE_DNLOAD_SYNC:
        assert_int_equal(desk_dnload(desk, 0, erase, sizeof erase), DESK_OK);
        break;
    case DFU_STATE_DNLOAD_IDLE:
        assert_int_equal(desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION).state, state);
        break;
    case DFU_STATE_UPLOAD_IDLE:
        assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
        break;
    case DFU_STATE_ERROR:
        assert_int_equal(desk_simple(desk, DFU_DETACH), DESK_STALL);
        break;
    case DFU_STATE_MANIFEST_SYNC:
        assert_int_equal(desk_dnload(desk, 2, NULL, 0), DESK_OK);
        break;
    default:
        break;
    }
    assert_int_equal(desk_getstate(desk), state);
}

static const enum dfu_state found_states[] = {
    DFU_STATE_IDLE,        DFU_STATE_DNLOAD_SYNC, DFU_STATE_DNLOAD_IDLE,
    DFU_STATE_UPLOAD_IDLE, DFU_STATE_ERROR,       DFU_STATE_MANIFEST_SYNC,
};
#define FOUND_COUNT (sizeof found_states / sizeof found_states[0])

static void describing_changes_no_state_and_starts_no_work(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < FOUND_COUNT; i++) {
        struct bench *bench = bench_new();
        put_into(bench->desk, found_states[i]);
        struct redfu *redfu;
        struct redfu_session *session = open_session(bench, &redfu);
        assert_int_equal(redfu_describe(session)->state, found_states[i]);
        redfu_close(session);
        redfu_free(redfu);
        desk_wait_ms(bench->desk, 400);
        assert_int_equal(desk_getstate(bench->desk), found_states[i]);
        assert_int_equal(bench->desk->erases[3], 0);
        bench_free(bench);
    }
}

static void an_error_found_is_described_in_the_devices_words(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    put_into(bench->desk, DFU_STATE_ERROR);
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    assert_true(redfu_describe(session)->has_status);
    assert_int_equal(redfu_describe(session)->status, DFU_STATUS_ERR_STALLEDPKT);
    assert_string_equal(redfu_describe(session)->device_says, "Request not allowed in this state");
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

static void a_write_works_from_every_state_found(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < FOUND_COUNT; i++) {
        struct bench *bench = bench_new();
        put_into(bench->desk, found_states[i]);
        make_image((uint8_t)i);
        assert_int_equal(load(bench, IMAGE_BYTES, true), REDFU_OK);
        assert_true(holds_image(bench, IMAGE_BYTES));
        bench_free(bench);
    }
}

static void only_touched_sectors_are_erased(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fill(bench, 0x55);
    make_image(1);
    assert_int_equal(load(bench, BOTH_BYTES, true), REDFU_OK);
    assert_true(holds_image(bench, BOTH_BYTES));
    for (unsigned sector = 0; sector < 12; sector++) {
        assert_int_equal(bench->desk->erases[sector], sector == 3 || sector == 4 ? 1 : 0);
    }
    assert_int_equal(*bench_flash(bench, DESK_APPLICATION + BOTH_BYTES), 0xff);
    for (uint32_t addr = DESK_FLASH_BASE; addr < DESK_FLASH_BASE + 0x4000; addr++) {
        assert_int_equal(*bench_flash(bench, addr), 0x55);
    }
    assert_int_equal(*bench_flash(bench, 0x08020000), 0x55);
    bench_free(bench);
}

static void the_second_load_works_like_the_first(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    for (unsigned i = 0; i < 4; i++) {
        make_image((uint8_t)(10 + i));
        assert_int_equal(load(bench, i % 2 ? BOTH_BYTES : IMAGE_BYTES, true), REDFU_OK);
        assert_true(holds_image(bench, i % 2 ? BOTH_BYTES : IMAGE_BYTES));
    }
    bench_free(bench);
}

// Addresses are set once a run, not once a block: 10 blocks of 3 transfers each, and little else.
static void a_run_needs_three_transfers_a_block(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    make_image(2);
    assert_int_equal(load(bench, BOTH_BYTES, false), REDFU_OK);
    assert_in_range(bench->transfers, 30, 30 + 16);
    bench_free(bench);
}

static void scattered_segments_arrive_where_they_belong(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    const struct redfu_layout *layout;
    struct redfu_plan plan;
    make_image(3);
    const struct redfu_segment segments[] = {
        {DESK_APPLICATION, 3, image},
        {DESK_APPLICATION + 5, 6, image + 100},
        {DESK_APPLICATION + 0x3ffd, 7, image + 200}, // over a sector's end
        {0x080ffffe, 2, image + 300},                // the end of flash
    };
    assert_int_equal(redfu_layout(session, 0, &layout, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_write(layout, segments, 4, &plan, &fault), REDFU_OK);
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    assert_int_equal(redfu_verify(session, 0, segments, 4, NULL, &fault), REDFU_OK);
    let_close(bench);
    for (unsigned i = 0; i < 4; i++) {
        assert_memory_equal(bench_flash(bench, segments[i].addr), segments[i].bytes,
                            segments[i].len);
    }
    assert_int_equal(*bench_flash(bench, DESK_APPLICATION + 3), 0xff);
    redfu_plan_free(&plan);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// --- Failures ------------------------------------------------------------------------------------

static void a_flash_failure_is_told_with_place_status_and_sentence(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fail_next(bench, FLASH_FAILED); // erasing sector 3
    bench_arm(bench);
    make_image(4);
    assert_int_equal(load(bench, IMAGE_BYTES, true), REDFU_DEVICE_ERROR);
    assert_int_equal(fault.phase, REDFU_PHASE_ERASE);
    assert_true(fault.has_addr);
    assert_int_equal(fault.addr, DESK_APPLICATION);
    assert_int_equal(fault.status, DFU_STATUS_ERR_ERASE);
    assert_string_equal(fault.device_says, "Flash sector could not be erased");
    assert_non_null(strstr(fault.text, "erasing 0x0800C000 failed: the device reports errERASE"));
    // Nothing is sent to be written after that, and the error is left for others to see.
    assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 1);
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_ERROR);
    bench_free(bench);
}

static void a_cable_pulled_at_any_transfer_is_told_and_the_next_load_works(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    enum redfu_result result = REDFU_UNPLUGGED;
    unsigned at = 0;
    for (; result != REDFU_OK; at++) {
        assert_true(at < 200);
        make_image((uint8_t)at);
        bench->gone_at = at + 1;
        result = load(bench, IMAGE_BYTES, true);
        if (result != REDFU_OK) {
            assert_int_equal(result, REDFU_UNPLUGGED);
            assert_non_null(strstr(fault.text, "was unplugged"));
            assert_non_null(strstr(fault.advice, "Plug the board in and give the command again"));
            bench_power_cycle(bench);
            bench->gone_at = 0;
            assert_int_equal(load(bench, IMAGE_BYTES, true), REDFU_OK);
            assert_true(holds_image(bench, IMAGE_BYTES));
        }
    }
    assert_true(at > 15); // the loop has covered erase, blocks and read-back
    bench_free(bench);
}

static unsigned last_of(const struct bench *bench, uint8_t type, uint8_t request) {
    for (unsigned i = bench->log_count; i > 0; i--) {
        if ((bench->log[i - 1].bmRequestType & USB_TYPE_MASK) == type &&
            bench->log[i - 1].bRequest == request) {
            return i;
        }
    }
    return 0;
}

static void ctrl_c_at_any_transfer_leaves_dfu_idle_and_no_whole_image(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    enum redfu_result result = REDFU_CANCELLED;
    unsigned at = 0;
    unsigned during_write = 0;
    for (; result != REDFU_OK; at++) {
        assert_true(at < 200);
        make_image((uint8_t)at);
        bench->cancel_at = at + 1;
        result = load(bench, IMAGE_BYTES, true);
        assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
        if (result == REDFU_OK) {
            continue;
        }
        assert_int_equal(result, REDFU_CANCELLED);
        assert_non_null(strstr(fault.advice, "takes the next load"));
        if (fault.phase != REDFU_PHASE_VERIFY) {
            // SET_INTERFACE, then ABORT, and nothing written after it.
            unsigned alternate = last_of(bench, USB_TYPE_STANDARD, USB_SET_INTERFACE);
            assert_true(alternate > last_of(bench, USB_TYPE_CLASS, DFU_DNLOAD));
            assert_true(last_of(bench, USB_TYPE_CLASS, DFU_ABORT) > alternate);
            during_write++;
        }
        bench->cancel_at = 0;
        assert_int_equal(load(bench, IMAGE_BYTES, true), REDFU_OK);
        assert_true(holds_image(bench, IMAGE_BYTES));
    }
    assert_true(during_write > 5);
    bench_free(bench);
}

static void a_refusal_at_any_transfer_never_passes_for_success(void **unused) {
    (void)unused;
    unsigned tolerated = 0;
    unsigned refused = 0;
    unsigned last = 200;
    for (unsigned at = 1; at <= last; at++) {
        struct bench *bench = bench_new();
        bench_fill(bench, 0x55);
        make_image((uint8_t)at);
        bench->stall_at = at;
        enum redfu_result result = load(bench, IMAGE_BYTES, true);
        if (result == REDFU_OK) {
            assert_true(holds_image(bench, IMAGE_BYTES));
            tolerated++;
        } else {
            assert_true(fault.text[0]);
            refused++;
            // What came after the refusal asked and healed; it wrote nothing.
            for (unsigned i = at; i < bench->log_count; i++) {
                assert_int_not_equal(bench->log[i].bRequest, DFU_DNLOAD);
            }
        }
        if (bench->transfers < at) {
            last = at; // past the end: this one was not touched
        }
        bench_free(bench);
    }
    assert_true(tolerated > 3 && refused > 3);
}

static void a_device_that_stays_busy_is_given_up_in_bounded_time(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    make_image(5);
    bench->never_done = true;
    uint64_t start = bench->desk->now_us;
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    struct redfu_sector sector = {3, DESK_APPLICATION, 0x4000, 7};
    struct redfu_plan plan = {.sectors = &sector, .sector_count = 1, .erase_bytes = 0x4000};
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_STUCK);
    assert_non_null(strstr(fault.text, "erasing 0x0800C000: the device stays busy"));
    assert_true(bench->desk->now_us - start < 45000000u);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// ST's class leaves an error code in bState (15); two CLRSTATUS lead out.
static void a_state_that_dfu_does_not_know_is_cleared_twice(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    make_image(6);
    bench->pretend[0] = 15;
    bench->pretend[1] = DFU_STATE_ERROR;
    assert_int_equal(load(bench, IMAGE_BYTES, true), REDFU_OK);
    assert_int_equal(bench_count(bench, 0, DFU_CLRSTATUS), 2);
    assert_true(holds_image(bench, IMAGE_BYTES));
    bench_free(bench);
}

static void settling_tells_the_failure_of_the_last_block(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    struct redfu_segment run = {DESK_APPLICATION, 2048, image};
    struct redfu_plan plan = {.runs = &run, .run_count = 1, .write_bytes = 2048};
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    assert_true(bench->desk->busy); // accepted, still being programmed
    bench->desk->fail_next = FLASH_FAILED;
    assert_int_equal(redfu_settle(session, &fault), REDFU_DEVICE_ERROR);
    assert_int_equal(fault.status, DFU_STATUS_ERR_PROG);
    assert_int_equal(fault.addr, DESK_APPLICATION);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

static void settling_ends_in_dfu_idle_with_the_image_in_flash(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    struct redfu_segment run = {DESK_APPLICATION, 2048, image};
    struct redfu_plan plan = {.runs = &run, .run_count = 1, .write_bytes = 2048};
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    assert_int_equal(redfu_settle(session, &fault), REDFU_OK);
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
    desk_assert_reads(bench->desk, DESK_APPLICATION, image, 2048);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// --- Reading, running ----------------------------------------------------------------------------

static void verify_names_the_first_difference_and_changes_nothing(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    make_image(7);
    assert_int_equal(load(bench, IMAGE_BYTES, false), REDFU_OK);
    desk_wait_ms(bench->desk, 1100); // an ABORT now belongs to another tool (docs/design.md D4)
    *bench_flash(bench, DESK_APPLICATION + 4100) ^= 0x10;
    *bench_flash(bench, DESK_APPLICATION + 4200) ^= 0x10;
    unsigned words = bench->desk->words_programmed;
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    struct redfu_segment segment = {DESK_APPLICATION, IMAGE_BYTES, image};
    assert_int_equal(redfu_verify(session, 0, &segment, 1, NULL, &fault), REDFU_MISMATCH);
    assert_int_equal(fault.addr, DESK_APPLICATION + 4100);
    assert_int_equal(bench->desk->words_programmed, words);
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// A host has died with every erased sector begun; what comes next is reading, within the second in
// which an ABORT would pass for the end of its load.
static void reading_and_running_do_not_make_a_dead_hosts_image_whole(void **unused) {
    (void)unused;
    for (unsigned runs = 0; runs < 2; runs++) {
        struct bench *bench = bench_new();
        make_image(9);
        assert_int_equal(desk_command(bench->desk, DFUSE_CMD_ERASE, DESK_APPLICATION).state,
                         DFU_STATE_DNLOAD_IDLE);
        assert_int_equal(desk_block(bench->desk, 2, image, 2048).state, DFU_STATE_DNLOAD_IDLE);
        struct redfu *redfu;
        struct redfu_session *session = open_session(bench, &redfu);
        struct redfu_segment segment = {DESK_APPLICATION, 4096, image};
        if (runs) {
            assert_int_equal(redfu_run(session, 0, DESK_APPLICATION, &fault), REDFU_DEVICE_ERROR);
            assert_int_equal(fault.status, DFU_STATUS_ERR_NOTDONE);
        } else {
            assert_int_equal(redfu_verify(session, 0, &segment, 1, NULL, &fault), REDFU_MISMATCH);
        }
        redfu_close(session);
        redfu_free(redfu);
        desk_wait_ms(bench->desk, 100);
        assert_false(desk_would_start(bench->desk));
        bench_free(bench);
    }
}

static void read_returns_what_flash_holds_up_to_its_last_byte(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    for (unsigned i = 0; i < DESK_FLASH_BYTES; i++) {
        bench->desk->flash[i] = (uint8_t)(i * 13 + i / 509);
    }
    static const struct {
        uint32_t addr, len;
    } ranges[] = {
        {0x08000000, 1}, {0x08000000, 2048}, {0x0800c003, 6001}, {0x080ff000 - 5, 0x1005}};
    for (unsigned i = 0; i < 4; i++) {
        static uint8_t out[8192];
        struct redfu *redfu;
        struct redfu_session *session = open_session(bench, &redfu);
        assert_int_equal(redfu_read(session, 0, ranges[i].addr, ranges[i].len, out, NULL, &fault),
                         REDFU_OK);
        assert_memory_equal(out, bench_flash(bench, ranges[i].addr), ranges[i].len);
        assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
        redfu_close(session);
        redfu_free(redfu);
    }
    bench_free(bench);
}

static void run_starts_the_application_and_sees_the_board_go(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    desk_put_application(bench->desk);
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    assert_int_equal(redfu_run(session, 0, DESK_APPLICATION, &fault), REDFU_OK);
    desk_wait_ms(bench->desk, 200);
    assert_true(bench->desk->ran);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

static void run_without_an_application_is_the_devices_error(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    assert_int_equal(redfu_run(session, 0, DESK_APPLICATION, &fault), REDFU_DEVICE_ERROR);
    assert_int_equal(fault.status, DFU_STATUS_ERR_FIRMWARE);
    assert_int_equal(fault.phase, REDFU_PHASE_RUN);
    desk_wait_ms(bench->desk, 500);
    assert_false(bench->desk->ran);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// redfu-boot would take a SET_INTERFACE after the last block for a new session (design D4).
static void between_the_last_block_and_leave_no_set_interface_is_sent(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    const struct redfu_layout *layout;
    struct redfu_plan plan;
    struct redfu_segment segment = {DESK_APPLICATION, IMAGE_BYTES, image};
    make_image(8);
    assert_int_equal(redfu_layout(session, 0, &layout, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_write(layout, &segment, 1, &plan, &fault), REDFU_OK);
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    unsigned from = bench->log_count;
    assert_int_equal(redfu_verify(session, 0, &segment, 1, NULL, &fault), REDFU_OK);
    assert_int_equal(redfu_run(session, 0, DESK_APPLICATION, &fault), REDFU_OK);
    assert_true(last_of(bench, USB_TYPE_STANDARD, USB_SET_INTERFACE) <= from);
    redfu_plan_free(&plan);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

// Neither is one sent between two writes of a session: the image is one.
static void a_session_begins_once(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu;
    struct redfu_session *session = open_session(bench, &redfu);
    struct redfu_segment run = {DESK_APPLICATION, 2048, image};
    struct redfu_plan plan = {.runs = &run, .run_count = 1, .write_bytes = 2048};
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    unsigned from = bench->log_count;
    run.addr += 2048;
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    assert_in_range(last_of(bench, USB_TYPE_STANDARD, USB_SET_INTERFACE), 1, from);
    redfu_close(session);
    redfu_free(redfu);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describing_changes_no_state_and_starts_no_work),
        cmocka_unit_test(an_error_found_is_described_in_the_devices_words),
        cmocka_unit_test(a_write_works_from_every_state_found),
        cmocka_unit_test(only_touched_sectors_are_erased),
        cmocka_unit_test(the_second_load_works_like_the_first),
        cmocka_unit_test(a_run_needs_three_transfers_a_block),
        cmocka_unit_test(scattered_segments_arrive_where_they_belong),
        cmocka_unit_test(a_flash_failure_is_told_with_place_status_and_sentence),
        cmocka_unit_test(a_cable_pulled_at_any_transfer_is_told_and_the_next_load_works),
        cmocka_unit_test(ctrl_c_at_any_transfer_leaves_dfu_idle_and_no_whole_image),
        cmocka_unit_test(a_refusal_at_any_transfer_never_passes_for_success),
        cmocka_unit_test(a_device_that_stays_busy_is_given_up_in_bounded_time),
        cmocka_unit_test(a_state_that_dfu_does_not_know_is_cleared_twice),
        cmocka_unit_test(settling_tells_the_failure_of_the_last_block),
        cmocka_unit_test(settling_ends_in_dfu_idle_with_the_image_in_flash),
        cmocka_unit_test(verify_names_the_first_difference_and_changes_nothing),
        cmocka_unit_test(reading_and_running_do_not_make_a_dead_hosts_image_whole),
        cmocka_unit_test(read_returns_what_flash_holds_up_to_its_last_byte),
        cmocka_unit_test(run_starts_the_application_and_sees_the_board_go),
        cmocka_unit_test(run_without_an_application_is_the_devices_error),
        cmocka_unit_test(between_the_last_block_and_leave_no_set_interface_is_sent),
        cmocka_unit_test(a_session_begins_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
