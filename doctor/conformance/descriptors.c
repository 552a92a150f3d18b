// SPDX-License-Identifier: MIT
//
// What the device says of itself: device and configuration descriptors, the DFU functional descriptor, the
// interface triple, the alternate settings and their names. Also finds what the other parts need.

#include <stdio.h>
#include <string.h>

#include "doctor/conformance/suite.h"

#define DFU_1_0    0x0100u
#define DFU_1_1    0x0110u
// bmAttributes: bits 7..4 are reserved (DFU 1.1 table 4.2); DfuSe uses bit 7, bitAcceleratedST (UM0424).
#define RESERVED   0x70u
#define LANGUAGE   0x0409u
#define LAYOUT_MAX (USB_STRING_CHARS_MAX + 1)

static enum device_result get(struct suite *s, uint8_t type, uint8_t index, uint16_t language,
                              void *data, uint16_t len, uint16_t *moved) {
    return suite_control(s, USB_DIR_IN, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index), language,
                         data, len, moved);
}

static enum conformance_verdict held(bool ok) {
    return ok ? CONFORMANCE_HELD : CONFORMANCE_FAILED;
}

static bool read_descriptors(struct suite *s) {
    uint16_t moved;
    if (get(s, USB_DT_DEVICE, 0, 0, s->device_descriptor, sizeof s->device_descriptor, &moved) !=
            DEVICE_OK ||
        moved != sizeof s->device_descriptor) {
        s->summary.why = "its device descriptor cannot be read";
        return false;
    }
    if (get(s, USB_DT_CONFIGURATION, 0, 0, s->config, 9, &moved) != DEVICE_OK || moved != 9) {
        s->summary.why = "its configuration descriptor cannot be read";
        return false;
    }
    uint16_t total = load_le16(s->config + 2);
    s->config_len = total < SUITE_CONFIG_MAX ? total : SUITE_CONFIG_MAX;
    if (get(s, USB_DT_CONFIGURATION, 0, 0, s->config, s->config_len, &moved) != DEVICE_OK) {
        s->summary.why = "its configuration descriptor cannot be read whole";
        return false;
    }
    s->config_len = moved;
    s->configuration = s->config[5];
    return true;
}

// Takes the DFU interface (the first with protocol 2), its alternates, and the functional descriptor.
static bool find_interface(struct suite *s) {
    bool has_interface = false;
    for (uint16_t at = 0; at + 2 <= s->config_len && s->config[at] >= 2;
         at = (uint16_t)(at + s->config[at])) {
        const uint8_t *d = s->config + at;
        if (at + d[0] > s->config_len) {
            break;
        }
        if (d[1] == USB_DT_INTERFACE && d[0] >= 9 && d[5] == DFU_INTERFACE_CLASS &&
            d[6] == DFU_INTERFACE_SUBCLASS && d[7] == DFU_PROTOCOL_DFU &&
            (!has_interface || d[2] == s->interface)) {
            has_interface = true;
            s->interface = d[2];
            s->alternate_count++;
        }
        if (d[1] == DFU_DT_FUNCTIONAL && d[0] >= 7 && !s->functional) {
            s->functional = d;
        }
    }
    if (!has_interface) {
        s->summary.why = "it has no interface in DFU mode (class FE, subclass 01, protocol 02)";
        return false;
    }
    if (s->functional) {
        s->attributes = s->functional[2];
        s->transfer_bytes = load_le16(s->functional + 5);
        s->version = s->functional[0] >= 9 ? load_le16(s->functional + 7) : DFU_1_0;
        s->is_dfuse = s->version == DFUSE_VERSION;
    }
    return true;
}

static bool read_string(struct suite *s, uint8_t index, char text[LAYOUT_MAX]) {
    uint8_t descriptor[255];
    uint16_t moved;
    text[0] = '\0';
    if (get(s, USB_DT_STRING, index, LANGUAGE, descriptor, sizeof descriptor, &moved) !=
            DEVICE_OK ||
        moved < 2 || descriptor[0] > moved || descriptor[1] != USB_DT_STRING) {
        return false;
    }
    unsigned count = (descriptor[0] - 2u) / 2;
    for (unsigned i = 0; i < count; i++) {
        uint16_t unit = load_le16(descriptor + 2 + 2 * i);
        text[i] = unit < 0x80 ? (char)unit : '?';
    }
    text[count] = '\0';
    return true;
}

