// SPDX-License-Identifier: MIT
//
// Counts and words.

#include "vboard/observe/usb_count.h"

#include <inttypes.h>
#include <string.h>

#include "spec/dfu.h"
#include "vboard/observe/span.h"

// Interface class and subclass of DFU: DFU 1.1 tables 4.1 and 4.4.
#define CLASS_APPLICATION 0xFEu
#define SUBCLASS_DFU      0x01u

static bool is_interface_class(uint8_t type) {
    return (type & ~USB_DIR_IN) == (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE);
}

// Which interfaces are DFU's, from a configuration descriptor, as much of it as came.
static void read_configuration(struct usb_count *count, const uint8_t *bytes, uint32_t len) {
    for (uint32_t at = 0; at + 2 <= len && bytes[at] >= 2; at += bytes[at]) {
        if (bytes[at + 1] == USB_DT_INTERFACE && bytes[at] >= USB_INTERFACE_DESCRIPTOR_LEN &&
            at + USB_INTERFACE_DESCRIPTOR_LEN <= len) {
            // USB 2.0 table 9-12: number at 2, class at 5, subclass at 6.
            count->is_dfu[bytes[at + 2]] =
                bytes[at + 5] == CLASS_APPLICATION && bytes[at + 6] == SUBCLASS_DFU;
        }
    }
}

static struct usb_count_row *find_row(struct usb_count *count, const struct usb_count_row *like) {
    for (unsigned i = 0; i < count->row_count; i++) {
        struct usb_count_row *row = &count->rows[i];
        if (row->type == like->type && row->request == like->request &&
            row->descriptor == like->descriptor && row->is_control == like->is_control &&
            row->is_dfu == like->is_dfu) {
            return row;
        }
    }
    if (count->row_count == USB_COUNT_ROWS_MAX) {
        return &count->rows[USB_COUNT_ROWS_MAX - 1];
    }
    count->rows[count->row_count] = *like;
    return &count->rows[count->row_count++];
}

static struct usb_count_row *row_of(struct usb_count *count,
                                    const struct cable_transfer *transfer) {
    struct usb_count_row like = {.is_control = transfer->type == USB_XFER_CONTROL};
    if (!like.is_control) {
        like.type = (uint8_t)(transfer->endpoint | (transfer->in ? USB_DIR_IN : 0));
        return find_row(count, &like);
    }
    struct usb_setup setup = usb_setup_load(transfer->setup);
    like.type = setup.bmRequestType;
    like.request = setup.bRequest;
    like.is_dfu = is_interface_class(setup.bmRequestType) && count->is_dfu[setup.wIndex & 0xFF];
    if (setup.bmRequestType == USB_DIR_IN && setup.bRequest == USB_GET_DESCRIPTOR) {
        like.descriptor = (uint8_t)(setup.wValue >> 8);
    }
    return find_row(count, &like);
}

static void learn(struct usb_count *count, const struct cable_transfer *transfer) {
    struct usb_setup setup = usb_setup_load(transfer->setup);
    if (setup.bmRequestType == USB_DIR_IN && setup.bRequest == USB_GET_DESCRIPTOR &&
        setup.wValue >> 8 == USB_DT_CONFIGURATION) {
        read_configuration(count, transfer->data, transfer->actual);
    }
    // USB 2.0 table 9-8: idVendor at 8, idProduct at 10.
    if (setup.bmRequestType == USB_DIR_IN && setup.bRequest == USB_GET_DESCRIPTOR &&
        setup.wValue >> 8 == USB_DT_DEVICE && transfer->actual >= 12) {
        count->vendor = load_le16(transfer->data + 8);
        count->product = load_le16(transfer->data + 10);
    }
    bool is_dfu = is_interface_class(setup.bmRequestType) && count->is_dfu[setup.wIndex & 0xFF];
    if (is_dfu && setup.bRequest == DFU_GETSTATUS && transfer->actual == DFU_STATUS_LEN) {
        count->has_dfu_state = true;
        count->dfu_state = transfer->data[4]; // DFU 1.1 6.1.2
    }
    if (setup.bmRequestType == 0 && setup.bRequest == USB_SET_CONFIGURATION) {
        count->is_configured = setup.wValue != 0;
        count->configurations += setup.wValue != 0;
    }
}

