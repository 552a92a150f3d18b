// SPDX-License-Identifier: MIT
//
// core/dfu held against DFU 1.1's own table (dfu11_table.h, transcribed by someone who had not seen
// core/): every request in every DFU-mode state, brought about by requests alone.
//
// Where redfu departs on purpose the departure is listed here, by the name under which
// docs/protocol.md explains it. A departure that the specification would allow after all, or that
// the device does not show, fails as well: the list cannot go stale.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "doctor/conformance/dfu11_table.h"
#include "tests/unit/desk.h"

struct departure {
    enum dfu_state state;
    enum dfu11_event event;
    bool stall;
    enum dfu_state next_state;
    const char *name; // heading in docs/protocol.md
    bool used;
};

#define STATE(name) DFU_STATE_##name
static struct departure departures[] = {
    {STATE(IDLE), DFU11_DNLOAD_ZERO, false, STATE(MANIFEST_SYNC), "DfuSe leave", false},
    {STATE(DNLOAD_IDLE), DFU11_UPLOAD, true, STATE(DNLOAD_IDLE), "UPLOAD in dfuDNLOAD-IDLE", false},
    {STATE(DNLOAD_IDLE), DFU11_UPLOAD_ZERO, true, STATE(DNLOAD_IDLE), "UPLOAD in dfuDNLOAD-IDLE",
     false},
    {STATE(IDLE), DFU11_CLRSTATUS, false, STATE(IDLE), "Tolerated CLRSTATUS", false},
    {STATE(DNLOAD_SYNC), DFU11_CLRSTATUS, false, STATE(DNLOAD_SYNC), "Tolerated CLRSTATUS", false},
    {STATE(DNBUSY), DFU11_CLRSTATUS, false, STATE(DNBUSY), "Tolerated CLRSTATUS", false},
    {STATE(DNLOAD_IDLE), DFU11_CLRSTATUS, false, STATE(IDLE), "Tolerated CLRSTATUS", false},
    {STATE(MANIFEST_SYNC), DFU11_CLRSTATUS, false, STATE(MANIFEST_SYNC), "Tolerated CLRSTATUS",
     false},
    {STATE(MANIFEST), DFU11_CLRSTATUS, false, STATE(MANIFEST), "Tolerated CLRSTATUS", false},
    {STATE(UPLOAD_IDLE), DFU11_CLRSTATUS, false, STATE(IDLE), "Tolerated CLRSTATUS", false},
    {STATE(DNBUSY), DFU11_ABORT, false, STATE(DNBUSY), "Tolerated ABORT", false},
    {STATE(MANIFEST), DFU11_ABORT, false, STATE(MANIFEST), "Tolerated ABORT", false},
    {STATE(DNBUSY), DFU11_GETSTATUS, false, STATE(DNBUSY), "Asking while busy", false},
    {STATE(DNBUSY), DFU11_GETSTATE, false, STATE(DNBUSY), "Asking while busy", false},
    {STATE(MANIFEST), DFU11_GETSTATUS, false, STATE(MANIFEST), "Asking while busy", false},
    {STATE(MANIFEST), DFU11_GETSTATE, false, STATE(MANIFEST), "Asking while busy", false},
    {STATE(MANIFEST), DFU11_DETACH, true, STATE(MANIFEST), "Leaving is not undone", false},
    {STATE(MANIFEST), DFU11_DNLOAD_DATA, true, STATE(MANIFEST), "Leaving is not undone", false},
    {STATE(MANIFEST), DFU11_DNLOAD_ZERO, true, STATE(MANIFEST), "Leaving is not undone", false},
    {STATE(MANIFEST), DFU11_UPLOAD, true, STATE(MANIFEST), "Leaving is not undone", false},
    {STATE(MANIFEST), DFU11_UPLOAD_ZERO, true, STATE(MANIFEST), "Leaving is not undone", false},
};
#define DEPARTURE_COUNT (sizeof departures / sizeof departures[0])

static void command(struct desk *desk, uint8_t code) {
    uint8_t bytes[5] = {code};
    store_le32(bytes + 1, DESK_APPLICATION);
    assert_int_equal(desk_dnload(desk, 0, bytes, sizeof bytes), DESK_OK);
}

// Reads GETSTATUS's data stage and never its status stage: work goes on meanwhile.
static void getstatus_without_its_end(struct desk *desk) {
    desk_setup_only(desk, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_GETSTATUS, 0,
                    0, DFU_STATUS_LEN);
    desk->queued = false;
    usbd_in_done(&desk->bootloader.usbd);
}

