// SPDX-License-Identifier: MIT
//
// Reading with UPLOADs handed in ahead (host/reading.c), over the desk: what arrives, and what is left behind when
// one of them goes wrong, at each of them in turn.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "spec/dfu.h"
#include "tests/host/redfu_desk.h"

#define ADDR      0x0800c000u
#define BLOCKS    12u
#define LEN       (BLOCKS * 2048u + 100u)
// GETSTATE, the address (DNLOAD, two GETSTATUS), ABORT and the UPLOADs, with some to spare.
#define TRANSFERS 40u

static struct redfu_fault fault;
static uint8_t out[LEN];

struct desk_session {
    struct bench *bench;
    struct redfu *redfu;
    struct redfu_session *session;
};

static struct desk_session open_session(bool can_queue) {
    struct desk_session it = {.bench = bench_new()};
    for (unsigned i = 0; i < DESK_FLASH_BYTES; i++) {
        it.bench->desk->flash[i] = (uint8_t)(i * 13 + i / 509);
    }
    if (can_queue) {
        bench_queue(it.bench);
    }
    it.redfu = bench_redfu(it.bench);
    struct redfu_device *devices;
    size_t count;
    assert_int_equal(redfu_list(it.redfu, &devices, &count, &fault), REDFU_OK);
    assert_int_equal(redfu_open(it.redfu, &devices[0], &it.session, &fault), REDFU_OK);
    free(devices);
    memset(out, 0, sizeof out);
    bench_arm(it.bench);
    return it;
}

static void close_session(struct desk_session *it) {
    assert_int_equal(it->bench->waiting, 0);
    redfu_close(it->session);
    redfu_free(it->redfu);
    bench_free(it->bench);
}

static void whole_blocks_are_handed_in_ahead_in_order(void **unused) {
    (void)unused;
    struct desk_session it = open_session(true);
    assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
    assert_memory_equal(out, bench_flash(it.bench, ADDR), LEN);
    assert_int_equal(it.bench->waited, TRANSPORT_QUEUE_MAX);
    unsigned block = 2;
    for (unsigned i = 0; i < it.bench->log_count && block < 2 + BLOCKS; i++) {
        if (it.bench->log[i].bRequest == DFU_UPLOAD) {
            assert_int_equal(it.bench->log[i].wValue, block++);
        }
    }
    assert_int_equal(bench_count(it.bench, 0, DFU_UPLOAD), BLOCKS + 1);
    close_session(&it);
}

static void a_transport_that_cannot_is_not_asked_to(void **unused) {
    (void)unused;
    struct desk_session it = open_session(false);
    assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
    assert_memory_equal(out, bench_flash(it.bench, ADDR), LEN);
    close_session(&it);
}

// ST's class at high speed loses its place for good when a request comes close behind a status stage.
static void one_that_is_not_redfu_boot_is_asked_for_one_at_a_time(void **unused) {
    (void)unused;
    struct desk_session it = open_session(true);
    it.bench->no_sums = true;
    assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
    assert_memory_equal(out, bench_flash(it.bench, ADDR), LEN);
    assert_int_equal(it.bench->waited, 0);
    close_session(&it);
}

// Whether transfer `number` of an undisturbed reading is an UPLOAD behind the first, of a whole block.
static bool ahead[TRANSFERS + 1];

static int find_ahead(void **unused) {
    (void)unused;
    struct desk_session it = open_session(true);
    assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
    assert_true(it.bench->log_count <= TRANSFERS);
    for (unsigned i = 0; i < it.bench->log_count; i++) {
        const struct usb_setup *setup = &it.bench->log[i];
        ahead[i + 1] = setup->bRequest == DFU_UPLOAD && setup->wValue > 2 && setup->wLength == 2048;
    }
    close_session(&it);
    return 0;
}

static void one_that_goes_wrong_is_asked_for_again_alone_and_so_are_the_rest(void **unused) {
    (void)unused;
    unsigned seen = 0;
    for (unsigned at = 1; at <= TRANSFERS; at++) {
        if (!ahead[at]) {
            continue;
        }
        for (unsigned lost = 0; lost < 2; lost++) {
            struct desk_session it = open_session(true);
            *(lost ? &it.bench->lose_at : &it.bench->stall_at) = at;
            assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
            assert_memory_equal(out, bench_flash(it.bench, ADDR), LEN);
            it.bench->waited = 0;
            assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_OK);
            assert_int_equal(it.bench->waited, 0);
            close_session(&it);
            seen++;
        }
    }
    assert_int_equal(seen, 2 * (BLOCKS - 1));
}

static void a_device_that_goes_is_told_with_its_place_and_nothing_more_is_sent(void **unused) {
    (void)unused;
    for (unsigned at = 1; at <= TRANSFERS; at++) {
        if (!ahead[at]) {
            continue;
        }
        struct desk_session it = open_session(true);
        it.bench->gone_at = at;
        assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, NULL, &fault), REDFU_UNPLUGGED);
        assert_int_equal(fault.phase, REDFU_PHASE_READ);
        assert_true(fault.has_addr);
        assert_int_equal(fault.addr, ADDR + (it.bench->log[at - 1].wValue - 2) * 2048u);
        assert_true(it.bench->log_count <= at + 1); // the one that was on the wire behind it
        close_session(&it);
    }
}

static void ctrl_c_waits_for_what_was_handed_in_and_leaves_dfu_idle(void **unused) {
    (void)unused;
    for (unsigned at = 1; at <= TRANSFERS; at++) {
        if (!ahead[at]) {
            continue;
        }
        struct desk_session it = open_session(true);
        it.bench->cancel_at = at;
        const struct redfu_watch watch = {.is_cancelled = bench_is_cancelled, .ctx = it.bench};
        assert_int_equal(redfu_read(it.session, 0, ADDR, LEN, out, &watch, &fault),
                         REDFU_CANCELLED);
        assert_int_equal(it.bench->desk->bootloader.dfu.state, DFU_STATE_IDLE);
        close_session(&it);
    }
}

static void a_difference_ends_the_reading_in_dfu_idle(void **unused) {
    (void)unused;
    struct desk_session it = open_session(true);
    memcpy(out, bench_flash(it.bench, ADDR), LEN);
    out[5 * 2048 + 7] ^= 1;
    const struct redfu_segment segment = {.addr = ADDR, .bytes = out, .len = LEN};
    assert_int_equal(redfu_verify(it.session, 0, &segment, 1, NULL, &fault), REDFU_MISMATCH);
    assert_int_equal(fault.addr, ADDR + 5 * 2048 + 7);
    assert_int_equal(it.bench->desk->bootloader.dfu.state, DFU_STATE_IDLE);
    assert_true(bench_count(it.bench, 0, DFU_UPLOAD) <= 6 + TRANSPORT_QUEUE_MAX);
    close_session(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_blocks_are_handed_in_ahead_in_order),
        cmocka_unit_test(a_transport_that_cannot_is_not_asked_to),
        cmocka_unit_test(one_that_is_not_redfu_boot_is_asked_for_one_at_a_time),
        cmocka_unit_test(one_that_goes_wrong_is_asked_for_again_alone_and_so_are_the_rest),
        cmocka_unit_test(a_device_that_goes_is_told_with_its_place_and_nothing_more_is_sent),
        cmocka_unit_test(ctrl_c_waits_for_what_was_handed_in_and_leaves_dfu_idle),
        cmocka_unit_test(a_difference_ends_the_reading_in_dfu_idle),
    };
    return cmocka_run_group_tests(tests, find_ahead, NULL);
}
