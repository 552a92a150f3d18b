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
// To manifest, reset and be gone, before it is looked for again.
#define LEAVING_MS      1000u

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
    // Hosts ask at all times, and a stall would end their session.
    {S(DNBUSY), DFU11_GETSTATE, false, S(DNBUSY), "GETSTATE is answered while busy"},
    {S(DNBUSY), DFU11_GETSTATUS, false, S(DNBUSY), "GETSTATUS is answered before its time"},
    {S(DNBUSY), DFU11_CLRSTATUS, false, S(DNBUSY), "tolerated CLRSTATUS"},
    {S(DNBUSY), DFU11_ABORT, false, S(DNBUSY), "ST's class: ABORT is ignored while busy"},
    // A device that has said dfuMANIFEST is about to detach; dfuERROR would keep it, half gone.
    {S(MANIFEST), DFU11_DETACH, true, S(MANIFEST), "the leave goes on"},
    {S(MANIFEST), DFU11_DNLOAD_DATA, true, S(MANIFEST), "the leave goes on"},
    {S(MANIFEST), DFU11_DNLOAD_ZERO, true, S(MANIFEST), "the leave goes on"},
    {S(MANIFEST), DFU11_UPLOAD, true, S(MANIFEST), "the leave goes on"},
    {S(MANIFEST), DFU11_UPLOAD_ZERO, true, S(MANIFEST), "the leave goes on"},
    {S(MANIFEST), DFU11_GETSTATUS, false, S(MANIFEST), "GETSTATUS is answered while it leaves"},
    {S(MANIFEST), DFU11_CLRSTATUS, false, S(MANIFEST), "tolerated CLRSTATUS"},
    {S(MANIFEST), DFU11_GETSTATE, false, S(MANIFEST), "GETSTATE is answered while it leaves"},
    {S(MANIFEST), DFU11_ABORT, false, S(MANIFEST), "ST's class: ABORT is ignored while it leaves"},
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
        (void)suite_state(s);
        return s->result;
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

// What a cell is called, and what the first row has to say of it. NULL: there is no such cell.
static const struct dfu11_row *describe(struct suite *s, enum dfu_state state,
                                        enum dfu11_event event, char clause[80],
                                        char expected[80]) {
    const struct dfu11_row *row = first_row(state, event);
    if (row) {
        (void)snprintf(s->id, sizeof s->id, "%s/%s", dfu_state_name(state), event_name(event));
        (void)snprintf(clause, 80, "DFU 1.1 %.60s", row->clause);
        (void)snprintf(expected, 80, "%s, then %s", row->stall ? "STALL" : "acknowledged",
                       dfu_state_name(row->next_state));
    }
    return row;
}

// Sends it, in that state, and judges. dfuDNBUSY ends by itself with bwPollTimeout, and dfuMANIFEST with its own:
// of a request that may have come later what the state behind it says holds as well. `at_us` is before the
// GETSTATUS that announced the time.
static void put_request(struct suite *s, enum dfu_state state, enum dfu_state behind,
                        enum dfu11_event event, uint64_t at_us, const char *clause,
                        const char *expected) {
    uint32_t poll_ms = s->poll_ms;
    bool is_full;
    enum device_result result = send(s, event, &is_full);
    bool stall = result == DEVICE_STALL;
    bool is_late = s->device->now_us(s->device->ctx) - at_us >= poll_ms * 1000ull;
    int next = event == DFU11_GETSTATUS && result == DEVICE_OK ? s->state : suite_state(s);
    const char *named = departure(state, event, stall, next);
    bool is_held =
        (result == DEVICE_OK || stall) &&
        (is_in_table(s, state, event, stall, next, is_full) ||
         (is_late && behind != state && is_in_table(s, behind, event, stall, next, is_full)));
    bool is_as_behind = behind != state && (is_in_table(s, behind, event, stall, next, is_full) ||
                                            departure(behind, event, stall, next));
    if (!named && is_as_behind) {
        named = state == DFU_STATE_DNBUSY ? "done before its time, and as in dfuDNLOAD-SYNC"
                                          : "done before its time";
    }
    // It said that it would detach, or what it does is what a reset does (DFU 1.1 7).
    bool is_leaving = state == DFU_STATE_MANIFEST || state == DFU_STATE_MANIFEST_WAIT_RESET;
    if (is_leaving && (result == DEVICE_GONE || next < 0)) {
        named = result == DEVICE_OK || stall ? "it has left by itself behind the answer"
                                             : "it has left by itself";
    }
    suite_judge(s, s->id, clause,
                is_held ? CONFORMANCE_HELD
                : named ? CONFORMANCE_DEPARTS
                        : CONFORMANCE_FAILED,
                expected, "%s%s%s, then %s (%d)", !is_held && named ? named : "",
                !is_held && named ? ": " : "", suite_result_name(result),
                next < 0 ? "GETSTATE is not answered" : dfu_state_name((unsigned)next), next);
}

static void cell(struct suite *s, enum dfu_state state, enum dfu11_event event) {
    char clause[80];
    char expected[80];
    if (!describe(s, state, event, clause, expected)) {
        return;
    }
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
    put_request(s, state, state == DFU_STATE_DNBUSY ? DFU_STATE_DNLOAD_SYNC : state, event,
                s->status_at_us, clause, expected);
}

