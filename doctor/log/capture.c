// SPDX-License-Identifier: MIT
//
// The control transfers of a capture as sessions of DFU devices: which devices there are, what their descriptors say,
// the time line, and the memory that was touched.

#include "doctor/log/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/log/lines.h"
#include "doctor/record.h"
#include "spec/dfu.h"

#define DEVICES_MAX 8u
#define CLASS_IN    (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_OUT   (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)

struct devices {
    struct report *report;
    struct wire wires[DEVICES_MAX];
    char names[DEVICES_MAX][24];
    unsigned count;
    size_t transfers;
};

// -- Which devices

// GETSTATUS is what no other class asks with six bytes (HID's GET_PROTOCOL has one).
static void find_device(void *ctx, const struct capture_transfer *transfer) {
    struct devices *devices = ctx;
    devices->transfers++;
    if (transfer->setup.bmRequestType != CLASS_IN || transfer->setup.bRequest != DFU_GETSTATUS ||
        transfer->setup.wLength != DFU_STATUS_LEN) {
        return;
    }
    for (unsigned i = 0; i < devices->count; i++) {
        if (devices->wires[i].bus == transfer->bus &&
            devices->wires[i].address == transfer->address) {
            return;
        }
    }
    if (devices->count < DEVICES_MAX) {
        struct wire *wire = &devices->wires[devices->count];
        *wire = (struct wire){.report = devices->report,
                              .bus = transfer->bus,
                              .address = transfer->address,
                              .interface = transfer->setup.wIndex,
                              .states = WIRE_EVENT_ALL,
                              .state = -1,
                              .status = -1,
                              .first_state = -1,
                              .poll_ms = -1,
                              .prefix = ""};
        devices->count++;
    }
}

// -- Words

static void put_words(const struct wire *wire, const struct capture_transfer *transfer,
                      struct report_request *request) {
    const struct usb_setup *setup = &transfer->setup;
    char words[96];
    bool has_all = transfer->data_len >= setup->wLength;
    (void)record_words(setup, has_all ? transfer->data : NULL, words, sizeof words);
    (void)snprintf(request->words, sizeof request->words, "%s%s", wire->prefix, words);
}

static enum report_result result_of(const struct capture_transfer *transfer) {
    return transfer->end == CAPTURE_DONE        ? REPORT_OK
           : transfer->end == CAPTURE_STALL     ? REPORT_STALLED
           : transfer->end == CAPTURE_CANCELLED ? REPORT_TIMED_OUT
                                                : REPORT_GONE;
}

// -- Descriptors

static void take_config(struct wire *wire, const struct capture_transfer *transfer) {
    if (transfer->data_len <= wire->config_len || transfer->data_len > WIRE_CONFIG_MAX) {
        return;
    }
    memcpy(wire->config, transfer->data, transfer->data_len);
    wire->config_len = (uint16_t)transfer->data_len;
    bool is_dfu = false;
    for (size_t at = 0; at + 2 <= wire->config_len && wire->config[at] >= 2 &&
                        at + wire->config[at] <= wire->config_len;
         at += wire->config[at]) {
        const uint8_t *d = wire->config + at;
        if (d[1] == USB_DT_INTERFACE && d[0] >= USB_INTERFACE_DESCRIPTOR_LEN) {
            is_dfu = d[5] == DFU_INTERFACE_CLASS && d[6] == DFU_INTERFACE_SUBCLASS &&
                     d[7] == DFU_PROTOCOL_DFU;
            if (is_dfu && d[3] == 0) {
                wire->layout_string = d[8];
            }
        } else if (d[1] == DFU_DT_FUNCTIONAL && is_dfu && d[0] >= 7) {
            wire->has_functional = true;
            wire->transfer_bytes = load_le16(d + 5);
            wire->version = d[0] >= DFU_FUNCTIONAL_LEN ? load_le16(d + 7) : 0x0100;
        }
    }
}

