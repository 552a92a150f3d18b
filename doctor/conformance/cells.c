// SPDX-License-Identifier: MIT
//
// The state table of DFU 1.1 annex A cell by cell (dfu11_table.h): the device is brought into a state, one
// request is sent, and whether it was stalled and which state follows is held against the rows. Departures
// that hosts rely on are in a list of their own, by name; what is in neither has failed.

#include <stdio.h>

#include "doctor/conformance/dfu11_table.h"
#include "doctor/conformance/suite.h"

// A class request that table 3.2 does not define.
#define UNKNOWN_REQUEST 0x2au

struct departure {
    enum dfu_state state;
    enum dfu11_event event;
    bool stall;
    enum dfu_state next_state;
    const char *name;
};

#define S(name) DFU_STATE_##name
static const struct departure departures[] = {
    {S(IDLE), DFU11_DNLOAD_ZERO, false, S(MANIFEST_SYNC), "DfuSe leave (AN2662 4.5.5)"},
    // CubeProgrammer asks there, then sends ABORT and asks again; ST's class stalls and stays.
    {S(DNLOAD_IDLE), DFU11_UPLOAD, true, S(DNLOAD_IDLE), "ST's class: UPLOAD waits for ABORT"},
    {S(DNLOAD_IDLE), DFU11_UPLOAD_ZERO, true, S(DNLOAD_IDLE), "ST's class: UPLOAD waits for ABORT"},
    // Hosts send CLRSTATUS to be sure (dfu-util, CubeProgrammer, Betaflight).
    {S(IDLE), DFU11_CLRSTATUS, false, S(IDLE), "tolerated CLRSTATUS"},
    {S(DNLOAD_SYNC), DFU11_CLRSTATUS, false, S(DNLOAD_SYNC), "tolerated CLRSTATUS"},
    {S(DNLOAD_SYNC), DFU11_CLRSTATUS, false, S(IDLE), "tolerated CLRSTATUS"},
    {S(DNLOAD_IDLE), DFU11_CLRSTATUS, false, S(IDLE), "tolerated CLRSTATUS"},
    {S(DNLOAD_IDLE), DFU11_CLRSTATUS, false, S(DNLOAD_IDLE), "tolerated CLRSTATUS"},
    {S(MANIFEST_SYNC), DFU11_CLRSTATUS, false, S(MANIFEST_SYNC), "tolerated CLRSTATUS"},
    {S(UPLOAD_IDLE), DFU11_CLRSTATUS, false, S(IDLE), "tolerated CLRSTATUS"},
    {S(UPLOAD_IDLE), DFU11_CLRSTATUS, false, S(UPLOAD_IDLE), "tolerated CLRSTATUS"},
};
#undef S

static const char *event_name(enum dfu11_event event) {
    static const char *const names[DFU11_REQUEST_COUNT] = {
        "DETACH",    "DNLOAD",    "DNLOAD-0", "UPLOAD", "UPLOAD-0",
        "GETSTATUS", "CLRSTATUS", "GETSTATE", "ABORT",  "unknown-request"};
    return names[event];
}

// Whether a row is about this device and this answer. What only the device knows (is a block still being
// written, does it agree that all has come) is granted to it.
static bool applies(const struct suite *s, const struct dfu11_row *row, bool is_full) {
    bool can_dnload = s->attributes & DFU_ATTR_CAN_DNLOAD;
    bool can_upload = s->attributes & DFU_ATTR_CAN_UPLOAD;
    switch (row->condition) {
    case DFU11_IF_CAN_DNLOAD:
        return can_dnload;
    case DFU11_IF_CANNOT_DNLOAD:
        return !can_dnload;
    case DFU11_IF_CAN_UPLOAD:
        return can_upload;
    case DFU11_IF_CAN_UPLOAD_FULL:
        return can_upload && is_full;
    case DFU11_IF_CAN_UPLOAD_SHORT:
        return can_upload && !is_full;
    case DFU11_IF_CANNOT_UPLOAD:
        return !can_upload;
    case DFU11_IF_FULL_FRAME:
        return is_full;
    case DFU11_IF_SHORT_FRAME:
        return !is_full;
    default:
        return true;
    }
}

static enum device_result send(struct suite *s, enum dfu11_event event, bool *is_full) {
    uint16_t moved = 0;
    enum device_result result;
    *is_full = true;
    switch (event) {
    case DFU11_DETACH:
        return suite_request(s, DFU_DETACH, 0, NULL, 0, NULL);
    case DFU11_DNLOAD_DATA:
        return suite_harmless_dnload(s);
    case DFU11_DNLOAD_ZERO:
        return suite_request(s, DFU_DNLOAD, DFUSE_BLOCK_FIRST_DATA, NULL, 0, NULL);
    case DFU11_UPLOAD:
        result = suite_request(s, DFU_UPLOAD, 0, s->buffer, 1, &moved);
        *is_full = moved == 1;
        return result;
    case DFU11_UPLOAD_ZERO:
        return suite_request(s, DFU_UPLOAD, 0, NULL, 0, NULL);
    case DFU11_GETSTATUS:
        return suite_status(s);
    case DFU11_CLRSTATUS:
        return suite_request(s, DFU_CLRSTATUS, 0, NULL, 0, NULL);
    case DFU11_GETSTATE:
        return suite_state(s) < 0 ? DEVICE_STALL : DEVICE_OK;
    case DFU11_ABORT:
        return suite_request(s, DFU_ABORT, 0, NULL, 0, NULL);
    default:
        return suite_control(s, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, UNKNOWN_REQUEST, 0,
                             s->interface, NULL, 0, NULL);
    }
}

