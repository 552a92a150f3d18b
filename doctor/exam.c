// SPDX-License-Identifier: MIT
//
// Requests, the way back to dfuIDLE, and the order of the parts.

#include "doctor/exam.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/exam_parts.h"

#include "spec/bytes.h"

#define CLASS_OUT    (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN     (USB_DIR_IN | CLASS_OUT)
#define LANGUAGE     0x0409u // English (United States)
// ABORT and two CLRSTATUS lead out of all known states; some need them twice.
#define HEAL_STEPS   8u
// The longest poll that is waited for at once.
#define POLL_MAX_MS  5000u
// The longest that flash may need: 32 s for a mass erase at x8 (DS8626 table 40).
#define POLL_SANE_MS 35000u
// Between two answers, whatever is announced: at first, and once there were so many that somebody announces less than
// it takes.
#define POLL_MIN_MS  1u
#define POLLS_QUICK  64u
#define POLL_LATE_MS 100u
// After Ctrl-C what was sent is waited for so long: in dfuDNBUSY every other request is out of place.
#define CANCELLED_MS 5000u

bool exam_is_cancelled(struct exam *x) {
    if (x->options->is_cancelled && x->options->is_cancelled(x->options->ctx)) {
        x->result.is_cancelled = true;
    }
    return x->result.is_cancelled;
}

void exam_says(struct exam *x, const char *format, ...) {
    if (x->options->progress) {
        char words[160];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(words, sizeof words, format, args);
        va_end(args);
        x->options->progress(x->options->ctx, words);
    }
}

uint64_t exam_now(const struct exam *x) {
    return record_now(&x->record);
}

// -- Requests

enum device_result exam_control(struct exam *x, uint8_t type, uint8_t request, uint16_t value,
                                uint16_t index, void *data, uint16_t len, uint16_t *moved,
                                uint32_t timeout_ms) {
    const struct usb_setup setup = {.bmRequestType = type,
                                    .bRequest = request,
                                    .wValue = value,
                                    .wIndex = index,
                                    .wLength = len};
    uint16_t actual = 0;
    enum device_result result = DEVICE_GONE;
    uint64_t at_us = exam_now(x);
    if (!x->is_over) {
        result = x->device->control(x->device->ctx, &setup, data, &actual, timeout_ms);
    }
    x->us = exam_now(x) - at_us;
    if (moved) {
        *moved = actual;
    }
    if (result == DEVICE_TIMEOUT) {
        char words[112];
        bool is_list = type == CLASS_IN && request == DFU_UPLOAD && value == DFUSE_BLOCK_COMMAND;
        // Programs do without the list of commands.
        report_add_as(x->report, "F42", is_list ? FINDING_WARNING : FINDING_FAULT, REPORT_CERTAIN,
                      at_us, "%s was not answered within %" PRIu32 " ms",
                      record_words(&setup, data, words, sizeof words), timeout_ms);
    }
    return result;
}

enum device_result exam_request(struct exam *x, enum dfu_request_code request, uint16_t value,
                                void *data, uint16_t len, uint16_t *moved) {
    bool in = request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
    return exam_control(x, in ? CLASS_IN : CLASS_OUT, (uint8_t)request, value, x->interface, data,
                        len, moved, EXAM_TIMEOUT_MS);
}

enum device_result exam_status(struct exam *x, uint32_t timeout_ms) {
    uint8_t answer[DFU_STATUS_LEN];
    uint16_t moved;
    enum device_result result = exam_control(x, CLASS_IN, DFU_GETSTATUS, 0, x->interface, answer,
                                             sizeof answer, &moved, timeout_ms);
    if (result != DEVICE_OK) {
        return result;
    }
    if (moved != sizeof answer) {
        report_add(x->report, "F45", REPORT_CERTAIN, exam_now(x),
                   "GETSTATUS gave %u bytes instead of 6", moved);
        return DEVICE_STALL;
    }
    x->status = answer[0];
    x->poll_ms = load_le24(answer + 1);
    x->state = answer[4];
    x->string = answer[5];
    return DEVICE_OK;
}

