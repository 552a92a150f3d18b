// SPDX-License-Identifier: MIT
//
// What the device says of itself: device, configuration and functional descriptor, and its strings as raw bytes.

#include <stdio.h>
#include <string.h>

#include "doctor/exam_parts.h"

#define DFU_1_0    0x0100u
#define DFU_1_1    0x0110u
#define DFUSE_NEXT 0x0120u // DfuSe Demo takes 0x011A up to this

static void fact_string(struct exam *x, const char *name, uint8_t index) {
    char text[EXAM_TEXT_MAX];
    if (index == 0) {
        report_fact(x->report, "strings", name, "none");
    } else if (exam_string(x, index, text)) {
        report_fact(x->report, "strings", name, "\"%s\" (string %u)", text, index);
    } else if (!x->is_over) {
        report_fact(x->report, "strings", name, "string %u is refused", index);
        report_add(x->report, "F39", REPORT_CERTAIN, exam_now(x),
                   "the device descriptor names string %u (%s), and its request is refused", index,
                   name);
    }
}

static bool read_device(struct exam *x) {
    uint16_t moved;
    if (exam_control(x, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, x->device_descriptor,
                     sizeof x->device_descriptor, &moved, EXAM_TIMEOUT_MS) != DEVICE_OK ||
        moved != sizeof x->device_descriptor) {
        report_incomplete(x->report, "its device descriptor could not be read");
        return false;
    }
    const uint8_t *d = x->device_descriptor;
    report_fact(x->report, "device", "idVendor:idProduct", "%04X:%04X", load_le16(d + 8),
                load_le16(d + 10));
    report_fact(x->report, "device", "bcdDevice", "%04X", load_le16(d + 12));
    report_fact(x->report, "device", "bcdUSB", "%04X", load_le16(d + 2));
    report_fact(x->report, "device", "bMaxPacketSize0", "%u", d[7]);
    return true;
}

static bool read_configuration(struct exam *x) {
    if (exam_control(x, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DT_CONFIGURATION << 8, 0, x->config,
                     sizeof x->config, &x->config_len, EXAM_TIMEOUT_MS) != DEVICE_OK ||
        x->config_len < USB_CONFIG_DESCRIPTOR_LEN) {
        report_incomplete(x->report, "its configuration descriptor could not be read");
        return false;
    }
    uint16_t total = load_le16(x->config + 2);
    if (total != x->config_len && total <= sizeof x->config) {
        report_add(x->report, "F45", REPORT_CERTAIN, exam_now(x),
                   "the configuration's wTotalLength is %u, and %u bytes came", total,
                   x->config_len);
    }
    return true;
}

static void take_functional(struct exam *x, const uint8_t *one) {
    if (x->has_functional) {
        return;
    }
    x->has_functional = true;
    x->attributes = one[2];
    x->transfer_bytes = load_le16(one + 5);
    x->version = one[0] >= DFU_FUNCTIONAL_LEN ? load_le16(one + 7) : DFU_1_0;
    if (one[0] != DFU_FUNCTIONAL_LEN && one[0] != 7) {
        report_add(x->report, "F45", REPORT_CERTAIN, exam_now(x),
                   "the DFU functional descriptor has %u bytes instead of 9", one[0]);
    }
}

// Interfaces and what follows them; descriptors that do not fit into the rest end it.
static bool find_interface(struct exam *x) {
    bool is_dfu = false;
    bool is_runtime = false;
    for (unsigned at = 0; at + 2 <= x->config_len; at += x->config[at]) {
        const uint8_t *one = x->config + at;
        if (one[0] < 2 || one[0] > x->config_len - at) {
            report_add(
                x->report, "F45", REPORT_CERTAIN, exam_now(x),
                "a descriptor at byte %u of the configuration has length %u, with %u bytes left",
                at, one[0], x->config_len - at);
            break;
        }
        if (one[1] == USB_DT_INTERFACE && one[0] >= USB_INTERFACE_DESCRIPTOR_LEN) {
            is_dfu = one[5] == DFU_INTERFACE_CLASS && one[6] == DFU_INTERFACE_SUBCLASS;
            is_runtime |= is_dfu && one[7] == DFU_PROTOCOL_RUNTIME;
            is_dfu = is_dfu && one[7] == DFU_PROTOCOL_DFU;
            if (is_dfu && one[3] < EXAM_ALTERNATES_MAX) {
                x->interface = one[2];
                x->alternate_strings[one[3]] = one[8];
                if (x->alternate_count <= one[3]) {
                    x->alternate_count = one[3] + 1u;
                }
            }
        } else if (one[1] == DFU_DT_FUNCTIONAL && one[0] >= 7 && x->alternate_count != 0) {
            take_functional(x, one);
        }
    }
    if (x->alternate_count == 0) {
        report_incomplete(x->report, is_runtime
                                         ? "it runs its application: bring it into DFU mode first"
                                         : "it has no interface in DFU mode");
    }
    return x->alternate_count != 0;
}

