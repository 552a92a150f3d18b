// SPDX-License-Identifier: MIT
//
// Recording, and the words of a request.

#include "doctor/record.h"

#include <inttypes.h>
#include <string.h>

#include "spec/bytes.h"
#include "spec/dfu.h"

static const char *command_word(uint8_t command) {
    return command == DFUSE_CMD_SET_ADDRESS      ? "set address"
           : command == DFUSE_CMD_ERASE          ? "erase"
           : command == DFUSE_CMD_READ_UNPROTECT ? "read unprotect"
           : command == DFUSE_CMD_GET_COMMANDS   ? "get commands"
                                                 : "unknown command";
}

static void class_words(const struct usb_setup *setup, const uint8_t *data, char *out,
                        size_t size) {
    static const char *const names[DFU_REQUEST_COUNT] = {
        "DETACH", "DNLOAD", "UPLOAD", "GETSTATUS", "CLRSTATUS", "GETSTATE", "ABORT"};
    if (setup->bRequest >= DFU_REQUEST_COUNT) {
        (void)snprintf(out, size, "class request 0x%02X", setup->bRequest);
    } else if (setup->bRequest == DFU_DNLOAD && setup->wValue == DFUSE_BLOCK_COMMAND && data &&
               setup->wLength == DFUSE_CMD_WITH_ADDRESS_LEN) {
        (void)snprintf(out, size, "DNLOAD block 0: %s 0x%08" PRIX32, command_word(data[0]),
                       load_le32(data + 1));
    } else if (setup->bRequest == DFU_DNLOAD && setup->wValue == DFUSE_BLOCK_COMMAND && data &&
               setup->wLength == 1) {
        (void)snprintf(out, size, "DNLOAD block 0: %s, without an address", command_word(data[0]));
    } else if (setup->bRequest == DFU_DNLOAD || setup->bRequest == DFU_UPLOAD) {
        (void)snprintf(out, size, "%s block %u, %u bytes", names[setup->bRequest], setup->wValue,
                       setup->wLength);
    } else {
        (void)snprintf(out, size, "%s", names[setup->bRequest]);
    }
}

static void standard_words(const struct usb_setup *setup, char *out, size_t size) {
    switch (setup->bRequest) {
    case USB_GET_DESCRIPTOR:
        (void)snprintf(out, size, "GET_DESCRIPTOR type 0x%02X index %u, %u bytes",
                       setup->wValue >> 8, setup->wValue & 0xffu, setup->wLength);
        break;
    case USB_SET_INTERFACE:
        (void)snprintf(out, size, "SET_INTERFACE %u alternate %u", setup->wIndex, setup->wValue);
        break;
    case USB_SET_CONFIGURATION:
        (void)snprintf(out, size, "SET_CONFIGURATION %u", setup->wValue);
        break;
    default:
        (void)snprintf(out, size, "standard request %u, value 0x%04X", setup->bRequest,
                       setup->wValue);
        break;
    }
}

const char *record_words(const struct usb_setup *setup, const uint8_t *data, char *out,
                         size_t size) {
    unsigned type = setup->bmRequestType & USB_TYPE_MASK;
    if (type == USB_TYPE_CLASS) {
        class_words(setup, setup->bmRequestType & USB_DIR_IN ? NULL : data, out, size);
    } else if (type == USB_TYPE_STANDARD) {
        standard_words(setup, out, size);
    } else {
        (void)snprintf(out, size, "vendor request 0x%02X, value 0x%04X", setup->bRequest,
                       setup->wValue);
    }
    return out;
}

static enum report_result result_of(enum device_result result) {
    return result == DEVICE_OK        ? REPORT_OK
           : result == DEVICE_STALL   ? REPORT_STALLED
           : result == DEVICE_TIMEOUT ? REPORT_TIMED_OUT
                                      : REPORT_GONE;
}

// Blocks read one behind the other are one line of the time line: there are hundreds of them.
static bool is_next_block(struct record *record, const struct usb_setup *setup,
                          const struct report_request *request) {
    struct report *report = record->report;
    bool is_upload =
        setup->bmRequestType == (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) &&
        setup->bRequest == DFU_UPLOAD && setup->wValue >= DFUSE_BLOCK_FIRST_DATA &&
        request->result == REPORT_OK;
    bool is_next = is_upload && record->next_block == setup->wValue &&
                   record->block_bytes == setup->wLength && report->request_count != 0;
    record->next_block = is_upload ? setup->wValue + 1u : 0;
    record->block_bytes = setup->wLength;
    if (is_next) {
        struct report_request *last = &report->requests[report->request_count - 1];
        last->duration_us = request->at_us + request->duration_us - last->at_us;
        (void)snprintf(last->words, sizeof last->words, "UPLOAD blocks %u to %u, %u bytes each",
                       record->first_block, setup->wValue, setup->wLength);
    }
    return is_next;
}

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct record *record = ctx;
    struct report_request request = {
        .at_us = record_now(record), .state = -1, .status = -1, .poll_ms = -1};
    (void)record_words(setup, data, request.words, sizeof request.words);
    enum device_result result =
        record->below->control(record->below->ctx, setup, data, moved, timeout_ms);
    request.duration_us = record_now(record) - request.at_us;
    request.result = result_of(result);
    record->last_us = request.duration_us;
    bool is_class_in =
        (setup->bmRequestType & (USB_DIR_IN | USB_TYPE_MASK)) == (USB_DIR_IN | USB_TYPE_CLASS);
    if (result == DEVICE_OK && is_class_in && setup->bRequest == DFU_GETSTATUS &&
        *moved == DFU_STATUS_LEN) {
        request.status = data[0];
        request.poll_ms = load_le24(data + 1);
        request.state = data[4];
    } else if (result == DEVICE_OK && is_class_in && setup->bRequest == DFU_GETSTATE &&
               *moved == 1) {
        request.state = data[0];
    }
    if (!is_next_block(record, setup, &request)) {
        report_request(record->report, &request);
        record->first_block = setup->wValue;
    }
    return result;
}

static void wait_ms(void *ctx, uint32_t ms) {
    struct record *record = ctx;
    record->below->sleep(record->below->ctx, ms);
}

static uint64_t now_us(void *ctx) {
    struct record *record = ctx;
    return record->below->now_us(record->below->ctx);
}

static enum device_result reset(void *ctx) {
    struct record *record = ctx;
    struct report_request request = {.at_us = record_now(record),
                                     .state = -1,
                                     .status = -1,
                                     .poll_ms = -1,
                                     .words = "bus reset"};
    enum device_result result = record->below->reset(record->below->ctx);
    request.duration_us = record_now(record) - request.at_us;
    request.result = result_of(result);
    report_request(record->report, &request);
    return result;
}

void record_begin(struct record *record, const struct device *below, struct report *report) {
    *record = (struct record){.below = below, .report = report};
    record->start_us = below->now_us(below->ctx);
    record->device = (struct device){
        .ctx = record, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
}

uint64_t record_now(const struct record *record) {
    return record->below->now_us(record->below->ctx) - record->start_us;
}
