// SPDX-License-Identifier: MIT
//
// Device, configuration, DFU functional and string descriptors (USB 2.0 9.6, DFU 1.1 4.2).

#include "core/descriptors.h"

#include <stddef.h>

#include "core/platform.h"
#include "core/port.h"
#include "core/update.h"
#include "spec/dfu.h"

#define LANGID_US_ENGLISH 0x0409u
#define MAX_POWER_2MA     50u // 100 mA: what an unconfigured port grants (USB 2.0 7.2.1)
// Hosts wait this long for the device to detach by itself (bitWillDetach); ST's ROM says 255.
#define DETACH_TIMEOUT_MS 255u

enum string_index { STRING_LANGUAGES = 0, STRING_MANUFACTURER, STRING_PRODUCT, STRING_SERIAL };

void descriptors_init(struct descriptors *descriptors, const struct identity *identity,
                      const struct media *media) {
    *descriptors = (struct descriptors){.identity = identity, .media = media};
}

static const uint8_t device_descriptor[USB_DEVICE_DESCRIPTOR_LEN] = {
    USB_DEVICE_DESCRIPTOR_LEN,
    USB_DT_DEVICE,
    0x10,
    0x02, // bcdUSB: below 2.01 no host asks for a BOS, and Chromium wants 2.10
    0,
    0,
    0, // class is told by the interface
    PORT_EP0_BYTES,
    0,
    0,
    0,
    0,
    0,
    0, // vendor, product, release: the identity's
    STRING_MANUFACTURER,
    STRING_PRODUCT,
    STRING_SERIAL,
    1, // configurations
};

static const uint8_t configuration_descriptor[USB_CONFIG_DESCRIPTOR_LEN] = {
    USB_CONFIG_DESCRIPTOR_LEN,
    USB_DT_CONFIGURATION,
    0,
    0,    // wTotalLength: counted
    1,    // one interface
    1,    // bConfigurationValue
    0,    // no name
    0x80, // bus powered
    MAX_POWER_2MA,
};

static const uint8_t interface_descriptor[USB_INTERFACE_DESCRIPTOR_LEN] = {
    USB_INTERFACE_DESCRIPTOR_LEN,
    USB_DT_INTERFACE,
    0, // interface 0
    0, // bAlternateSetting: counted
    0, // no endpoint but zero
    DFU_INTERFACE_CLASS,
    DFU_INTERFACE_SUBCLASS,
    DFU_PROTOCOL_DFU,
    DESCRIPTORS_ALTERNATE_STRING,
};

#define LOW(word)  ((word)&0xffu)
#define HIGH(word) ((word) >> 8)
static const uint8_t functional_descriptor[DFU_FUNCTIONAL_LEN] = {
    DFU_FUNCTIONAL_LEN,
    DFU_DT_FUNCTIONAL,
    DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD | DFU_ATTR_WILL_DETACH,
    LOW(DETACH_TIMEOUT_MS),
    HIGH(DETACH_TIMEOUT_MS),
    LOW(UPDATE_BLOCK_BYTES),
    HIGH(UPDATE_BLOCK_BYTES),
    LOW(DFUSE_VERSION),
    HIGH(DFUSE_VERSION),
};

// Copies a descriptor to `at` and returns the place behind it.
static uint8_t *append(uint8_t *at, const uint8_t *descriptor) {
    __builtin_memcpy(at, descriptor, descriptor[0]);
    return at + descriptor[0];
}

static unsigned device(struct descriptors *descriptors) {
    uint8_t *at = descriptors->bytes;
    const struct identity *identity = descriptors->identity;
    append(at, device_descriptor);
    store_le16(at + 8, identity->vendor);
    store_le16(at + 10, identity->product);
    store_le16(at + 12, identity->release);
    return USB_DEVICE_DESCRIPTOR_LEN;
}

// USB 2.0 9.6.2: the same but for its length, its type and what identifies the device.
static unsigned device_qualifier(struct descriptors *descriptors) {
    uint8_t *at = descriptors->bytes;
    append(at, device_descriptor);
    at[0] = USB_DEVICE_QUALIFIER_LEN;
    at[1] = USB_DT_DEVICE_QUALIFIER;
    at[8] = device_descriptor[USB_DEVICE_DESCRIPTOR_LEN - 1];
    at[9] = 0;
    return USB_DEVICE_QUALIFIER_LEN;
}

static unsigned functional(uint8_t *at) {
    append(at, functional_descriptor);
    return DFU_FUNCTIONAL_LEN;
}

// `type`: a device that has no endpoint but zero is the same at the other speed.
static unsigned configuration(struct descriptors *descriptors, unsigned type) {
    uint8_t *bytes = descriptors->bytes;
    uint8_t *at = append(bytes, configuration_descriptor);
    bytes[1] = (uint8_t)type;
    for (unsigned alternate = 0; alternate < descriptors->media->count; alternate++) {
        uint8_t *interface = at;
        at = append(at, interface_descriptor);
        interface[3] = (uint8_t)alternate;
        interface[8] = (uint8_t)(DESCRIPTORS_ALTERNATE_STRING + alternate);
        // Behind each of them: fwupd 2.0 passes over an interface descriptor that follows another
        // without anything between (tests/hosts/traces).
        at = append(at, functional_descriptor);
    }
    bytes[2] = (uint8_t)(at - bytes); // wTotalLength, below 256
    return bytes[2];
}

