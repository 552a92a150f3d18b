// SPDX-License-Identifier: MIT
//
// Leaving DFU mode, when that is wanted: Set Address to the application, an empty DNLOAD, GETSTATUS, as dfu-util's
// :leave has it; then the host looks on. A device that goes away and is not seen in DFU mode again did what it was told;
// one that is back has not forgotten why it was in DFU mode, one that neither goes nor answers jumped without telling
// the host, one that goes in the middle of the answer was too quick.
//
// Only where an application stands that can be started: a bootloader that starts nothing would be lost until its
// plug is pulled.

#include <inttypes.h>

#include "doctor/exam_parts.h"

#include "spec/bytes.h"

#define EMPTY_BLOCK      2u // whatever its number: dfu-util sends 2
#define AFTER_ANSWER_MS  50u
#define LOOK_EVERY_MS    200u
#define LOOK_TIMEOUT_MS  500u
#define LOOK_MS          6000u // to manifest, reset and detach: boards that count down take a few seconds
#define SILENT_LOOKS_MIN 4u // requests without an answer, in a row, to the end
#define MANIFEST_WAIT_MS 10000u

// Whose silence is to be expected, and no finding by itself.
static enum device_result ask(struct exam *x, enum dfu_request_code request, uint16_t value,
                              void *data, uint16_t len, uint16_t *moved, uint32_t timeout_ms) {
    const struct usb_setup setup = {
        .bmRequestType = (uint8_t)(USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE |
                                   (request == DFU_DNLOAD ? 0 : USB_DIR_IN)),
        .bRequest = (uint8_t)request,
        .wValue = value,
        .wIndex = x->interface,
        .wLength = len,
    };
    *moved = 0;
    return x->device->control(x->device->ctx, &setup, data, moved, timeout_ms);
}

static void add_stays(struct exam *x, enum report_confidence confidence, uint64_t at_us,
                      const char *why, const char *word) {
    report_add_as(x->report, "F34", FINDING_WARNING, confidence, at_us, "told to leave, %s%s", why,
                  word);
    report_blame(x->report, "F34", FINDING_DEVICE);
}

// The application's address, if one that can be started stands there.
static bool find_application(struct exam *x, uint32_t *addr) {
    const struct layout_run *run = exam_loadable_run(x);
    uint8_t words[8];
    if (!x->is_dfuse || !x->has_layout || !run || !(x->attributes & DFU_ATTR_CAN_UPLOAD)) {
        report_incomplete(x->report, "leaving was not tried: where an application begins cannot be "
                                     "told without DfuSe, a layout and reading");
        return false;
    }
    *addr = run->addr;
    uint32_t end = layout_run_end(&x->layout.runs[x->layout.run_count - 1]);
    if (x->transfer_bytes < sizeof words || !exam_read(x, *addr, words, sizeof words) ||
        !exam_is_vector_table(words) || load_le32(words + 4) < *addr ||
        load_le32(words + 4) >= end) {
        report_incomplete(x->report,
                          "leaving was not tried: at 0x%08" PRIX32
                          " begins no application that could be started",
                          *addr);
        return false;
    }
    return true;
}

// The empty DNLOAD and its GETSTATUS. True: the device took it, or has gone meanwhile.
static bool tell(struct exam *x, uint64_t at_us) {
    uint16_t moved;
    uint8_t answer[DFU_STATUS_LEN] = {0};
    x->result.is_told_to_leave = true;
    enum device_result result = ask(x, DFU_DNLOAD, EMPTY_BLOCK, NULL, 0, &moved, EXAM_TIMEOUT_MS);
    if (result == DEVICE_STALL) {
        add_stays(x, REPORT_CERTAIN, at_us, "it stalls the empty DNLOAD", "");
        return false;
    }
    if (result == DEVICE_OK) {
        result = ask(x, DFU_GETSTATUS, 0, answer, sizeof answer, &moved, EXAM_TIMEOUT_MS);
    }
    if (result == DEVICE_GONE) {
        report_add(x->report, "F33", REPORT_CERTAIN, at_us,
                   "leave: the device was gone before its GETSTATUS was answered");
        return true;
    }
    if (result != DEVICE_OK || moved != sizeof answer) {
        return true; // what it is, looking on will tell
    }
    uint32_t poll_ms = load_le24(answer + 1);
    report_fact(x->report, "leave", "the answer", "%s, %s, announced %" PRIu32 " ms",
                dfu_state_name(answer[4]), dfu_status_name(answer[0]), poll_ms);
    if (answer[0] == DFU_STATUS_ERR_NOTDONE) {
        report_add(x->report, "F34", REPORT_LIKELY, at_us,
                   "told to leave, it answers errNOTDONE: it does not take what it holds for "
                   "whole, as after a load "
                   "that was broken off");
        report_explain(x->report, "F34",
                       "A host erased or wrote, and broke off: the device does not start half an "
                       "image. That is a bootloader doing what it should.",
                       "Load the application again, whole: redfu write FILE, or dfu-util -s "
                       "ADDRESS:leave -D FILE.");
        return false;
    }
    if (answer[0] != DFU_STATUS_OK) {
        add_stays(x, REPORT_CERTAIN, at_us, "it answers ", dfu_status_name(answer[0]));
        return false;
    }
    x->device->sleep(x->device->ctx,
                     poll_ms < MANIFEST_WAIT_MS ? poll_ms + AFTER_ANSWER_MS : MANIFEST_WAIT_MS);
    if (answer[4] == DFU_STATE_MANIFEST_WAIT_RESET) {
        (void)x->device->reset(x->device->ctx); // which it waits for (DFU 1.1 7)
    }
    return true;
}