int exam_state(struct exam *x) {
    uint8_t state;
    uint16_t moved;
    return exam_request(x, DFU_GETSTATE, 0, &state, 1, &moved) == DEVICE_OK && moved == 1 ? state
                                                                                          : -1;
}

// It was taken, twice, and the device is where it was.
static void judge_abort(struct exam *x, int state) {
    if (!report_has(x->report, "F9")) {
        report_add(x->report, "F9", REPORT_CERTAIN, exam_now(x),
                   "ABORT in %s is taken and changes nothing: whoever reads or erases next is "
                   "refused",
                   dfu_state_name((unsigned)state));
    }
}

bool exam_heal(struct exam *x) {
    for (unsigned round = 0; round < 2 && !x->is_over; round++) {
        int aborted = -1; // the state that an ABORT was taken in
        unsigned in_vain = 0;
        for (unsigned step = 0; step < HEAL_STEPS; step++) {
            int state = exam_state(x);
            in_vain = state >= 0 && state == aborted ? in_vain + 1 : 0;
            if (in_vain == 2) {
                judge_abort(x, state);
            }
            if (state == DFU_STATE_IDLE) {
                return true;
            }
            if (state < 0) {
                break;
            }
            bool is_abortable = state == DFU_STATE_DNLOAD_SYNC || state == DFU_STATE_DNLOAD_IDLE ||
                                state == DFU_STATE_MANIFEST_SYNC || state == DFU_STATE_UPLOAD_IDLE;
            bool is_taken = exam_request(x, is_abortable ? DFU_ABORT : DFU_CLRSTATUS, 0, NULL, 0,
                                         NULL) == DEVICE_OK;
            aborted = is_abortable && is_taken ? state : -1;
        }
        if (round == 0 && x->device->reset(x->device->ctx) != DEVICE_OK) {
            break;
        }
    }
    if (!x->is_over) {
        x->is_over = true;
        report_incomplete(x->report,
                          "the device could not be led to dfuIDLE by ABORT, CLRSTATUS or a bus "
                          "reset; pull the plug and try again");
    }
    return false;
}

bool exam_string(struct exam *x, uint8_t index, char text[EXAM_TEXT_MAX]) {
    uint8_t bytes[255];
    uint16_t moved = 0;
    text[0] = '\0';
    if (exam_control(x, USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(USB_DT_STRING << 8 | index),
                     LANGUAGE, bytes, sizeof bytes, &moved, EXAM_TIMEOUT_MS) != DEVICE_OK) {
        return false;
    }
    if (moved < 2 || bytes[1] != USB_DT_STRING || bytes[0] != moved || moved % 2 != 0) {
        report_add(x->report, "F39", REPORT_CERTAIN, exam_now(x),
                   "string %u: %u bytes came, bLength is %u and the type %u", index, moved,
                   moved ? bytes[0] : 0u, moved > 1 ? bytes[1] : 0u);
    }
    if (moved < 2 || bytes[1] != USB_DT_STRING) {
        return false;
    }
    (void)usb_text(bytes + 2, (moved - 2u) / 2, text);
    return true;
}

// -- A download and what becomes of it