void usb_count_ended(struct usb_count *count, const struct cable_transfer *transfer) {
    struct usb_count_row *row = row_of(count, transfer);
    row->done += transfer->status == CABLE_OK;
    row->stalled += transfer->status == CABLE_STALL;
    row->lost += transfer->status != CABLE_OK && transfer->status != CABLE_STALL;
    row->bytes += transfer->actual;
    row->nak_ps += transfer->nak_ps;
    row->longest_nak_ps =
        transfer->nak_ps > row->longest_nak_ps ? transfer->nak_ps : row->longest_nak_ps;
    if (transfer->type == USB_XFER_CONTROL && transfer->status == CABLE_OK) {
        learn(count, transfer);
    }
}

static const char *standard_name(uint8_t request) {
    static const char *const names[] = {
        [USB_GET_STATUS] = "GET_STATUS",
        [USB_CLEAR_FEATURE] = "CLEAR_FEATURE",
        [USB_SET_FEATURE] = "SET_FEATURE",
        [USB_SET_ADDRESS] = "SET_ADDRESS",
        [USB_GET_DESCRIPTOR] = "GET_DESCRIPTOR",
        [USB_SET_DESCRIPTOR] = "SET_DESCRIPTOR",
        [USB_GET_CONFIGURATION] = "GET_CONFIGURATION",
        [USB_SET_CONFIGURATION] = "SET_CONFIGURATION",
        [USB_GET_INTERFACE] = "GET_INTERFACE",
        [USB_SET_INTERFACE] = "SET_INTERFACE",
        [USB_SYNCH_FRAME] = "SYNCH_FRAME",
    };
    return request < sizeof names / sizeof names[0] ? names[request] : NULL;
}

static const char *descriptor_name(uint8_t type) {
    static const char *const names[] = {
        [USB_DT_DEVICE] = "device", [USB_DT_CONFIGURATION] = "configuration",
        [USB_DT_STRING] = "string", [USB_DT_DEVICE_QUALIFIER] = "device qualifier",
        [USB_DT_BOS] = "BOS",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

static const char *dfu_name(uint8_t request) {
    static const char *const names[] = {
        [DFU_DETACH] = "DFU_DETACH",       [DFU_DNLOAD] = "DFU_DNLOAD",
        [DFU_UPLOAD] = "DFU_UPLOAD",       [DFU_GETSTATUS] = "DFU_GETSTATUS",
        [DFU_CLRSTATUS] = "DFU_CLRSTATUS", [DFU_GETSTATE] = "DFU_GETSTATE",
        [DFU_ABORT] = "DFU_ABORT",
    };
    return request < sizeof names / sizeof names[0] ? names[request] : NULL;
}

static void row_name(const struct usb_count_row *row, char text[48]) {
    const char *name = NULL;
    if (!row->is_control) {
        (void)snprintf(text, 48, "endpoint %u %s", row->type & 0xFu,
                       row->type & USB_DIR_IN ? "IN" : "OUT");
        return;
    }
    if (row->is_dfu) {
        name = dfu_name(row->request);
    } else if ((row->type & USB_TYPE_MASK) == USB_TYPE_STANDARD) {
        name = standard_name(row->request);
    }
    if (name && row->descriptor && descriptor_name(row->descriptor)) {
        (void)snprintf(text, 48, "%s %s", name, descriptor_name(row->descriptor));
    } else if (name && row->descriptor) {
        (void)snprintf(text, 48, "%s 0x%02x", name, row->descriptor);
    } else if (name) {
        (void)snprintf(text, 48, "%s", name);
    } else {
        (void)snprintf(text, 48, "bmRequestType 0x%02x bRequest 0x%02x", row->type, row->request);
    }
}

void usb_count_say(const struct usb_count *count, FILE *to, const char *prefix) {
    if (count->row_count == 0) {
        (void)fprintf(to, "%snothing was asked of the device\n", prefix);
        return;
    }
    (void)fprintf(to, "%s%-36s %7s %7s %7s %9s  %s\n", prefix, "", "done", "stalled", "lost",
                  "bytes", "kept waiting (longest)");
    for (unsigned i = 0; i < count->row_count; i++) {
        const struct usb_count_row *row = &count->rows[i];
        char name[48];
        char all[SPAN_MAX];
        char longest[SPAN_MAX];
        row_name(row, name);
        (void)fprintf(to, "%s%-36s %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %9" PRIu64, prefix, name,
                      row->done, row->stalled, row->lost, row->bytes);
        if (row->nak_ps > 0) {
            (void)fprintf(to, "  %s (%s)", span_text(row->nak_ps, all),
                          span_text(row->longest_nak_ps, longest));
        }
        (void)fputc('\n', to);
    }
}
