// SPDX-License-Identifier: MIT
//
// Device, configuration, DFU functional and string descriptors (USB 2.0 9.6, DFU 1.1 4.2).

#include "core/descriptors.h"

#include <stddef.h>

#include "core/port.h"
#include "core/update.h"
#include "spec/dfu.h"

#define LANGID_US_ENGLISH 0x0409u
#define MAX_POWER_2MA     50u // 100 mA: what an unconfigured port grants (USB 2.0 7.2.1)
// Hosts wait this long for the device to detach by itself (bitWillDetach); ST's ROM says 255.
#define DETACH_TIMEOUT_MS 255u

enum string_index { STRING_LANGUAGES = 0, STRING_MANUFACTURER, STRING_PRODUCT, STRING_SERIAL };

void descriptors_init(struct descriptors *descriptors, const struct identity *identity,
                      const struct flash_map *map) {
    *descriptors = (struct descriptors){.identity = identity, .map = map};
}

unsigned descriptors_alternate_count(const struct descriptors *descriptors) {
    (void)descriptors;
    return 1; // the whole flash; see docs/design.md D7 for the ones to come
}

static unsigned device(struct descriptors *descriptors) {
    uint8_t *at = descriptors->bytes;
    const struct identity *identity = descriptors->identity;
    at[0] = USB_DEVICE_DESCRIPTOR_LEN;
    at[1] = USB_DT_DEVICE;
    store_le16(at + 2, 0x0200); // bcdUSB
    at[4] = 0;                  // class is told by the interface
    at[5] = 0;
    at[6] = 0;
    at[7] = PORT_EP0_BYTES;
    store_le16(at + 8, identity->vendor);
    store_le16(at + 10, identity->product);
    store_le16(at + 12, identity->release);
    at[14] = STRING_MANUFACTURER;
    at[15] = STRING_PRODUCT;
    at[16] = STRING_SERIAL;
    at[17] = 1; // one configuration
    return USB_DEVICE_DESCRIPTOR_LEN;
}

static unsigned functional(uint8_t *at) {
    at[0] = DFU_FUNCTIONAL_LEN;
    at[1] = DFU_DT_FUNCTIONAL;
    at[2] = DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD | DFU_ATTR_WILL_DETACH;
    store_le16(at + 3, DETACH_TIMEOUT_MS);
    store_le16(at + 5, UPDATE_BLOCK_BYTES);
    store_le16(at + 7, DFUSE_VERSION);
    return DFU_FUNCTIONAL_LEN;
}

static unsigned configuration(struct descriptors *descriptors) {
    uint8_t *at = descriptors->bytes;
    unsigned count = descriptors_alternate_count(descriptors);
    unsigned len = USB_CONFIG_DESCRIPTOR_LEN;
    for (unsigned alternate = 0; alternate < count; alternate++) {
        uint8_t *interface = at + len;
        interface[0] = USB_INTERFACE_DESCRIPTOR_LEN;
        interface[1] = USB_DT_INTERFACE;
        interface[2] = 0; // interface 0
        interface[3] = (uint8_t)alternate;
        interface[4] = 0; // no endpoint but zero
        interface[5] = DFU_INTERFACE_CLASS;
        interface[6] = DFU_INTERFACE_SUBCLASS;
        interface[7] = DFU_PROTOCOL_DFU;
        interface[8] = (uint8_t)(DESCRIPTORS_ALTERNATE_STRING + alternate);
        len += USB_INTERFACE_DESCRIPTOR_LEN;
    }
    len += functional(at + len);
    at[0] = USB_CONFIG_DESCRIPTOR_LEN;
    at[1] = USB_DT_CONFIGURATION;
    store_le16(at + 2, (uint16_t)len);
    at[4] = 1;    // one interface
    at[5] = 1;    // bConfigurationValue
    at[6] = 0;    // no name
    at[7] = 0x80; // bus powered
    at[8] = MAX_POWER_2MA;
    return len;
}

// What iString says of a failure, for hosts that show it.
static const char *status_sentence(unsigned status) {
    switch (status) {
    case DFU_STATUS_ERR_WRITE:
        return "Flash is write protected or the supply is too low";
    case DFU_STATUS_ERR_ERASE:
        return "Flash sector could not be erased";
    case DFU_STATUS_ERR_PROG:
        return "Flash could not be programmed";
    case DFU_STATUS_ERR_VERIFY:
        return "Flash does not hold what was written: erase the sector first";
    case DFU_STATUS_ERR_ADDRESS:
        return "Address outside the application area";
    case DFU_STATUS_ERR_NOTDONE:
        return "The image is not known to be whole: load it again";
    case DFU_STATUS_ERR_FIRMWARE:
        return "No application to start: its first words are not a vector table";
    case DESCRIPTORS_NO_RECORD_STRING - DESCRIPTORS_STATUS_STRING(0):
        return "The settings pages hold something else or cannot be written: redfu settings import";
    case DFU_STATUS_ERR_STALLEDPKT:
        return "Request not allowed in this state";
    default:
        return NULL;
    }
}

// Turns ASCII in place into a string descriptor; `text` may be the buffer's own tail.
static unsigned string(struct descriptors *descriptors, const char *text) {
    unsigned count = 0;
    uint8_t *at = descriptors->bytes;
    for (; text[count] && count < USB_STRING_CHARS_MAX; count++) {
        store_le16(at + 2 + 2 * count, (uint8_t)text[count]);
    }
    at[0] = (uint8_t)(2 + 2 * count);
    at[1] = USB_DT_STRING;
    return at[0];
}

static unsigned layout_string(struct descriptors *descriptors) {
    char text[USB_STRING_CHARS_MAX + 1];
    // The two blanks are ST's: some hosts cut the name by column.
    if (!flash_layout(descriptors->map, "Internal Flash  ", true, text, sizeof text)) {
        return 0;
    }
    return string(descriptors, text);
}

static unsigned string_at(struct descriptors *descriptors, unsigned index) {
    const struct identity *identity = descriptors->identity;
    const char *sentence;
    switch (index) {
    case STRING_LANGUAGES:
        descriptors->bytes[0] = 4;
        descriptors->bytes[1] = USB_DT_STRING;
        store_le16(descriptors->bytes + 2, LANGID_US_ENGLISH);
        return 4;
    case STRING_MANUFACTURER:
        return string(descriptors, identity->manufacturer);
    case STRING_PRODUCT:
        return string(descriptors, identity->product_name);
    case STRING_SERIAL:
        return string(descriptors, identity->serial);
    case DESCRIPTORS_ALTERNATE_STRING:
        return layout_string(descriptors);
    default:
        sentence = index > DESCRIPTORS_STATUS_STRING(0)
                       ? status_sentence(index - DESCRIPTORS_STATUS_STRING(0))
                       : NULL;
        return sentence ? string(descriptors, sentence) : 0;
    }
}

const uint8_t *descriptors_get(struct descriptors *descriptors, unsigned type, unsigned index,
                               unsigned *len) {
    switch (type) {
    case USB_DT_DEVICE:
        *len = index == 0 ? device(descriptors) : 0;
        break;
    case USB_DT_CONFIGURATION:
        *len = index == 0 ? configuration(descriptors) : 0;
        break;
    case USB_DT_STRING:
        *len = string_at(descriptors, index);
        break;
    case DFU_DT_FUNCTIONAL:
        *len = functional(descriptors->bytes);
        break;
    default:
        *len = 0; // full speed only: no device qualifier (USB 2.0 9.6.2)
        break;
    }
    return *len > 0 ? descriptors->bytes : NULL;
}
