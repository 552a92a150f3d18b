// SPDX-License-Identifier: MIT
//
// The DFU requests beside the state table: what GETSTATUS and GETSTATE answer and in which lengths, poll times,
// uploads, DNLOAD lengths that must be refused, requests in a wrong shape, and bus resets.

#include <stdio.h>
#include <string.h>

#include "doctor/conformance/suite.h"

#define MANY 1000u

static enum conformance_verdict held(bool ok) {
    return ok ? CONFORMANCE_HELD : CONFORMANCE_FAILED;
}

static void getstatus_lengths(struct suite *s) {
    uint8_t answer[8];
    uint16_t moved;
    for (uint16_t len = 0; len <= 8; len++) {
        (void)snprintf(s->id, sizeof s->id, "GETSTATUS/wLength-%u", len);
        uint16_t wanted = len < DFU_STATUS_LEN ? len : DFU_STATUS_LEN;
        enum device_result result = suite_request(s, DFU_GETSTATUS, 0, answer, len, &moved);
        suite_judge(s, s->id,
                    len == DFU_STATUS_LEN ? "DFU 1.1 6.1.2" : "DFU 1.1 6.1.2; USB 2.0 9.3.5",
                    held(result == DEVICE_OK && moved == wanted), "the 6 bytes, cut to wLength",
                    "%s, %u bytes", suite_result_name(result), moved);
    }
    uint8_t state;
    enum device_result result = suite_request(s, DFU_GETSTATE, 0, &state, 1, &moved);
    suite_judge(s, "GETSTATE/wLength-1", "DFU 1.1 6.1.5", held(result == DEVICE_OK && moved == 1),
                "1 byte", "%s, %u bytes", suite_result_name(result), moved);
}

static void getstatus_values(struct suite *s) {
    bool ok = suite_enter(s, DFU_STATE_IDLE) && suite_status(s) == DEVICE_OK;
    suite_judge(s, "GETSTATUS/bStatus-in-dfuIDLE", "DFU 1.1 6.1.2",
                held(ok && s->status == DFU_STATUS_OK), "OK", "%s",
                ok ? dfu_status_name(s->status) : "no answer");
    suite_judge(s, "GETSTATUS/bState-in-dfuIDLE", "DFU 1.1 6.1.2",
                held(ok && s->state == DFU_STATE_IDLE), "dfuIDLE", "%s (%u)",
                ok ? dfu_state_name(s->state) : "no answer", s->state);
    suite_judge(s, "GETSTATUS/agrees-with-GETSTATE", "DFU 1.1 6.1.5",
                held(ok && suite_state(s) == s->state), "the same state",
                "GETSTATUS %u, GETSTATE %d", s->state, suite_state(s));
    uint8_t text[255];
    bool has_string = s->string == 0 || suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                                      (uint16_t)(USB_DT_STRING << 8 | s->string),
                                                      0x0409, text, sizeof text, NULL) == DEVICE_OK;
    suite_judge(s, "GETSTATUS/iString", "DFU 1.1 6.1.2", held(ok && has_string),
                "0, or a string that can be read", "%u%s", s->string,
                has_string ? "" : ", which cannot be read");
    unsigned changes = 0;
    for (unsigned i = 0; i < MANY && ok; i++) {
        changes += suite_state(s) != DFU_STATE_IDLE;
    }
    suite_judge(s, "GETSTATE/a-thousand-times", "DFU 1.1 6.1.5", held(ok && changes == 0),
                "dfuIDLE each time", "%u of %u differ", changes, MANY);
    if (!suite_enter(s, DFU_STATE_ERROR) || suite_status(s) != DEVICE_OK) {
        suite_untried(s, "GETSTATUS/bStatus-in-dfuERROR", "DFU 1.1 6.1.2", "an error status",
                      "the device did not come into dfuERROR by a request that is refused there");
        return;
    }
    suite_judge(s, "GETSTATUS/bStatus-in-dfuERROR", "DFU 1.1 6.1.2",
                held(s->status == DFU_STATUS_ERR_STALLEDPKT),
                "errSTALLEDPKT after a request that was stalled", "%s", dfu_status_name(s->status));
    (void)suite_status(s);
    suite_judge(s, "GETSTATUS/error-stays", "DFU 1.1 6.1.3",
                held(s->state == DFU_STATE_ERROR && s->status != DFU_STATUS_OK),
                "dfuERROR until CLRSTATUS", "%s, %s", dfu_state_name(s->state),
                dfu_status_name(s->status));
    (void)suite_request(s, DFU_CLRSTATUS, 0, NULL, 0, NULL);
    ok = suite_status(s) == DEVICE_OK && s->status == DFU_STATUS_OK && s->state == DFU_STATE_IDLE;
    suite_judge(s, "CLRSTATUS/clears", "DFU 1.1 6.1.3", held(ok), "dfuIDLE and OK", "%s, %s",
                dfu_state_name(s->state), dfu_status_name(s->status));
}

