// SPDX-License-Identifier: MIT
//
// The conformance suite against core/, which fails nothing and departs only by name; and against devices that are
// wrong in one way each, where that assertion fails. A wrong device is core/ with one answer bent on the way.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/conformance/conformance.h"
#include "spec/dfu.h"
#include "tests/hosts/desk_device.h"

// What is bent: the answer to a request (type and code) becomes this one.
struct bend {
    uint8_t type, request;
    bool becomes_ok, becomes_stall;
    int first_byte; // of the data; -1: as it is
};

struct bent {
    struct device inner;
    const struct bend *bend;
    const char *watched; // an assertion's id
    enum conformance_verdict verdict;
    bool was_seen;
    unsigned stops_after; // reports; 0: never
    unsigned reports;
};

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct bent *bent = ctx;
    const struct bend *bend = bent->bend;
    enum device_result result =
        bent->inner.control(bent->inner.ctx, setup, data, moved, timeout_ms);
    if (bend && setup->bmRequestType == bend->type && setup->bRequest == bend->request &&
        result != DEVICE_GONE) {
        if (bend->first_byte >= 0 && *moved > 0) {
            data[0] = (uint8_t)bend->first_byte;
        }
        return bend->becomes_ok ? DEVICE_OK : bend->becomes_stall ? DEVICE_STALL : result;
    }
    return result;
}

static void wait_ms(void *ctx, uint32_t ms) {
    struct bent *bent = ctx;
    bent->inner.sleep(bent->inner.ctx, ms);
}

static uint64_t now_us(void *ctx) {
    struct bent *bent = ctx;
    return bent->inner.now_us(bent->inner.ctx);
}

static enum device_result reset(void *ctx) {
    struct bent *bent = ctx;
    return bent->inner.reset(bent->inner.ctx);
}

static bool report(void *ctx, const struct conformance_result *result) {
    struct bent *bent = ctx;
    bent->reports++;
    if (!bent->bend && result->verdict == CONFORMANCE_FAILED) {
        print_error("%s: expected %s, seen %s\n", result->id, result->expected, result->seen);
    }
    if (bent->watched && strcmp(result->id, bent->watched) == 0) {
        bent->was_seen = true;
        bent->verdict = result->verdict;
    }
    return bent->reports != bent->stops_after;
}

static struct conformance_summary examine(struct bent *bent, struct desk *desk) {
    desk->poll_us = 10;
    bent->inner = desk_device(desk);
    const struct device device = {
        .ctx = bent, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
    const struct conformance_options options = {
        .report = report, .ctx = bent, .allows_upsetting = true};
    return conformance_run(&device, &options);
}

static void redfu_boot_fails_none_and_departs_by_name_only(void **unused) {
    (void)unused;
    struct desk *desk = desk_new();
    struct bent bent = {.watched = "dfuIDLE/CLRSTATUS"};
    struct conformance_summary summary = examine(&bent, desk);
    assert_null(summary.why);
    assert_int_equal(summary.count[CONFORMANCE_FAILED], 0);
    assert_true(summary.count[CONFORMANCE_HELD] >= 200);
    // docs/protocol.md, "Departures from DFU 1.1, by name": 8 cells, 4 of dfuDNBUSY, and 5 states that a bus reset meets.
    assert_int_equal(summary.count[CONFORMANCE_DEPARTS], 17);
    assert_int_equal(bent.verdict, CONFORMANCE_DEPARTS);
    desk_free(desk);
}

static void nothing_in_flash_changes(void **unused) {
    (void)unused;
    struct desk *desk = desk_new();
    static uint8_t before[DESK_FLASH_BYTES];
    memcpy(before, desk->flash, sizeof before);
    struct bent bent = {0};
    (void)examine(&bent, desk);
    assert_memory_equal(before, desk->flash, sizeof before);
    desk_free(desk);
}

static void each_bent_answer_fails_its_assertion(void **unused) {
    (void)unused;
    static const struct {
        struct bend bend;
        const char *id;
    } cases[] = {
        {{0x21, DFU_DETACH, true, false, -1}, "dfuIDLE/DETACH"},
        {{0x21, DFU_ABORT, false, true, -1}, "dfuIDLE/ABORT"},
        {{0xa1, DFU_GETSTATUS, false, false, DFU_STATUS_ERR_VENDOR},
         "GETSTATUS/bStatus-in-dfuIDLE"},
        {{0xa1, DFU_GETSTATUS, false, true, -1}, "GETSTATUS/wLength-6"},
        {{0x80, USB_GET_CONFIGURATION, false, false, 7}, "GET_CONFIGURATION/configured"},
        {{0x80, USB_GET_STATUS, false, true, -1}, "GET_STATUS/device"},
        {{0x01, USB_SET_INTERFACE, true, false, -1}, "SET_INTERFACE/an-alternate-too-many"},
        {{0x00, USB_SET_CONFIGURATION, true, false, -1}, "SET_CONFIGURATION/99"},
        {{0x00, USB_SET_FEATURE, true, false, -1}, "SET_FEATURE/device-42"},
        {{0x20, DFU_ABORT, true, false, -1}, "ABORT/to-the-device"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct desk *desk = desk_new();
        struct bent bent = {.bend = &cases[i].bend, .watched = cases[i].id};
        (void)examine(&bent, desk);
        if (!bent.was_seen || bent.verdict != CONFORMANCE_FAILED) {
            fail_msg("%s: %s", cases[i].id,
                     bent.was_seen ? conformance_verdict_name(bent.verdict) : "never asked");
        }
        desk_free(desk);
    }
}

static void the_caller_may_stop_it(void **unused) {
    (void)unused;
    struct desk *desk = desk_new();
    struct bent bent = {.stops_after = 100};
    struct conformance_summary summary = examine(&bent, desk);
    assert_int_equal(bent.reports, 100);
    assert_string_equal(summary.why, "interrupted");
    // And the device is left in dfuIDLE.
    uint8_t state = 0xff;
    uint16_t moved;
    const struct usb_setup setup = {0xa1, DFU_GETSTATE, 0, 0, 1};
    assert_int_equal(bent.inner.control(bent.inner.ctx, &setup, &state, &moved, 1000), DEVICE_OK);
    assert_int_equal(state, DFU_STATE_IDLE);
    desk_free(desk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redfu_boot_fails_none_and_departs_by_name_only),
        cmocka_unit_test(nothing_in_flash_changes),
        cmocka_unit_test(each_bent_answer_fails_its_assertion),
        cmocka_unit_test(the_caller_may_stop_it),
    };
    return cmocka_run_group_tests_name("hosts/conformance", tests, NULL, NULL);
}