// What iString says of a failure, for hosts that show it.
static const char *sentence(unsigned index) {
    switch (index) {
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_FILE):
        return "No list of settings, or not yours to change";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_WRITE):
        return "Flash is write protected or the supply is too low";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_ERASE):
        return "Flash sector could not be erased";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_PROG):
        return "Flash could not be programmed";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_VERIFY):
        return "Flash differs from what was sent: erase it first";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_ADDRESS):
        return "Nothing can be changed at this address";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_NOTDONE):
        return "Image not known to be whole: load it again";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_FIRMWARE):
        return "No application: no vector table";
    case DESCRIPTORS_STATUS_STRING(DFU_STATUS_ERR_STALLEDPKT):
        return "Request not allowed in this state";
    case DESCRIPTORS_NO_RECORD_STRING:
        return "Foreign settings pages: redfu settings import";
    case DESCRIPTORS_FULL_STRING:
        return "No room left for settings";
    case DESCRIPTORS_PROTECTED_STRING:
        return "Read protection stays as it is";
    case DESCRIPTORS_BLOCK_STRING:
        return "No block 1, 2048 bytes at most"; // UPDATE_BLOCK_BYTES
    case DESCRIPTORS_COMMAND_STRING:
        return "Unknown command, or its length";
    default:
        return NULL;
    }
}

static unsigned string(struct descriptors *descriptors, const char *text) {
    uint8_t *at = descriptors->bytes;
    at[0] = (uint8_t)(platform_utf16(at + 2, text) - at);
    at[1] = USB_DT_STRING;
    return at[0];
}

static unsigned layout_string(struct descriptors *descriptors, const struct medium *medium) {
    char text[USB_STRING_CHARS_MAX + 1];
    const char *layout = medium->name;
    if (*layout != '@') {
        const struct flash_map *map = descriptors->media->port->map;
        if (!flash_layout(map, layout, medium->first == map->base, text, sizeof text)) {
            return 0;
        }
        layout = text;
    }
    return string(descriptors, layout);
}

static unsigned string_at(struct descriptors *descriptors, unsigned index) {
    const struct identity *identity = descriptors->identity;
    const char *text;
    switch (index) {
    case STRING_LANGUAGES:
        store_le32(descriptors->bytes, 4u | USB_DT_STRING << 8 | LANGID_US_ENGLISH << 16);
        return 4;
    case STRING_MANUFACTURER:
        text = identity->manufacturer;
        break;
    case STRING_PRODUCT:
        text = identity->product_name;
        break;
    case STRING_SERIAL:
        text = identity->serial;
        break;
    case DESCRIPTORS_OS_STRING:
        text = PLATFORM_OS_STRING;
        break;
    default:
        index -= DESCRIPTORS_ALTERNATE_STRING;
        if (index < descriptors->media->count) {
            return layout_string(descriptors, &descriptors->media->table[index]);
        }
        text = sentence(index + DESCRIPTORS_ALTERNATE_STRING);
    }
    return text ? string(descriptors, text) : 0;
}

const uint8_t *descriptors_get(struct descriptors *descriptors, unsigned type, unsigned index,
                               unsigned *len) {
    bool is_other_speed =
        type == USB_DT_DEVICE_QUALIFIER || type == USB_DT_OTHER_SPEED_CONFIGURATION;
    if (is_other_speed && !descriptors->identity->is_high_speed) {
        return NULL; // full speed only must not answer (USB 2.0 9.6.2)
    }
    switch (type) {
    case USB_DT_DEVICE:
        *len = index == 0 ? device(descriptors) : 0;
        break;
    case USB_DT_CONFIGURATION:
    case USB_DT_OTHER_SPEED_CONFIGURATION:
        *len = index == 0 ? configuration(descriptors, type) : 0;
        break;
    case USB_DT_DEVICE_QUALIFIER:
        *len = index == 0 ? device_qualifier(descriptors) : 0;
        break;
    case USB_DT_BOS:
        *len = index == 0 ? platform_bos(descriptors->bytes, descriptors->identity) : 0;
        break;
    case USB_DT_STRING:
        *len = string_at(descriptors, index);
        break;
    case DFU_DT_FUNCTIONAL:
        *len = index == 0 ? functional(descriptors->bytes) : 0;
        break;
    default:
        *len = 0;
        break;
    }
    return *len > 0 ? descriptors->bytes : NULL;
}

const uint8_t *descriptors_vendor(struct descriptors *descriptors, const struct usb_setup *setup,
                                  unsigned *len) {
    *len = platform_request(descriptors->bytes, descriptors->identity, setup);
    return *len > 0 ? descriptors->bytes : NULL;
}