static void take_layout(struct wire *wire, const char *text, unsigned long packet) {
    struct host_layout layout;
    report_fact(wire->report, "layout", "string", "%s (packet %lu)", text, packet);
    if (!layout_parse(text, &layout)) {
        report_add(wire->report, "F5", REPORT_POSSIBLE, REPORT_NO_TIME,
                   "packet %lu: \"%s\" is no layout that all programs read", packet, text);
        return;
    }
    if (wire->has_layout) {
        return;
    }
    wire->layout = layout;
    wire->has_layout = true;
    for (unsigned i = 0; i < layout.run_count; i++) {
        const struct layout_run *run = &layout.runs[i];
        struct report_area area = {.addr = run->addr,
                                   .sector_bytes = run->sector_bytes,
                                   .count = run->count,
                                   .can = run->type};
        (void)snprintf(area.name, sizeof area.name, "%.*s", (int)strcspn(text + 1, "/"), text + 1);
        report_area(wire->report, &area);
    }
}

static void take_string(struct wire *wire, const struct capture_transfer *transfer) {
    const uint8_t *d = transfer->data;
    uint8_t index = (uint8_t)(transfer->setup.wValue & 0xff);
    char text[USB_STRING_CHARS_MAX + 1];
    size_t len = 0;
    if (transfer->data_len < 2 || index == 0) {
        return;
    }
    bool is_whole = transfer->data_len == transfer->moved;
    if (d[1] != USB_DT_STRING || d[0] % 2 != 0 || d[0] < 2 ||
        (d[0] > transfer->moved && transfer->moved < transfer->setup.wLength)) {
        report_add(wire->report, "F39", REPORT_CERTAIN, transfer->at_us,
                   "packet %lu: string %u has bLength %u, type %u, and %u bytes came",
                   transfer->end_number, index, d[0], d[1], transfer->moved);
        return;
    }
    for (size_t at = 2; at + 1 < transfer->data_len && at + 1 < d[0]; at += 2) {
        text[len++] = d[at + 1] == 0 && d[at] >= 0x20 && d[at] < 0x7f ? (char)d[at] : '?';
    }
    text[len] = '\0';
    if (text[0] == '@' && is_whole && transfer->moved >= d[0]) {
        take_layout(wire, text, transfer->end_number);
    } else if (wire->layout_string != 0 && index == wire->layout_string &&
               wire->version == DFUSE_VERSION) {
        report_add(wire->report, "F1", REPORT_CERTAIN, transfer->at_us,
                   "packet %lu: string %u, of the DFU interface, is \"%s\"", transfer->end_number,
                   index, text);
    }
}

static void take_descriptor(struct wire *wire, const struct capture_transfer *transfer) {
    unsigned type = transfer->setup.wValue >> 8;
    unsigned index = transfer->setup.wValue & 0xffu;
    if (transfer->end == CAPTURE_STALL && type == USB_DT_STRING && index != 0) {
        bool is_layout = index == wire->layout_string;
        // Index 0xEE is Windows' question for its own descriptor (MS OS 1.0): refusing it is usual.
        if (is_layout || (wire->layout_string == 0 && index != 0xee)) {
            report_add(wire->report, "F1", is_layout ? REPORT_CERTAIN : REPORT_POSSIBLE,
                       transfer->at_us, "packet %lu: string %u is refused (STALL)",
                       transfer->end_number, index);
        }
        return;
    }
    if (transfer->end != CAPTURE_DONE) {
        return;
    }
    if (type == USB_DT_DEVICE && transfer->data_len >= USB_DEVICE_DESCRIPTOR_LEN) {
        report_fact(wire->report, "device", "ID", "%s%04x:%04x, bcdDevice %04x", wire->prefix,
                    load_le16(transfer->data + 8), load_le16(transfer->data + 10),
                    load_le16(transfer->data + 12));
    } else if (type == USB_DT_CONFIGURATION) {
        take_config(wire, transfer);
    } else if (type == USB_DT_STRING) {
        take_string(wire, transfer);
    }
}

// -- Requests