static const struct dfu11_row *first_row(enum dfu_state state, enum dfu11_event event) {
    for (size_t i = 0; i < sizeof dfu11_rows / sizeof dfu11_rows[0]; i++) {
        if (dfu11_rows[i].state == state && dfu11_rows[i].event == event) {
            return &dfu11_rows[i];
        }
    }
    return NULL;
}

static bool is_in_table(const struct suite *s, enum dfu_state state, enum dfu11_event event,
                        bool stall, int next, bool is_full) {
    for (size_t i = 0; i < sizeof dfu11_rows / sizeof dfu11_rows[0]; i++) {
        const struct dfu11_row *row = &dfu11_rows[i];
        if (row->state != state || row->event != event || !applies(s, row, is_full)) {
            continue;
        }
        if ((row->stall == stall && (int)row->next_state == next) ||
            (row->other_stall == stall && (int)row->other_next_state == next)) {
            return true;
        }
    }
    return false;
}

static const char *departure(enum dfu_state state, enum dfu11_event event, bool stall, int next) {
    for (size_t i = 0; i < sizeof departures / sizeof departures[0]; i++) {
        const struct departure *d = &departures[i];
        if (d->state == state && d->event == event && d->stall == stall &&
            (int)d->next_state == next) {
            return d->name;
        }
    }
    return NULL;
}

static void cell(struct suite *s, enum dfu_state state, enum dfu11_event event) {
    const struct dfu11_row *row = first_row(state, event);
    char clause[80];
    char expected[80];
    if (!row) {
        return;
    }
    (void)snprintf(s->id, sizeof s->id, "%s/%s", dfu_state_name(state), event_name(event));
    (void)snprintf(clause, sizeof clause, "DFU 1.1 %.60s", row->clause);
    (void)snprintf(expected, sizeof expected, "%s, then %s", row->stall ? "STALL" : "acknowledged",
                   dfu_state_name(row->next_state));
    if (event == DFU11_DNLOAD_DATA && !s->has_address) {
        suite_untried(s, s->id, clause, expected, "a DNLOAD would write: not consented to");
        return;
    }
    if (event == DFU11_DNLOAD_ZERO && !s->is_dfuse) {
        suite_untried(s, s->id, clause, expected, "it would end a download: not consented to");
        return;
    }
    if (!suite_enter(s, state)) {
        suite_untried(s, s->id, clause, expected,
                      s->has_address
                          ? "the device does not come into this state by what changes nothing"
                          : "a plain DFU device comes into this state by writing only");
        return;
    }
    bool is_full;
    enum device_result result = send(s, event, &is_full);
    bool stall = result == DEVICE_STALL;
    int next = event == DFU11_GETSTATUS && !stall ? s->state : suite_state(s);
    const char *named = departure(state, event, stall, next);
    bool is_held =
        (result == DEVICE_OK || stall) && is_in_table(s, state, event, stall, next, is_full);
    suite_judge(s, s->id, clause,
                is_held ? CONFORMANCE_HELD
                : named ? CONFORMANCE_DEPARTS
                        : CONFORMANCE_FAILED,
                expected, "%s%s%s, then %s (%d)", !is_held && named ? named : "",
                !is_held && named ? ": " : "", suite_result_name(result),
                next < 0 ? "GETSTATE is not answered" : dfu_state_name((unsigned)next), next);
}

void suite_cells(struct suite *s) {
    static const enum dfu_state states[] = {
        DFU_STATE_IDLE,          DFU_STATE_DNLOAD_SYNC, DFU_STATE_DNBUSY, DFU_STATE_DNLOAD_IDLE,
        DFU_STATE_MANIFEST_SYNC, DFU_STATE_UPLOAD_IDLE, DFU_STATE_ERROR};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned event = 0; event < DFU11_REQUEST_COUNT && !s->is_over; event++) {
            // GETSTATUS in dfuMANIFEST-SYNC is what makes the device leave.
            bool leaves = states[i] == DFU_STATE_MANIFEST_SYNC && event == DFU11_GETSTATUS;
            if (!leaves) {
                cell(s, states[i], (enum dfu11_event)event);
            }
        }
    }
    (void)suite_heal(s);
}