static void bring_to(struct desk *desk, enum dfu_state state) {
    uint8_t bytes[64];
    uint16_t len = sizeof bytes;
    switch (state) {
    case DFU_STATE_IDLE:
        break;
    case DFU_STATE_DNLOAD_SYNC:
        command(desk, DFUSE_CMD_SET_ADDRESS);
        break;
    case DFU_STATE_DNBUSY:
        desk->erase_us = 10000000; // more than two answers are put off for
        command(desk, DFUSE_CMD_ERASE);
        getstatus_without_its_end(desk);
        break;
    case DFU_STATE_DNLOAD_IDLE:
        desk_command(desk, DFUSE_CMD_SET_ADDRESS, DESK_APPLICATION);
        break;
    case DFU_STATE_MANIFEST_SYNC:
        assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
        break;
    case DFU_STATE_MANIFEST:
        assert_int_equal(desk_dnload(desk, 0, NULL, 0), DESK_OK);
        assert_int_equal(desk_getstatus(desk).result, DESK_OK);
        break;
    case DFU_STATE_MANIFEST_WAIT_RESET:
        bring_to(desk, DFU_STATE_MANIFEST);
        desk_wait_ms(desk, DFU_LEAVE_GRACE_MS + 1);
        break;
    case DFU_STATE_UPLOAD_IDLE:
        assert_int_equal(desk_upload(desk, 2, bytes, &len), DESK_OK);
        break;
    case DFU_STATE_ERROR:
        assert_int_equal(desk_simple(desk, DFU_DETACH), DESK_STALL);
        break;
    default:
        fail_msg("state %u is the application's", (unsigned)state);
    }
    assert_string_equal(dfu_state_name(desk->bootloader.dfu.state), dfu_state_name(state));
}

// Whether a row's condition is this device's situation in bring_to()'s state; `prepare` may change
// the situation first. bitCanDnload and bitCanUpload are set, bitManifestationTolerant is not.
static bool applies(struct desk *desk, const struct dfu11_row *row) {
    switch (row->condition) {
    case DFU11_ALWAYS:
    case DFU11_IF_CAN_DNLOAD:
    case DFU11_IF_CAN_UPLOAD:
    case DFU11_IF_CAN_UPLOAD_FULL:
    case DFU11_IF_FULL_FRAME:
    case DFU11_IF_DEVICE_AGREES:
    case DFU11_IF_BLOCK_BUSY:
    case DFU11_IF_MANIFEST_PENDING:
        return true;
    case DFU11_IF_CAN_UPLOAD_SHORT:
    case DFU11_IF_SHORT_FRAME: // an upload that begins beyond what is left
        desk->bootloader.dfu.pointer = DESK_FLASH_BASE + DESK_FLASH_BYTES - 32;
        return true;
    case DFU11_IF_BLOCK_COMPLETE: // the work is over, the host has not asked again
        getstatus_without_its_end(desk);
        desk_wait_ms(desk, 1);
        assert_int_equal(desk->bootloader.dfu.state, DFU_STATE_DNLOAD_SYNC);
        return true;
    case DFU11_IF_BLOCK_FAILED: // a block of a job before failed
        desk->bootloader.dfu.update.failed = DFU_STATUS_ERR_PROG;
        return true;
    case DFU11_IF_MANIFEST_FAILED: // there is nothing to start
        memset(desk->flash, 0xff, DESK_FLASH_BYTES);
        return true;
    default:
        return false; // another kind of device: cannot download, manifestation tolerant ...
    }
}

static bool apply(struct desk *desk, enum dfu11_event event) {
    uint8_t bytes[64] = {0};
    uint16_t len = sizeof bytes;
    switch (event) {
    case DFU11_DETACH:
        return desk_simple(desk, DFU_DETACH) == DESK_STALL;
    case DFU11_DNLOAD_DATA:
        return desk_dnload(desk, 2, bytes, sizeof bytes) == DESK_STALL;
    case DFU11_DNLOAD_ZERO:
        return desk_dnload(desk, 2, NULL, 0) == DESK_STALL;
    case DFU11_UPLOAD:
        return desk_upload(desk, 2, bytes, &len) == DESK_STALL;
    case DFU11_UPLOAD_ZERO:
        len = 0;
        return desk_upload(desk, 2, bytes, &len) == DESK_STALL;
    case DFU11_GETSTATUS:
        return desk_getstatus(desk).result == DESK_STALL;
    case DFU11_CLRSTATUS:
        return desk_simple(desk, DFU_CLRSTATUS) == DESK_STALL;
    case DFU11_GETSTATE: {
        uint8_t state;
        len = 1;
        return desk_control(desk, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
                            DFU_GETSTATE, 0, 0, &state, &len) == DESK_STALL;
    }
    case DFU11_ABORT:
        return desk_simple(desk, DFU_ABORT) == DESK_STALL;
    case DFU11_UNKNOWN_REQUEST:
        return desk_simple(desk, 7) == DESK_STALL;
    default:
        fail_msg("event %u is no request", (unsigned)event);
        return false;
    }
}