static void device_descriptor(struct suite *s) {
    const uint8_t *d = s->device_descriptor;
    static const char clause[] = "USB 2.0 9.6.1";
    suite_judge(s, "device/bLength", clause, held(d[0] == 18), "18", "%u", d[0]);
    suite_judge(s, "device/bDescriptorType", clause, held(d[1] == USB_DT_DEVICE), "1", "%u", d[1]);
    bool is_bcd = load_le16(d + 2) >= 0x0100 && load_le16(d + 2) <= 0x0320;
    suite_judge(s, "device/bcdUSB", clause, held(is_bcd), "0x0100 to 0x0320", "0x%04X",
                load_le16(d + 2));
    bool is_ep0 = d[7] == 8 || d[7] == 16 || d[7] == 32 || d[7] == 64;
    suite_judge(s, "device/bMaxPacketSize0", clause, held(is_ep0), "8, 16, 32 or 64", "%u", d[7]);
    suite_judge(s, "device/class-0-has-subclass-0", clause, held(d[4] != 0 || d[5] == 0),
                "bDeviceSubClass 0 where bDeviceClass is 0", "class %u, subclass %u", d[4], d[5]);
    suite_judge(s, "device/bNumConfigurations", "DFU 1.1 4.2.1", held(d[17] == 1), "1 in DFU mode",
                "%u", d[17]);
    char text[LAYOUT_MAX];
    static const char *const ids[] = {"device/iManufacturer", "device/iProduct",
                                      "device/iSerialNumber"};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t index = d[14 + i];
        bool ok = index == 0 || read_string(s, index, text);
        suite_judge(s, ids[i], "USB 2.0 9.6.7", held(ok), "0, or a string that can be read",
                    "%u: %s", index,
                    index == 0 ? "none"
                    : ok       ? text
                               : "cannot be read");
    }
}

static void configuration_descriptor(struct suite *s) {
    const uint8_t *d = s->config;
    static const char clause[] = "USB 2.0 9.6.3";
    suite_judge(s, "configuration/bLength", clause, held(d[0] == 9), "9", "%u", d[0]);
    suite_judge(s, "configuration/wTotalLength", clause, held(load_le16(d + 2) == s->config_len),
                "as many bytes as are sent", "%u, and %u came", load_le16(d + 2), s->config_len);
    suite_judge(s, "configuration/bConfigurationValue", clause, held(d[5] != 0), "not 0", "%u",
                d[5]);
    suite_judge(s, "configuration/bmAttributes", clause, held((d[7] & 0x9f) == 0x80),
                "bit 7 is 1, bits 0 to 4 are 0", "0x%02X", d[7]);
    unsigned interfaces = 0;
    unsigned endpoints = 0;
    bool tiles = true;
    unsigned at = 0;
    while (at + 2 <= s->config_len && s->config[at] >= 2) {
        interfaces += s->config[at + 1] == USB_DT_INTERFACE && s->config[at + 3] == 0;
        endpoints += s->config[at + 1] == USB_DT_ENDPOINT;
        at += s->config[at];
    }
    tiles = at == s->config_len;
    suite_judge(s, "configuration/descriptors-tile-it", clause, held(tiles),
                "lengths add up to the whole", "%u of %u bytes", at, s->config_len);
    suite_judge(s, "configuration/bNumInterfaces", clause, held(d[4] == interfaces),
                "as many as there are", "%u, and %u are there", d[4], interfaces);
    suite_judge(s, "configuration/only-endpoint-zero", "DFU 1.1 4.2",
                held(endpoints == 0 || interfaces > 1),
                "a DFU interface has no endpoints of its own", "%u endpoints", endpoints);
}

