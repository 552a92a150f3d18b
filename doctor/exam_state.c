// SPDX-License-Identifier: MIT
//
// The state as it was found, before anything is healed. GETSTATE changes nothing in any state (DFU 1.1 A.2); GETSTATUS
// is asked only where it sets nothing going.

#include "doctor/exam_parts.h"

// How long dfuDNBUSY of an earlier session is given to end by itself: one sector's erase at x8 (DS8626).
#define BUSY_MS 4500u

static void judge_status(struct exam *x) {
    if (exam_status(x, EXAM_TIMEOUT_MS) != DEVICE_OK) {
        return;
    }
    report_fact(x->report, "state", "status as found", "%s", dfu_status_name(x->status));
    if (x->status == DFU_STATUS_OK) {
        return;
    }
    char text[EXAM_TEXT_MAX] = "";
    if (x->string != 0) {
        (void)exam_string(x, x->string, text);
    }
    report_add(x->report, "F10", REPORT_CERTAIN, exam_now(x),
               "the status of an earlier session was still there: %s%s%s",
               dfu_status_name(x->status), text[0] ? ", " : "", text);
}

static void judge_busy(struct exam *x) {
    uint64_t at_us = exam_now(x);
    for (uint32_t waited_ms = 0; waited_ms < BUSY_MS && !exam_is_cancelled(x); waited_ms += 500) {
        x->device->sleep(x->device->ctx, 500);
    }
    if (exam_state(x) == DFU_STATE_DNBUSY) {
        report_add(
            x->report, "F8", REPORT_LIKELY, at_us,
            "found in dfuDNBUSY, and still there after %u ms of silence: an erase or a write that "
            "failed and was not reported leaves it so",
            BUSY_MS);
    }
}

void exam_found_state(struct exam *x) {
    exam_says(x, "the state as it is");
    int state = exam_state(x);
    if (state < 0) {
        report_fact(x->report, "state", "as found", "GETSTATE was not answered");
        report_add_as(x->report, "F44", FINDING_WARNING, REPORT_CERTAIN, exam_now(x),
                      "GETSTATE, which no state forbids, was refused");
        (void)exam_heal(x);
        return;
    }
    report_fact(x->report, "state", "as found", "%d, %s", state, dfu_state_name((unsigned)state));
    if (state > DFU_STATE_ERROR) {
        report_add(x->report, "F9", REPORT_CERTAIN, exam_now(x),
                   "found in state %d, which DFU does not have", state);
    } else if (state != DFU_STATE_IDLE) {
        report_add(x->report, "F10", REPORT_CERTAIN, exam_now(x), "found in %s instead of dfuIDLE",
                   dfu_state_name((unsigned)state));
    }
    if (state == DFU_STATE_DNBUSY) {
        judge_busy(x);
    }
    if (state == DFU_STATE_IDLE || state == DFU_STATE_DNLOAD_IDLE ||
        state == DFU_STATE_UPLOAD_IDLE || state == DFU_STATE_ERROR) {
        judge_status(x);
    }
    (void)exam_heal(x);
}