static void cells(struct suite *s, bool is_empty) {
    static const enum dfu_state states[] = {
        DFU_STATE_IDLE,          DFU_STATE_DNLOAD_SYNC, DFU_STATE_DNBUSY, DFU_STATE_DNLOAD_IDLE,
        DFU_STATE_MANIFEST_SYNC, DFU_STATE_UPLOAD_IDLE, DFU_STATE_ERROR};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned event = 0; event < DFU11_REQUEST_COUNT && !s->is_over; event++) {
            // GETSTATUS in dfuMANIFEST-SYNC is what makes the device leave.
            bool leaves = states[i] == DFU_STATE_MANIFEST_SYNC && event == DFU11_GETSTATUS;
            if (!leaves && (event == DFU11_DNLOAD_ZERO) == is_empty) {
                cell(s, states[i], (enum dfu11_event)event);
            }
        }
    }
    (void)suite_heal(s);
}

void suite_cells(struct suite *s) {
    cells(s, false);
}

void suite_empty_blocks(struct suite *s) {
    cells(s, true);
}

// -- The states from which a device leaves

// An application that runs, and has an interface for going back to DFU mode, is asked to.
static void ask_back(struct suite *s) {
    uint8_t config[SUITE_CONFIG_MAX];
    uint16_t len;
    if (suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8, 0, config,
                      sizeof config, &len) != DEVICE_OK) {
        return;
    }
    for (unsigned at = 0; at + USB_INTERFACE_DESCRIPTOR_LEN <= len && config[at] >= 2;
         at += config[at]) {
        const uint8_t *one = config + at;
        if (one[1] == USB_DT_INTERFACE && one[5] == DFU_INTERFACE_CLASS &&
            one[6] == DFU_INTERFACE_SUBCLASS && one[7] == DFU_PROTOCOL_RUNTIME) {
            (void)suite_control(s, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_DETACH, LEAVING_MS,
                                one[2], NULL, 0, NULL);
            s->device->sleep(s->device->ctx, LEAVING_MS);
            return;
        }
    }
}

// Whether it is there again, in DFU mode, and led to dfuIDLE.
static bool has_come_back(struct suite *s) {
    s->device->sleep(s->device->ctx, LEAVING_MS);
    for (unsigned i = 0; i < 2; i++) {
        bool is_there = s->device->reset(s->device->ctx) == DEVICE_OK;
        if (is_there && suite_state(s) >= DFU_STATE_IDLE) { // below it runs its application
            return suite_heal(s);
        }
        if (is_there) {
            ask_back(s);
        }
    }
    return false;
}

// By the GETSTATUS that a device leaves after; for dfuMANIFEST-WAIT-RESET its time has to pass, too. NULL: it is there.
static const char *enter_leaving(struct suite *s, enum dfu_state state) {
    if (!suite_enter(s, DFU_STATE_MANIFEST_SYNC)) {
        return "the device does not come into dfuMANIFEST-SYNC by what changes nothing";
    }
    if (state == DFU_STATE_MANIFEST_SYNC) {
        return NULL;
    }
    if (suite_status(s) != DEVICE_OK || s->state != DFU_STATE_MANIFEST) {
        return "its GETSTATUS does not lead to dfuMANIFEST";
    }
    if (state == DFU_STATE_MANIFEST) {
        return NULL;
    }
    if (s->attributes & DFU_ATTR_MANIFEST_TOLERANT) {
        return "bitManifestationTolerant is 1: there is no such state";
    }
    s->device->sleep(s->device->ctx, s->poll_ms < LEAVING_MS ? s->poll_ms + 1 : LEAVING_MS);
    int now = suite_state(s);
    return now == DFU_STATE_MANIFEST_WAIT_RESET ? NULL
           : now < 0 ? "it has left by itself, without waiting for a reset"
                     : "bwPollTimeout later GETSTATE tells another state";
}

void suite_leaving(struct suite *s) {
    static const enum dfu_state states[] = {DFU_STATE_MANIFEST_SYNC, DFU_STATE_MANIFEST,
                                            DFU_STATE_MANIFEST_WAIT_RESET};
    const char *why = !s->options->allows_leaving
                          ? "the device would leave DFU mode: not consented to"
                      : !s->is_dfuse ? "a plain DFU device leaves behind a download only"
                                     : NULL;
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (unsigned event = 0; event < DFU11_REQUEST_COUNT && !s->is_over; event++) {
            char clause[80];
            char expected[80];
            bool is_new = states[i] != DFU_STATE_MANIFEST_SYNC || event == DFU11_GETSTATUS;
            if (!is_new || !describe(s, states[i], (enum dfu11_event)event, clause, expected)) {
                continue;
            }
            s->may_leave = true;
            const char *not_there = why ? why : enter_leaving(s, states[i]);
            (void)describe(s, states[i], (enum dfu11_event)event, clause, expected);
            if (not_there) {
                suite_untried(s, s->id, clause, expected, not_there);
            } else {
                enum dfu_state behind = states[i] != DFU_STATE_MANIFEST ? states[i]
                                        : s->attributes & DFU_ATTR_MANIFEST_TOLERANT
                                            ? DFU_STATE_MANIFEST_SYNC
                                            : DFU_STATE_MANIFEST_WAIT_RESET;
                put_request(s, states[i], behind, (enum dfu11_event)event, s->status_at_us, clause,
                            expected);
            }
            if (!why && !has_come_back(s)) {
                why = "the device left DFU mode and has not come back";
                s->has_left = true;
            }
            s->may_leave = false;
        }
    }
}
