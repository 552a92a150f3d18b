// SPDX-License-Identifier: MIT
//
// Runs the parts of the suite one behind the other, and does for them what they have in common. A part
// ends with the device in dfuIDLE or says that it could not be led there.

#include "doctor/conformance/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/bytes.h"

#define CLASS_OUT         (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN          (USB_DIR_IN | CLASS_OUT)
// Enough for ABORT, CLRSTATUS twice (ST's class, state 15) and a device that is busy with a sector.
#define HEAL_STEPS        8u
// The longest poll that is waited for; erasing 128 KB takes 2 s (DS8626 table 40).
#define POLL_MAX_MS       5000u
// Each costs SUITE_TIMEOUT_MS.
#define SILENCES_MAX      6
#define STRING(number)    STRING_OF(number)
#define STRING_OF(number) #number

const char *conformance_verdict_name(enum conformance_verdict verdict) {
    static const char *const names[CONFORMANCE_VERDICTS] = {"held", "departs", "FAILED", "untried"};
    return names[verdict];
}

const char *suite_result_name(enum device_result result) {
    static const char *const names[] = {[DEVICE_OK] = "acknowledged",
                                        [DEVICE_STALL] = "STALL",
                                        [DEVICE_TIMEOUT] = "no answer within 5 s",
                                        [DEVICE_GONE] = "the device has gone"};
    return names[result];
}

void suite_judge(struct suite *s, const char *id, const char *clause,
                 enum conformance_verdict verdict, const char *expected, const char *seen, ...) {
    if (s->is_over) {
        return;
    }
    va_list arguments;
    va_start(arguments, seen);
    (void)vsnprintf(s->seen, sizeof s->seen, seen, arguments);
    va_end(arguments);
    if (s->was_kept_back) {
        s->was_kept_back = false;
        verdict = CONFORMANCE_UNTRIED;
        (void)snprintf(s->seen, sizeof s->seen, "the operating system does not send that");
    }
    struct conformance_result result = {
        .id = id, .clause = clause, .expected = expected, .seen = s->seen, .verdict = verdict};
    s->summary.count[verdict]++;
    if (!s->options->report(s->options->ctx, &result)) {
        s->is_over = true;
        s->summary.why = "interrupted";
    }
}

void suite_untried(struct suite *s, const char *id, const char *clause, const char *expected,
                   const char *why) {
    suite_judge(s, id, clause, CONFORMANCE_UNTRIED, expected, "%s", why);
}

// A device that did not answer, or went away, is reset or waited for, so that the next question finds it. One
// that does so again and again is left alone.
static void come_back(struct suite *s, enum device_result result) {
    s->silences += result == DEVICE_TIMEOUT;
    if (s->silences > SILENCES_MAX) {
        s->is_over = true;
        s->summary.why = "the device left " STRING(
            SILENCES_MAX) " requests in a row unanswered; what comes after is untried";
    } else if (s->device->reset(s->device->ctx) != DEVICE_OK) {
        s->is_over = true;
        s->summary.why = "the device has gone and did not come back";
    }
}