static void alternates(struct suite *s) {
    unsigned seen = 0;
    bool in_order = true;
    char text[LAYOUT_MAX];
    for (unsigned at = 0; at + 9 <= s->config_len && s->config[at] >= 2; at += s->config[at]) {
        const uint8_t *d = s->config + at;
        if (d[1] != USB_DT_INTERFACE || d[2] != s->interface) {
            continue;
        }
        in_order = in_order && d[3] == seen;
        (void)snprintf(s->id, sizeof s->id, "alternate-%u/triple", seen);
        suite_judge(s, s->id, "DFU 1.1 4.2.3 table 4.4",
                    held(d[5] == 0xfe && d[6] == 1 && d[7] == 2), "FE 01 02", "%02X %02X %02X",
                    d[5], d[6], d[7]);
        (void)snprintf(s->id, sizeof s->id, "alternate-%u/bNumEndpoints", seen);
        suite_judge(s, s->id, "DFU 1.1 4.2.3", held(d[4] == 0), "0", "%u", d[4]);
        (void)snprintf(s->id, sizeof s->id, "alternate-%u/iInterface", seen);
        bool ok = d[8] != 0 && read_string(s, d[8], text);
        if (s->is_dfuse) {
            struct host_layout layout;
            bool parses = ok && layout_parse(text, &layout);
            suite_judge(s, s->id, "UM0424 10.3.2", held(parses),
                        "a memory layout (@name/0xADDRESS/...)", "%u: %.120s", d[8],
                        ok ? text : "cannot be read");
            for (unsigned i = 0; parses && i < layout.run_count && !s->has_address; i++) {
                if (seen == 0 && (layout.runs[i].type & LAYOUT_READABLE)) {
                    s->has_address = true;
                    s->address = layout.runs[i].addr;
                }
            }
        } else {
            suite_judge(s, s->id, "DFU 1.1 4.2.3", held(d[8] == 0 || ok),
                        "0, or a string that can be read", "%u: %.120s", d[8],
                        ok ? text : "none or unreadable");
        }
        seen++;
    }
    suite_judge(s, "alternates/numbered", "USB 2.0 9.6.5", held(in_order), "0, 1, 2 ... in order",
                "%u of them%s", seen, in_order ? "" : ", out of order");
}

static void functional_descriptor(struct suite *s) {
    static const char clause[] = "DFU 1.1 4.1.3";
    suite_judge(s, "functional/present", clause, held(s->functional != NULL),
                "one in the configuration", "%s", s->functional ? "there" : "there is none");
    if (!s->functional) {
        return;
    }
    const uint8_t *d = s->functional;
    bool is_old = d[0] == 7; // DFU 1.0 has no bcdDFUVersion
    suite_judge(s, "functional/bLength", clause, held(d[0] == 9 || is_old), "9 (7 in DFU 1.0)",
                "%u", d[0]);
    suite_judge(s, "functional/bcdDFUVersion", clause,
                held(s->version == DFU_1_0 || s->version == DFU_1_1 || s->version == DFUSE_VERSION),
                "0x0100, 0x0110 or DfuSe's 0x011A", "0x%04X", s->version);
    suite_judge(s, "functional/reserved-bits", clause, held(!(d[2] & RESERVED)), "0",
                "bmAttributes 0x%02X", d[2]);
    suite_judge(s, "functional/can-do-something", clause,
                held(d[2] & (DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD)),
                "bitCanDnload or bitCanUpload", "bmAttributes 0x%02X", d[2]);
    suite_judge(s, "functional/wTransferSize", "DFU 1.1 4.1.3; 6.1.1",
                held(s->transfer_bytes >= s->device_descriptor[7]), "at least bMaxPacketSize0",
                "%u", s->transfer_bytes);
    suite_judge(s, "functional/wDetachTimeOut", clause, CONFORMANCE_HELD, "any", "%u ms",
                load_le16(d + 3));
    uint8_t alone[DFU_FUNCTIONAL_LEN];
    uint16_t moved = 0;
    enum device_result result =
        suite_control(s, USB_DIR_IN | USB_RECIPIENT_INTERFACE, USB_GET_DESCRIPTOR,
                      DFU_DT_FUNCTIONAL << 8, s->interface, alone, sizeof alone, &moved);
    bool is_same = result == DEVICE_OK && moved == d[0] && memcmp(alone, d, moved) == 0;
    // HID 1.1 7.1.1 asks for that of class descriptors; DFU 1.1 does not say so, and hosts read the configuration.
    suite_judge(s, "functional/by-itself", clause,
                is_same                  ? CONFORMANCE_HELD
                : result == DEVICE_STALL ? CONFORMANCE_DEPARTS
                                         : CONFORMANCE_FAILED,
                "the same bytes by GET_DESCRIPTOR(0x21), or STALL", "%s%s",
                result == DEVICE_STALL ? "in the configuration only: " : "",
                is_same ? "the same" : suite_result_name(result));
}