// How long the device takes over a DNLOAD that changes nothing, against what it asked for.
static void poll_time(struct suite *s) {
    if (!s->has_address) {
        suite_untried(s, "bwPollTimeout/kept", "DFU 1.1 6.1.2", "no longer busy after it",
                      "a plain DFU device is busy after writing only: not consented to");
        return;
    }
    if (!suite_heal(s) || suite_harmless_dnload(s) != DEVICE_OK || suite_status(s) != DEVICE_OK) {
        suite_judge(s, "bwPollTimeout/kept", "DFU 1.1 6.1.2", CONFORMANCE_FAILED,
                    "no longer busy after it", "Set Address was not taken");
        return;
    }
    uint32_t announced = s->poll_ms;
    suite_judge(s, "bwPollTimeout/is-plausible", "DFU 1.1 6.1.2", held(announced <= 60000),
                "a minute at most for Set Address", "%u ms", (unsigned)announced);
    bool was_busy = s->state == DFU_STATE_DNBUSY;
    s->device->sleep(s->device->ctx, announced + 1);
    bool ok = suite_status(s) == DEVICE_OK && s->state == DFU_STATE_DNLOAD_IDLE;
    suite_judge(s, "bwPollTimeout/kept", "DFU 1.1 6.1.2; A.2.5", held(ok),
                "dfuDNLOAD-IDLE after it", "%s, %u ms announced, then %s",
                was_busy ? "busy" : "not busy", (unsigned)announced, dfu_state_name(s->state));
}

static void uploads(struct suite *s) {
    if (!(s->attributes & DFU_ATTR_CAN_UPLOAD)) {
        suite_untried(s, "UPLOAD/repeats", "DFU 1.1 6.2", "the same bytes twice",
                      "bitCanUpload is 0");
        return;
    }
    static uint8_t first[SUITE_BLOCK_MAX];
    uint16_t block = s->is_dfuse ? DFUSE_BLOCK_FIRST_DATA : 0;
    uint16_t len = s->transfer_bytes < SUITE_BLOCK_MAX ? s->transfer_bytes : SUITE_BLOCK_MAX;
    uint16_t moved = 0;
    enum device_result result = DEVICE_STALL;
    for (unsigned round = 0; round < 2; round++) {
        if (s->is_dfuse && !suite_enter(s, DFU_STATE_DNLOAD_IDLE)) {
            break;
        }
        if (!suite_heal(s)) {
            return;
        }
        memcpy(first, s->buffer, len);
        result = suite_request(s, DFU_UPLOAD, block, s->buffer, len, &moved);
    }
    suite_judge(s, "UPLOAD/repeats", "DFU 1.1 6.2",
                held(result == DEVICE_OK && memcmp(first, s->buffer, moved) == 0),
                "the same bytes twice", "%s, %u bytes", suite_result_name(result), moved);
    suite_judge(s, "UPLOAD/wTransferSize", "DFU 1.1 6.2", held(result == DEVICE_OK && moved <= len),
                "no more than was asked for", "%u of %u bytes", moved, len);
    if (moved == len) {
        uint8_t part[7];
        if (s->is_dfuse) {
            (void)suite_enter(s, DFU_STATE_DNLOAD_IDLE);
        }
        (void)suite_heal(s);
        result = suite_request(s, DFU_UPLOAD, block, part, sizeof part, &moved);
        suite_judge(s, "UPLOAD/odd-length", "DFU 1.1 6.2",
                    held(result == DEVICE_OK && moved == sizeof part &&
                         memcmp(part, s->buffer, moved) == 0),
                    "7 bytes, the same as before", "%s, %u bytes", suite_result_name(result),
                    moved);
    }
    (void)suite_heal(s);
}