// Linux' usbfs sends no request to an interface, alternate setting or endpoint that the configuration does not have.
static bool is_kept_back(const struct suite *s, const struct usb_setup *setup,
                         enum device_result result) {
    unsigned recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    bool is_standard = (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD;
    bool is_elsewhere = (recipient == USB_RECIPIENT_INTERFACE && setup->wIndex != s->interface) ||
                        (recipient == USB_RECIPIENT_ENDPOINT && (setup->wIndex & 0x7fu) != 0) ||
                        (is_standard && setup->bRequest == USB_SET_INTERFACE);
    return s->options->is_over_system && result == DEVICE_GONE && is_elsewhere && !s->is_over;
}

enum device_result suite_control(struct suite *s, uint8_t type, uint8_t request, uint16_t value,
                                 uint16_t index, void *data, uint16_t len, uint16_t *moved) {
    struct usb_setup setup = {.bmRequestType = type,
                              .bRequest = request,
                              .wValue = value,
                              .wIndex = index,
                              .wLength = len};
    uint16_t actual = 0;
    enum device_result result = DEVICE_GONE;
    if (!s->is_over) {
        result = s->device->control(s->device->ctx, &setup, data, &actual, SUITE_TIMEOUT_MS);
    }
    s->result = result;
    if (moved) {
        *moved = actual;
    }
    if (is_kept_back(s, &setup, result)) {
        s->was_kept_back = true;
    } else if (s->may_leave && (result == DEVICE_TIMEOUT || result == DEVICE_GONE)) {
        // suite_leaving() looks whether it comes back
    } else if (result == DEVICE_TIMEOUT || (result == DEVICE_GONE && !s->is_over)) {
        come_back(s, result);
    } else {
        s->silences = 0;
    }
    return result;
}

enum device_result suite_request(struct suite *s, enum dfu_request_code request, uint16_t value,
                                 void *data, uint16_t len, uint16_t *moved) {
    bool in = request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
    return suite_control(s, in ? CLASS_IN : CLASS_OUT, (uint8_t)request, value, s->interface, data,
                         len, moved);
}

enum device_result suite_status(struct suite *s) {
    uint8_t answer[DFU_STATUS_LEN];
    uint16_t moved;
    s->status_at_us = s->device->now_us(s->device->ctx);
    enum device_result result = suite_request(s, DFU_GETSTATUS, 0, answer, sizeof answer, &moved);
    if (result != DEVICE_OK) {
        return result;
    }
    if (moved != sizeof answer) {
        return DEVICE_STALL; // descriptors.c and requests.c say what is wrong with it
    }
    s->status = answer[0];
    s->poll_ms = load_le24(answer + 1);
    s->state = answer[4];
    s->string = answer[5];
    return DEVICE_OK;
}

int suite_state(struct suite *s) {
    uint8_t state;
    uint16_t moved;
    return suite_request(s, DFU_GETSTATE, 0, &state, 1, &moved) == DEVICE_OK && moved == 1 ? state
                                                                                           : -1;
}

static void wait_poll(struct suite *s) {
    s->device->sleep(s->device->ctx, s->poll_ms < POLL_MAX_MS ? s->poll_ms + 1 : POLL_MAX_MS);
}

bool suite_heal(struct suite *s) {
    for (unsigned step = 0; step < HEAL_STEPS; step++) {
        switch (suite_state(s)) {
        case DFU_STATE_IDLE:
            return true;
        case DFU_STATE_ERROR:
            (void)suite_request(s, DFU_CLRSTATUS, 0, NULL, 0, NULL);
            break;
        case DFU_STATE_DNLOAD_SYNC:
        case DFU_STATE_DNBUSY:
            if (suite_status(s) == DEVICE_OK) {
                wait_poll(s);
            }
            break;
        case DFU_STATE_MANIFEST_SYNC:
        case DFU_STATE_DNLOAD_IDLE:
        case DFU_STATE_UPLOAD_IDLE:
            (void)suite_request(s, DFU_ABORT, 0, NULL, 0, NULL);
            break;
        default: // ST's class has a state 15, which CLRSTATUS leaves
            (void)suite_request(s, DFU_CLRSTATUS, 0, NULL, 0, NULL);
            break;
        }
    }
    if (s->device->reset(s->device->ctx) != DEVICE_OK) {
        s->is_over = true;
        s->summary.why =
            "the device could not be led to dfuIDLE, and after a bus reset it had gone";
        return false;
    }
    if (suite_state(s) == DFU_STATE_ERROR) {
        (void)suite_request(s, DFU_CLRSTATUS, 0, NULL, 0, NULL);
    }
    return suite_state(s) == DFU_STATE_IDLE;
}

enum device_result suite_harmless_dnload(struct suite *s) {
    uint8_t command[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_SET_ADDRESS};
    store_le32(command + 1, s->address);
    return suite_request(s, DFU_DNLOAD, DFUSE_BLOCK_COMMAND, command, sizeof command, NULL);
}

static bool to_download_idle(struct suite *s) {
    if (suite_harmless_dnload(s) != DEVICE_OK) {
        return false;
    }
    for (unsigned i = 0; i < HEAL_STEPS && suite_status(s) == DEVICE_OK; i++) {
        if (s->state == DFU_STATE_DNLOAD_IDLE) {
            return true;
        }
        wait_poll(s);
    }
    return false;
}

bool suite_enter(struct suite *s, enum dfu_state state) {
    if (!suite_heal(s)) {
        return false;
    }
    switch (state) {
    case DFU_STATE_IDLE:
        return true;
    case DFU_STATE_DNLOAD_SYNC:
        return s->has_address && suite_harmless_dnload(s) == DEVICE_OK &&
               suite_state(s) == DFU_STATE_DNLOAD_SYNC;
    case DFU_STATE_DNBUSY:
        // Set Address is work, too, as GETSTATUS behind it says. No GETSTATE: it has no place there.
        return s->has_address && suite_harmless_dnload(s) == DEVICE_OK &&
               suite_status(s) == DEVICE_OK && s->state == DFU_STATE_DNBUSY;
    case DFU_STATE_DNLOAD_IDLE:
        return s->has_address && to_download_idle(s);
    case DFU_STATE_UPLOAD_IDLE:
        // One byte of DfuSe's list of commands, or of plain DFU's image.
        return (s->attributes & DFU_ATTR_CAN_UPLOAD) &&
               suite_request(s, DFU_UPLOAD, 0, s->buffer, 1, NULL) == DEVICE_OK &&
               suite_state(s) == DFU_STATE_UPLOAD_IDLE;
    case DFU_STATE_MANIFEST_SYNC:
        return s->has_address && to_download_idle(s) &&
               suite_request(s, DFU_DNLOAD, DFUSE_BLOCK_FIRST_DATA, NULL, 0, NULL) == DEVICE_OK &&
               suite_state(s) == DFU_STATE_MANIFEST_SYNC;
    case DFU_STATE_ERROR:
        // DETACH is refused in every state of protocol 2 (A.2.3).
        (void)suite_request(s, DFU_DETACH, 0, NULL, 0, NULL);
        return suite_state(s) == DFU_STATE_ERROR;
    default:
        return false;
    }
}

struct conformance_summary conformance_run(const struct device *device,
                                           const struct conformance_options *options) {
    static void (*const parts[])(struct suite *) = {suite_descriptors,
                                                    suite_requests,
                                                    suite_cells,
                                                    suite_dfuse,
                                                    suite_chapter9,
                                                    suite_empty_blocks,
                                                    suite_wrong_configuration,
                                                    suite_leaving};
    struct suite s = {.device = device, .options = options};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0] && !s.is_over; i++) {
        parts[i](&s);
    }
    if (s.has_left) {
        return s.summary; // it was allowed to
    }
    // Whatever ended it, the device is left in dfuIDLE, if it is there.
    s.is_over = false;
    (void)suite_heal(&s);
    (void)suite_control(&s, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 0, s.interface, NULL, 0,
                        NULL);
    return s.summary;
}