static void short_reads(struct suite *s) {
    static const uint8_t lengths[] = {0, 1, 2, 7, 8, 9, 17};
    uint8_t part[18];
    uint16_t moved = 0;
    for (unsigned i = 0; i < sizeof lengths; i++) {
        (void)snprintf(s->id, sizeof s->id, "device/read-of-%u", lengths[i]);
        enum device_result result = get(s, USB_DT_DEVICE, 0, 0, part, lengths[i], &moved);
        bool ok = result == DEVICE_OK && moved == lengths[i] &&
                  memcmp(part, s->device_descriptor, moved) == 0;
        suite_judge(s, s->id, "USB 2.0 9.4.3", held(ok), "as many bytes as were asked for",
                    "%s, %u bytes", suite_result_name(result), moved);
    }
    static const uint8_t config_lengths[] = {1, 4, 9, 18};
    for (unsigned i = 0; i < sizeof config_lengths; i++) {
        (void)snprintf(s->id, sizeof s->id, "configuration/read-of-%u", config_lengths[i]);
        enum device_result result =
            get(s, USB_DT_CONFIGURATION, 0, 0, part, config_lengths[i], &moved);
        bool ok = result == DEVICE_OK && moved == config_lengths[i] &&
                  memcmp(part, s->config, moved) == 0;
        suite_judge(s, s->id, "USB 2.0 9.4.3", held(ok), "as many bytes as were asked for",
                    "%s, %u bytes", suite_result_name(result), moved);
    }
}

static void wrong_descriptors(struct suite *s) {
    static const struct {
        const char *id;
        uint8_t type, index;
    } wrong[] = {{"descriptor/type-0", 0, 0},
                 {"descriptor/interface-alone", USB_DT_INTERFACE, 0},
                 {"descriptor/endpoint-alone", USB_DT_ENDPOINT, 0},
                 {"descriptor/type-42h", 0x42, 0},
                 {"descriptor/string-254", USB_DT_STRING, 254}};
    uint8_t data[64];
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum device_result result =
            get(s, wrong[i].type, wrong[i].index, wrong[i].type == USB_DT_STRING ? LANGUAGE : 0,
                data, sizeof data, NULL);
        suite_judge(s, wrong[i].id, "USB 2.0 9.4.3", held(result == DEVICE_STALL), "STALL", "%s",
                    suite_result_name(result));
    }
    enum device_result after = get(s, USB_DT_DEVICE, 0, 0, data, 18, NULL);
    suite_judge(s, "descriptor/alive-after-a-stall", "USB 2.0 8.5.3.4", held(after == DEVICE_OK),
                "acknowledged", "%s", suite_result_name(after));
}

void suite_descriptors(struct suite *s) {
    if (!read_descriptors(s) || !find_interface(s)) {
        s->is_over = true;
        return;
    }
    device_descriptor(s);
    configuration_descriptor(s);
    functional_descriptor(s);
    alternates(s);
    short_reads(s);
    wrong_descriptors(s);
}

void suite_wrong_configuration(struct suite *s) {
    uint8_t data[64];
    enum device_result result = get(s, USB_DT_CONFIGURATION, 99, 0, data, sizeof data, NULL);
    suite_judge(s, "descriptor/configuration-99", "USB 2.0 9.4.3", held(result == DEVICE_STALL),
                "STALL", "%s", suite_result_name(result));
}