// Until it has gone, or for LOOK_MS. True: it has gone.
static bool look_on(struct exam *x, unsigned *silent, int *state) {
    uint64_t until_us = exam_now(x) + LOOK_MS * 1000ull;
    *silent = 0;
    *state = -1;
    while (exam_now(x) < until_us && !exam_is_cancelled(x)) {
        uint16_t moved;
        uint8_t byte = 0;
        switch (ask(x, DFU_GETSTATE, 0, &byte, 1, &moved, LOOK_TIMEOUT_MS)) {
        case DEVICE_GONE:
            return true;
        case DEVICE_TIMEOUT:
            (*silent)++;
            break;
        case DEVICE_OK:
            *state = moved == 1 ? byte : *state;
            *silent = 0;
            break;
        case DEVICE_STALL:
        default:
            *silent = 0;
            break;
        }
        x->device->sleep(x->device->ctx, LOOK_EVERY_MS);
    }
    return false;
}

// What is behind the plug now: DFU mode again?
static bool is_in_dfu_mode(struct exam *x) {
    if (x->device->reset(x->device->ctx) != DEVICE_OK) {
        return false;
    }
    uint16_t len;
    if (exam_control(x, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8, 0, x->config,
                     sizeof x->config, &len, EXAM_TIMEOUT_MS) != DEVICE_OK) {
        return false;
    }
    for (unsigned at = 0; at + USB_INTERFACE_DESCRIPTOR_LEN <= len && x->config[at] >= 2;
         at += x->config[at]) {
        const uint8_t *one = x->config + at;
        if (one[1] == USB_DT_INTERFACE && one[5] == DFU_INTERFACE_CLASS &&
            one[6] == DFU_INTERFACE_SUBCLASS && one[7] == DFU_PROTOCOL_DFU) {
            return true;
        }
    }
    return false;
}

void exam_leave(struct exam *x) {
    uint32_t addr;
    if (x->is_over || x->result.is_unrestored || !find_application(x, &addr) ||
        exam_is_cancelled(x)) {
        return;
    }
    exam_says(x, "leaving DFU mode");
    uint64_t at_us = exam_now(x);
    if (!exam_command(x, DFUSE_CMD_SET_ADDRESS, addr).is_done) {
        report_incomplete(x->report,
                          "leaving was not tried: Set Address 0x%08" PRIX32 " is refused", addr);
        return;
    }
    if (!tell(x, at_us)) {
        return;
    }
    unsigned silent;
    int state;
    bool has_gone = look_on(x, &silent, &state);
    if (!has_gone && x->result.is_cancelled) {
        x->is_over = true; // whatever it does now: nothing more is sent
        return;
    }
    if (!has_gone && silent >= SILENT_LOOKS_MIN) {
        report_add_as(x->report, "F32", FINDING_WARNING, REPORT_CERTAIN, at_us,
                      "leave: %u s later the device is still on the bus and answers no request: "
                      "its program went elsewhere, and the host was never told",
                      LOOK_MS / 1000);
        x->is_over = true;
        x->result.has_left = true;
        return;
    }
    if (!has_gone) {
        add_stays(x, REPORT_CERTAIN, at_us, "it is still there after 6 s, in ",
                  state >= 0 ? dfu_state_name((unsigned)state) : "no state that it tells");
        return;
    }
    uint64_t gone_us = exam_now(x);
    if (is_in_dfu_mode(x)) {
        add_stays(x, REPORT_LIKELY, at_us,
                  "it went away and came back in DFU mode (a button or a jumper that is held "
                  "does that, too)",
                  "");
        return;
    }
    report_fact(x->report, "leave", "the device",
                "went away %" PRIu64 " ms after it was told to, and has not come back in DFU mode",
                (gone_us - at_us) / 1000);
    x->result.has_left = true;
    x->is_over = true;
}
