// SPDX-License-Identifier: MIT
//
// What the device says of itself. String indexes as ST's class has them: the alternate settings' names begin at 6.

#include "spec/usb.h"
#include "tests/ward/core/core.h"
#include "tests/ward/ward.h"

#define CONFIG_MAX                                                                                 \
    (USB_CONFIG_DESCRIPTOR_LEN + 2u * USB_INTERFACE_DESCRIPTOR_LEN + DFU_FUNCTIONAL_LEN)
#define FIRST_NAME 6u
#define STRING_MAX 255u
#define DETACH_MS  255u
#define ATTRIBUTES (DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD | DFU_ATTR_WILL_DETACH)

static const uint8_t device[USB_DEVICE_DESCRIPTOR_LEN] = {
    USB_DEVICE_DESCRIPTOR_LEN,
    USB_DT_DEVICE,
    0x00,
    0x02, // bcdUSB
    0,
    0,
    0,
    PORT_EP0_BYTES,
    0x83,
    0x04,
    0x11,
    0xdf, // ST's numbers, for ST's tools
    0x00,
    0x02, // bcdDevice
    1,
    2,
    3,
    1,
};

static const char *const texts[] = {"",           "Ward",         "DFU in HS Mode", "00000000001A",
                                    "DFU Config", "DFU Interface"};
static const uint8_t languages[] = {4, USB_DT_STRING, 0x09, 0x04};
static uint8_t config[CONFIG_MAX];
static uint8_t string[STRING_MAX];

unsigned alternate_count(void) {
    return ward.second ? 2 : 1;
}

static const uint8_t *configuration(unsigned *len) {
    unsigned alternates = alternate_count();
    unsigned total =
        USB_CONFIG_DESCRIPTOR_LEN + alternates * USB_INTERFACE_DESCRIPTOR_LEN + DFU_FUNCTIONAL_LEN;
    const uint8_t head[] = {USB_CONFIG_DESCRIPTOR_LEN,
                            USB_DT_CONFIGURATION,
                            (uint8_t)total,
                            0,
                            1,
                            ward.configuration,
                            4,
                            0xc0,
                            50};
    unsigned at = 0;
    for (; at < sizeof head; at++) {
        config[at] = head[at];
    }
    for (unsigned i = 0; i < alternates; i++) {
        const uint8_t interface[] = {USB_INTERFACE_DESCRIPTOR_LEN,
                                     USB_DT_INTERFACE,
                                     0,
                                     (uint8_t)i,
                                     0,
                                     DFU_INTERFACE_CLASS,
                                     DFU_INTERFACE_SUBCLASS,
                                     DFU_PROTOCOL_DFU,
                                     (uint8_t)(FIRST_NAME + i)};
        for (unsigned j = 0; j < sizeof interface; j++) {
            config[at++] = interface[j];
        }
    }
    const uint8_t functional[] = {DFU_FUNCTIONAL_LEN,
                                  DFU_DT_FUNCTIONAL,
                                  ATTRIBUTES,
                                  DETACH_MS,
                                  0,
                                  (uint8_t)ward.transfer_bytes,
                                  (uint8_t)(ward.transfer_bytes >> 8),
                                  (uint8_t)ward.dfu_version,
                                  (uint8_t)(ward.dfu_version >> 8)};
    for (unsigned j = 0; j < sizeof functional; j++) {
        config[at++] = functional[j];
    }
    *len = total;
    return config;
}

static const uint8_t *text(const char *ascii, unsigned *len) {
    unsigned at = 2;
    if (!ascii) {
        return 0;
    }
    for (; *ascii && at + 1 < STRING_MAX; ascii++) {
        string[at++] = (uint8_t)*ascii;
        string[at++] = 0;
    }
    string[0] = (uint8_t)at;
    string[1] = USB_DT_STRING;
    *len = at;
    return string;
}

const uint8_t *descriptor(void *ctx, unsigned type, unsigned index, unsigned *len) {
    (void)ctx;
    switch (type) {
    case USB_DT_DEVICE:
        *len = sizeof device;
        return device;
    case USB_DT_CONFIGURATION:
        return index == 0 ? configuration(len) : 0;
    case USB_DT_STRING:
        if (index == 0) {
            *len = sizeof languages;
            return languages;
        }
        if (index >= FIRST_NAME && index < FIRST_NAME + alternate_count()) {
            return text(index == FIRST_NAME ? ward.layout : ward.second, len);
        }
        return index < sizeof texts / sizeof texts[0] ? text(texts[index], len) : 0;
    case DFU_DT_FUNCTIONAL: {
        unsigned total;
        const uint8_t *all = configuration(&total);
        *len = DFU_FUNCTIONAL_LEN;
        return all + total - DFU_FUNCTIONAL_LEN;
    }
    default:
        return 0;
    }
}