static void judge_functional(struct exam *x) {
    uint64_t at_us = exam_now(x);
    if (!x->has_functional) {
        report_add(x->report, "F45", REPORT_CERTAIN, at_us,
                   "there is no DFU functional descriptor");
        return;
    }
    report_fact(x->report, "descriptors", "bcdDFUVersion", "%04X", x->version);
    report_fact(x->report, "descriptors", "bmAttributes", "0x%02X:%s%s%s%s", x->attributes,
                x->attributes & DFU_ATTR_CAN_DNLOAD ? " can download" : "",
                x->attributes & DFU_ATTR_CAN_UPLOAD ? " can upload" : "",
                x->attributes & DFU_ATTR_MANIFEST_TOLERANT ? " manifestation tolerant" : "",
                x->attributes & DFU_ATTR_WILL_DETACH ? " will detach" : "");
    report_fact(x->report, "descriptors", "wTransferSize", "%u bytes", x->transfer_bytes);
    if (x->transfer_bytes == 0) {
        report_add(x->report, "F45", REPORT_CERTAIN, at_us, "wTransferSize is 0");
    } else if (x->transfer_bytes < x->device_descriptor[7]) {
        report_add_as(x->report, "F45", FINDING_WARNING, REPORT_CERTAIN, at_us,
                      "wTransferSize is %u, less than bMaxPacketSize0, %u (DFU 1.1 4.1.3)",
                      x->transfer_bytes, x->device_descriptor[7]);
    }
    if (!(x->attributes & DFU_ATTR_CAN_DNLOAD)) {
        report_add_as(x->report, "F45", FINDING_WARNING, REPORT_CERTAIN, at_us,
                      "bitCanDnload is 0: the device says that it cannot be loaded");
    }
}

static void judge_version(struct exam *x) {
    bool has_map = x->names[0][0] == '@';
    uint64_t at_us = exam_now(x);
    x->is_dfuse = x->version >= DFUSE_VERSION && x->version < DFUSE_NEXT;
    if (x->has_functional && x->is_dfuse && x->version != DFUSE_VERSION) {
        report_add(x->report, "F5", REPORT_CERTAIN, at_us,
                   "bcdDFUVersion is %04X instead of 011A: dfu-util and fwupd drop DfuSe",
                   x->version);
    } else if (x->has_functional && !x->is_dfuse && has_map) {
        report_add(x->report, "F5", REPORT_CERTAIN, at_us,
                   "bcdDFUVersion is %04X, yet alternate setting 0 has a memory layout: with 011A "
                   "missing most programs take it for plain DFU",
                   x->version);
        x->is_dfuse = true;
    } else if (x->has_functional && !x->is_dfuse) {
        report_add(x->report, "F40", REPORT_CERTAIN, at_us,
                   "bcdDFUVersion is %04X, and the name of alternate setting 0 is \"%s\"",
                   x->version, x->names[0]);
        if (x->version != DFU_1_0 && x->version != DFU_1_1 && x->version != 0x0101) {
            report_add_as(x->report, "F45", FINDING_WARNING, REPORT_CERTAIN, at_us,
                          "bcdDFUVersion %04X is no version of the specification", x->version);
        }
    }
}

bool exam_descriptors(struct exam *x) {
    if (!read_device(x) || !read_configuration(x) || !find_interface(x)) {
        return false;
    }
    judge_functional(x);
    fact_string(x, "manufacturer", x->device_descriptor[14]);
    fact_string(x, "product", x->device_descriptor[15]);
    fact_string(x, "serial number", x->device_descriptor[16]);
    if (x->device_descriptor[16] == 0) {
        report_add_as(x->report, "F39", FINDING_NOTE, REPORT_CERTAIN, exam_now(x),
                      "there is no serial number (iSerialNumber is 0): two such boards cannot be "
                      "told apart, and STM32CubeProgrammer takes devices by it");
    }
    for (unsigned i = 0; i < x->alternate_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "alternate setting %u", i);
        if (x->alternate_strings[i] != 0 && exam_string(x, x->alternate_strings[i], x->names[i])) {
            report_fact(x->report, "strings", name, "\"%s\"", x->names[i]);
        } else {
            report_fact(x->report, "strings", name, "iInterface %u gives no string",
                        x->alternate_strings[i]);
        }
    }
    judge_version(x);
    return !x->is_over;
}