// GETSTATUS in dfuDNLOAD-SYNC reports dfuDNBUSY and then the work may end at once, so for that cell
// the answer's bState is what the table speaks of ("about to enter", DFU 1.1 6.1.2).
static enum dfu_state state_after(const struct desk *desk, enum dfu11_event event, bool stalled) {
    return event == DFU11_GETSTATUS && !stalled ? desk->bootloader.dfu.reported
                                                : desk->bootloader.dfu.state;
}

static struct departure *departure_for(const struct dfu11_row *row) {
    for (size_t i = 0; i < DEPARTURE_COUNT; i++) {
        if (departures[i].state == row->state && departures[i].event == row->event) {
            return &departures[i];
        }
    }
    return NULL;
}

static unsigned check_row(const struct dfu11_row *row, unsigned *wrong) {
    struct desk *desk = desk_new();
    desk_put_application(desk);
    bring_to(desk, row->state);
    if (!applies(desk, row)) {
        desk_free(desk);
        return 0;
    }
    bool stalled = apply(desk, row->event);
    enum dfu_state after = state_after(desk, row->event, stalled);
    struct departure *departure = departure_for(row);
    bool is_right;
    if (departure) {
        departure->used = true;
        is_right = stalled == departure->stall && after == departure->next_state &&
                   !dfu11_allows(row, stalled, after);
    } else {
        is_right = dfu11_allows(row, stalled, after);
    }
    if (!is_right) {
        print_error("%s, event %d, condition %d (%s): %s, then %s\n", dfu_state_name(row->state),
                    row->event, row->condition, row->clause, stalled ? "STALL" : "accepted",
                    dfu_state_name(after));
        ++*wrong;
    }
    desk_free(desk);
    return 1;
}

static void every_cell_is_dfu_1_1_or_a_named_departure(void **state) {
    (void)state;
    unsigned wrong = 0;
    unsigned checked = 0;
    bool seen[DFU_STATE_COUNT][DFU11_REQUEST_COUNT] = {{false}};
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (row->state < DFU_STATE_IDLE || row->event >= DFU11_REQUEST_COUNT) {
            continue;
        }
        unsigned done = check_row(row, &wrong);
        checked += done;
        seen[row->state][row->event] |= done != 0;
    }
    for (unsigned s = DFU_STATE_IDLE; s < DFU_STATE_COUNT; s++) {
        for (unsigned r = 0; r < DFU11_REQUEST_COUNT; r++) {
            assert_true(seen[s][r]); // no cell is skipped
        }
    }
    for (size_t i = 0; i < DEPARTURE_COUNT; i++) {
        assert_true(departures[i].used);
    }
    print_message("%u rows checked, %zu departures\n", checked, DEPARTURE_COUNT);
    assert_int_equal(wrong, 0);
}

// The status that each refusal leaves (6.1.2): errSTALLEDPKT, and the first error stays.
static void a_refused_request_is_errSTALLEDPKT(void **state) {
    (void)state;
    unsigned checked = 0;
    for (size_t i = 0; i < DFU11_ROW_COUNT; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (row->state < DFU_STATE_IDLE || row->event >= DFU11_REQUEST_COUNT ||
            row->status != DFU11_STATUS_ERR_STALLEDPKT || departure_for(row)) {
            continue;
        }
        struct desk *desk = desk_new();
        desk_put_application(desk);
        bring_to(desk, row->state);
        if (applies(desk, row)) {
            assert_true(apply(desk, row->event));
            struct desk_status status = desk_getstatus(desk);
            assert_int_equal(status.status, DFU_STATUS_ERR_STALLEDPKT);
            assert_int_equal(status.state, DFU_STATE_ERROR);
            checked++;
        }
        desk_free(desk);
    }
    assert_true(checked >= 20);
}

// "Bus reset stays in DFU mode" in docs/protocol.md: the specification would revert to the
// application; Linux resets a device several times while it enumerates it.
static void a_bus_reset_leads_to_dfuIDLE_from_every_state(void **state) {
    (void)state;
    for (unsigned s = DFU_STATE_IDLE; s < DFU_STATE_COUNT; s++) {
        if (s == DFU_STATE_MANIFEST || s == DFU_STATE_MANIFEST_WAIT_RESET) {
            continue; // leaving goes on
        }
        struct desk *desk = desk_new();
        desk_put_application(desk);
        bring_to(desk, (enum dfu_state)s);
        usbd_bus_reset(&desk->bootloader.usbd);
        assert_int_equal(desk->bootloader.dfu.state, DFU_STATE_IDLE);
        assert_int_equal(desk->bootloader.dfu.status, DFU_STATUS_OK);
        desk_free(desk);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_dfu_1_1_or_a_named_departure),
        cmocka_unit_test(a_refused_request_is_errSTALLEDPKT),
        cmocka_unit_test(a_bus_reset_leads_to_dfuIDLE_from_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