static void take_request(struct wire *wire, const struct capture_transfer *transfer) {
    struct report_request request = {.at_us = transfer->at_us,
                                     .duration_us = transfer->duration_us,
                                     .result = result_of(transfer),
                                     .state = -1,
                                     .status = -1,
                                     .poll_ms = -1};
    const struct usb_setup *setup = &transfer->setup;
    // To another interface: not this one's, and refused rightly.
    bool is_class = (setup->bmRequestType == CLASS_IN || setup->bmRequestType == CLASS_OUT) &&
                    setup->wIndex == wire->interface;
    int told = -1;
    put_words(wire, transfer, &request);
    if (is_class && transfer->end == CAPTURE_DONE && setup->bRequest == DFU_GETSTATUS &&
        transfer->data_len == DFU_STATUS_LEN) {
        request.status = transfer->data[0];
        request.poll_ms = load_le24(transfer->data + 1);
        request.state = told = transfer->data[4];
    } else if (is_class && transfer->end == CAPTURE_DONE && setup->bRequest == DFU_GETSTATE &&
               transfer->data_len == 1) {
        request.state = told = transfer->data[0];
    }
    report_request(wire->report, &request);
    if (is_class) {
        if (told >= 0 && wire->first_state < 0) {
            wire->first_state = told;
            wire->first_packet = transfer->number;
            wire->first_us = transfer->at_us;
        }
        wire_cell(wire, transfer, told);
        wire->status = request.status >= 0 ? request.status : wire->status;
        wire->poll_ms = request.poll_ms >= 0 ? request.poll_ms : wire->poll_ms;
        wire->state = told >= 0 ? told : wire->state;
    } else {
        if (setup->bRequest == USB_GET_DESCRIPTOR && (setup->bmRequestType & USB_TYPE_MASK) == 0) {
            take_descriptor(wire, transfer);
        } else {
            wire->states = WIRE_EVENT_ALL;
        }
    }
    wire_judge(wire, transfer);
}

static void take_transfer(void *ctx, const struct capture_transfer *transfer) {
    struct devices *devices = ctx;
    for (unsigned i = 0; i < devices->count; i++) {
        struct wire *wire = &devices->wires[i];
        if (wire->bus == transfer->bus && wire->address == transfer->address) {
            take_request(wire, transfer);
        }
    }
}

bool log_capture(const uint8_t *bytes, size_t len, struct report *report, char why[LOG_WHY_MAX]) {
    char fault[CAPTURE_FAULT_MAX];
    struct devices *devices = calloc(1, sizeof *devices);
    if (!devices) {
        (void)snprintf(why, LOG_WHY_MAX, "there is no memory for it");
        return false;
    }
    devices->report = report;
    bool is_well = capture_read(bytes, len, find_device, devices, fault);
    if (devices->count == 0) {
        if (!is_well) {
            (void)snprintf(why, LOG_WHY_MAX, "%.200s", fault);
        } else {
            (void)snprintf(why, LOG_WHY_MAX,
                           "it holds no request of DFU (%zu control transfers were looked at): "
                           "was the device's bus captured?",
                           devices->transfers);
        }
        free(devices);
        return false;
    }
    for (unsigned i = 0; i < devices->count && devices->count > 1; i++) {
        (void)snprintf(devices->names[i], sizeof devices->names[i], "%u:%u ", devices->wires[i].bus,
                       devices->wires[i].address);
        devices->wires[i].prefix = devices->names[i];
    }
    report_fact(report, "tool", "name", "a capture (%s)",
                capture_kind_name(capture_kind(bytes, len)));
    (void)capture_read(bytes, len, take_transfer, devices, fault);
    unsigned held = 0;
    unsigned departed = 0;
    for (unsigned i = 0; i < devices->count; i++) {
        wire_judge_end(&devices->wires[i]);
        held += devices->wires[i].held;
        departed += devices->wires[i].departed;
        wire_free(&devices->wires[i]);
    }
    report_fact(report, "conformance", "DFU 1.1 annex A",
                "%u requests held against its table, %u departed", held + departed, departed);
    bool has_failed = false;
    for (size_t i = 0; i < report->fact_count; i++) {
        has_failed = has_failed || strcmp(report->facts[i].name, "step that failed") == 0;
    }
    if (!has_failed) {
        report_fact(report, "session", "step that failed", "none that the capture shows");
    }
    if (!is_well) {
        report_incomplete(report, "%.200s", fault);
    }
    free(devices);
    return true;
}