struct exam_work exam_download(struct exam *x, uint16_t block, void *data, uint16_t len) {
    struct exam_work work = {.asked = DEVICE_GONE, .first_state = 0xff};
    uint64_t start_us = exam_now(x);
    uint64_t first_us = 0;
    work.sent = exam_request(x, DFU_DNLOAD, block, data, len, NULL);
    for (unsigned i = 0; work.sent == DEVICE_OK; i++) {
        work.asked = exam_status(x, EXAM_ERASE_MS);
        work.us = exam_now(x) - start_us;
        work.longest_us = x->us > work.longest_us ? x->us : work.longest_us;
        work.busy_us = work.longest_us > work.busy_us ? work.longest_us : work.busy_us;
        if (work.asked != DEVICE_OK) {
            return work;
        }
        if (i == 0) {
            work.first_state = x->state;
            work.first_poll_ms = x->poll_ms;
            first_us = work.us;
        }
        if (x->state != DFU_STATE_DNBUSY && x->state != DFU_STATE_DNLOAD_SYNC) {
            work.is_done = x->state == DFU_STATE_DNLOAD_IDLE && x->status == DFU_STATUS_OK;
            return work;
        }
        work.busy_answers += x->state == DFU_STATE_DNBUSY;
        if (x->state == DFU_STATE_DNBUSY && x->poll_ms > x->longest_poll_ms) {
            x->longest_poll_ms = x->poll_ms;
        }
        if (x->state == DFU_STATE_DNBUSY && work.us - first_us > work.busy_us) {
            work.busy_us = work.us - first_us;
        }
        if (work.us > EXAM_ERASE_MS * 1000ull ||
            (work.us > CANCELLED_MS * 1000ull && !x->must_finish && exam_is_cancelled(x))) {
            work.is_stuck = x->must_finish || !x->result.is_cancelled;
            return work;
        }
        uint32_t wait = x->poll_ms < POLL_MAX_MS ? x->poll_ms : POLL_MAX_MS;
        uint32_t least = i < POLLS_QUICK ? POLL_MIN_MS : POLL_LATE_MS;
        x->device->sleep(x->device->ctx, wait > least ? wait : least);
    }
    return work;
}

struct exam_work exam_command(struct exam *x, uint8_t command, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {command};
    store_le32(bytes + 1, addr);
    return exam_download(x, DFUSE_BLOCK_COMMAND, bytes, sizeof bytes);
}

// -- All of it

static void put_areas(struct exam *x) {
    for (unsigned i = 0; i < x->layout.run_count; i++) {
        const struct layout_run *run = &x->layout.runs[i];
        struct report_area area = {.alternate = x->options->alternate,
                                   .addr = run->addr,
                                   .sector_bytes = run->sector_bytes,
                                   .count = run->count,
                                   .can = run->type};
        (void)snprintf(area.name, sizeof area.name, "%.*s",
                       (int)strcspn(x->names[x->options->alternate], "/"),
                       x->names[x->options->alternate]);
        report_area(x->report, &area);
    }
}

static void examine(struct exam *x) {
    exam_found_state(x);
    exam_layout(x);
    put_areas(x);
    if (!x->is_over && !exam_is_cancelled(x)) {
        exam_reading(x);
    }
    if (x->options->sector_count != 0 && !exam_is_cancelled(x)) {
        exam_sectors(x);
    }
    if (x->options->must_leave && !exam_is_cancelled(x)) {
        exam_leave(x);
    }
}

// A host that obeys waits for hours.
static void judge_polls(const struct exam *x) {
    if (x->longest_poll_ms > POLL_SANE_MS) {
        report_add_as(x->report, "F23", FINDING_FAULT, REPORT_CERTAIN, exam_now(x),
                      "with dfuDNBUSY the device asks to be left alone for %" PRIu32
                      " s (bwPollTimeout 0x%06" PRIX32 "): hosts wait as long as they are told, "
                      "which looks like a hang",
                      x->longest_poll_ms / 1000, x->longest_poll_ms);
    }
}

struct exam_result exam_run(const struct device *device, const struct exam_options *options,
                            struct report *report) {
    struct exam_result nothing = {0};
    struct exam *x = calloc(1, sizeof *x);
    if (!x) {
        report->is_short = true;
        report_incomplete(report, "out of memory");
        return nothing;
    }
    x->options = options;
    x->report = report;
    record_begin(&x->record, device, report);
    x->device = &x->record.device;
    if (exam_descriptors(x)) {
        if (!exam_is_cancelled(x)) {
            examine(x);
            judge_polls(x);
        }
        x->result.is_idle = !x->is_over && exam_heal(x);
    }
    if (x->result.is_cancelled) {
        report_incomplete(report, "interrupted");
    }
    struct exam_result result = x->result;
    free(x);
    return result;
}