// A DNLOAD longer than wTransferSize: refused at once or with the data, and nothing happens to the device.
static void too_long(struct suite *s) {
    static const char clause[] = "DFU 1.1 6.1.1";
    if (!s->options->allows_upsetting) {
        suite_untried(s, "DNLOAD/longer-than-wTransferSize", clause, "STALL",
                      "it may upset a device that is not sound: not consented to");
        return;
    }
    if (!s->has_address || s->transfer_bytes >= SUITE_BLOCK_MAX) {
        suite_untried(s, "DNLOAD/longer-than-wTransferSize", clause, "STALL",
                      s->has_address ? "wTransferSize is beyond this suite's own buffer"
                                     : "a plain DFU device might write it: not consented to");
        return;
    }
    if (!suite_heal(s)) {
        return;
    }
    // A block of DfuSe commands that begins with none that is defined.
    memset(s->buffer, 0xff, s->transfer_bytes + 1u);
    enum device_result result = suite_request(s, DFU_DNLOAD, DFUSE_BLOCK_COMMAND, s->buffer,
                                              (uint16_t)(s->transfer_bytes + 1u), NULL);
    bool refused = result == DEVICE_STALL;
    if (result == DEVICE_OK && suite_status(s) == DEVICE_OK) {
        refused = s->state == DFU_STATE_ERROR;
    }
    suite_judge(s, "DNLOAD/longer-than-wTransferSize", clause, held(refused),
                "STALL, or an error status", "%s%s%s", suite_result_name(result),
                result == DEVICE_OK ? ", then " : "",
                result == DEVICE_OK ? dfu_state_name(s->state) : "");
    bool alive = suite_heal(s);
    suite_judge(s, "DNLOAD/alive-after-a-long-one", clause, held(alive), "dfuIDLE again", "%s",
                alive ? "dfuIDLE" : "it cannot be led there");
}

static const char *request_id(unsigned request) {
    static const char *const names[DFU_REQUEST_COUNT] = {
        "DETACH", "DNLOAD", "UPLOAD", "GETSTATUS", "CLRSTATUS", "GETSTATE", "ABORT"};
    return names[request];
}

// Each request in a shape that is not DFU's. It must be stalled, and the device must be where it was, or in
// dfuERROR.
static void wrong_shapes(struct suite *s) {
    static const struct {
        const char *name;
        uint8_t type;
        uint8_t index_off;
    } shapes[] = {{"to-the-device", USB_TYPE_CLASS | USB_RECIPIENT_DEVICE, 0},
                  {"to-an-endpoint", USB_TYPE_CLASS | USB_RECIPIENT_ENDPOINT, 0},
                  {"to-another-interface", USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, 7},
                  {"as-vendor-request", USB_TYPE_VENDOR | USB_RECIPIENT_INTERFACE, 0}};
    static const char clause[] = "USB 2.0 9.2.7; DFU 1.1 table 3.2";
    static const char expected[] = "STALL, and dfuIDLE or dfuERROR";
    for (unsigned shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        for (unsigned request = 0; request < DFU_REQUEST_COUNT && !s->is_over; request++) {
            bool in = request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
            if (!suite_heal(s)) {
                return;
            }
            (void)snprintf(s->id, sizeof s->id, "%s/%s", request_id(request), shapes[shape].name);
            // Some devices take a DNLOAD in any shape: what it carries has to be harmless.
            if (request == DFU_DNLOAD && !s->has_address) {
                suite_untried(s, s->id, clause, expected,
                              "a plain DFU device might write it: not consented to");
                continue;
            }
            uint8_t data[DFU_STATUS_LEN] = {DFUSE_CMD_SET_ADDRESS};
            store_le32(data + 1, s->address);
            uint16_t len = request == DFU_GETSTATUS ? DFU_STATUS_LEN
                           : request == DFU_DNLOAD  ? DFUSE_CMD_WITH_ADDRESS_LEN
                           : in                     ? 1
                                                    : 0;
            enum device_result result = suite_control(
                s, (uint8_t)(shapes[shape].type | (in ? USB_DIR_IN : 0)), (uint8_t)request, 0,
                (uint16_t)(s->interface + shapes[shape].index_off), data, len, NULL);
            int state = suite_state(s);
            bool stays = state == DFU_STATE_IDLE || state == DFU_STATE_ERROR;
            // A vendor request of that number may be the device's own.
            bool is_vendor = shapes[shape].type & USB_TYPE_VENDOR;
            bool ok = stays && (result == DEVICE_STALL ||
                                (is_vendor && result == DEVICE_OK && state == DFU_STATE_IDLE));
            suite_judge(s, s->id, clause, held(ok), expected, "%s, then state %d",
                        suite_result_name(result), state);
        }
    }
    static const enum dfu_request_code inward[] = {DFU_DETACH, DFU_CLRSTATUS, DFU_ABORT};
    for (unsigned i = 0; i < 3 && suite_heal(s); i++) {
        (void)snprintf(s->id, sizeof s->id, "%s/in-the-wrong-direction", request_id(inward[i]));
        enum device_result result =
            suite_control(s, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
                          (uint8_t)inward[i], 0, s->interface, s->buffer, 1, NULL);
        int state = suite_state(s);
        suite_judge(
            s, s->id, "USB 2.0 9.2.7",
            held(result == DEVICE_STALL && (state == DFU_STATE_IDLE || state == DFU_STATE_ERROR)),
            "STALL, and dfuIDLE or dfuERROR", "%s, then state %d", suite_result_name(result),
            state);
    }
    (void)suite_heal(s);
}

// DFU 1.1 ends DFU mode at a bus reset; bootloaders of the DfuSe kind stay, because hosts reset a device while
// they enumerate it. In either case the device is reachable and in a state that it can be led out of.
static void resets(struct suite *s) {
    static const enum dfu_state states[] = {DFU_STATE_IDLE, DFU_STATE_DNLOAD_SYNC,
                                            DFU_STATE_DNLOAD_IDLE, DFU_STATE_UPLOAD_IDLE,
                                            DFU_STATE_ERROR};
    for (unsigned i = 0; i < sizeof states / sizeof states[0] && !s->is_over; i++) {
        (void)snprintf(s->id, sizeof s->id, "bus-reset/%s", dfu_state_name(states[i]));
        if (!s->options->allows_upsetting) {
            suite_untried(s, s->id, "DFU 1.1 A.2", "application, or dfuERROR",
                          "it may start the application: not consented to");
            continue;
        }
        if (!suite_enter(s, states[i])) {
            suite_untried(s, s->id, "DFU 1.1 A.2", "application, or dfuERROR",
                          "the device does not come into this state by what changes nothing");
            continue;
        }
        enum device_result result = s->device->reset(s->device->ctx);
        if (result != DEVICE_OK) {
            suite_judge(s, s->id, "DFU 1.1 A.2", CONFORMANCE_HELD, "application, or dfuERROR",
                        "%s: the application has started, or nothing", suite_result_name(result));
            s->is_over = true;
            s->summary.why = "the device left DFU mode at a bus reset, as DFU 1.1 asks; what comes "
                             "after is untried";
            return;
        }
        int state = suite_state(s);
        suite_judge(s, s->id, "DFU 1.1 A.2",
                    state == DFU_STATE_ERROR  ? CONFORMANCE_HELD
                    : state == DFU_STATE_IDLE ? CONFORMANCE_DEPARTS
                                              : CONFORMANCE_FAILED,
                    "application, or dfuERROR", "%sstate %d",
                    state == DFU_STATE_IDLE ? "bus reset stays in DFU mode: " : "", state);
    }
    (void)suite_heal(s);
}

void suite_requests(struct suite *s) {
    if (!suite_heal(s)) {
        suite_judge(s, "heal", "DFU 1.1 A.2", CONFORMANCE_FAILED, "dfuIDLE by ABORT or CLRSTATUS",
                    "state %d", suite_state(s));
        s->is_over = true;
        s->summary.why = "the device cannot be led to dfuIDLE";
        return;
    }
    getstatus_lengths(s);
    getstatus_values(s);
    poll_time(s);
    uploads(s);
    too_long(s);
    wrong_shapes(s);
    resets(s);
}
