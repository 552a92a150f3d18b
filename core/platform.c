// SPDX-License-Identifier: MIT
//
// BOS, MS OS 2.0 ("Microsoft OS 2.0 Descriptors Specification", 2018), MS OS 1.0 ("Extended Compat ID" and
// "Extended Properties OS Feature Descriptor Specification", 2007), WebUSB (WICG draft, 4 and 5).
//
// Windows remembers per VID:PID:bcdDevice whether a device has these and what they were: who changes
// them, changes bcdDevice. With one interface the 2.0 set has no configuration or function
// subset: a function's is ignored where no composite driver runs, and the device stays without a driver.

#include "core/platform.h"

#include <stddef.h>

#define MS_OS_10_COMPATIBLE_ID 4u // wIndex
#define MS_OS_10_PROPERTIES    5u
#define MS_OS_20_DESCRIPTOR    7u
#define WEBUSB_GET_URL         2u
#define WEBUSB_URL_TYPE        3u
#define WEBUSB_URL_HTTPS       1u // browsers let nothing else reach a device
#define WEBUSB_URL_HEAD        3u

#define PROPERTY_NAME          "DeviceInterfaceGUIDs"
#define GUID_CHARS             38u
// Both with an end; the value is a list (REG_MULTI_SZ), which has another.
#define NAME_BYTES             (2u * (unsigned)sizeof PROPERTY_NAME)
#define VALUE_BYTES            (2u * (GUID_CHARS + 2u))

#define OS_20_HEAD_BYTES       38u
#define OS_20_BYTES            (OS_20_HEAD_BYTES + NAME_BYTES + 2u + VALUE_BYTES)
#define OS_20_PROPERTY_BYTES   (8u + NAME_BYTES + 2u + VALUE_BYTES)
#define OS_10_HEAD_BYTES       20u
#define OS_10_BYTES            (OS_10_HEAD_BYTES + NAME_BYTES + 4u + VALUE_BYTES)
_Static_assert(OS_20_BYTES <= DESCRIPTORS_BYTES, "the descriptor set does not fit");

#define BOS_HEAD_BYTES      5u
#define BOS_MS_BYTES        28u
#define BOS_WEBUSB_BYTES    24u
#define PLATFORM_CAPABILITY 5u // bDevCapabilityType (USB 3.2 table 9-14)

// No USB 2.0 extension among the capabilities: it is how a device promises link power management.
static const uint8_t bos[BOS_HEAD_BYTES + BOS_MS_BYTES + BOS_WEBUSB_BYTES] = {
    BOS_HEAD_BYTES, USB_DT_BOS, BOS_HEAD_BYTES + BOS_MS_BYTES, 0, 1,
    // {D8DD60DF-4589-4CC7-9CD2-659D9E648A9F}: MS OS 2.0, from Windows 8.1 on (6.3)
    BOS_MS_BYTES, USB_DT_DEVICE_CAPABILITY, PLATFORM_CAPABILITY, 0, 0xdf, 0x60, 0xdd, 0xd8, 0x89,
    0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f, 0, 0, 3, 6, OS_20_BYTES, 0,
    DESCRIPTORS_MS_REQUEST, 0,
    // {3408B638-09A9-47A0-8BFD-A0768815B665}: WebUSB 1.0
    BOS_WEBUSB_BYTES, USB_DT_DEVICE_CAPABILITY, PLATFORM_CAPABILITY, 0, 0x38, 0xb6, 0x08, 0x34,
    0xa9, 0x09, 0xa0, 0x47, 0x8b, 0xfd, 0xa0, 0x76, 0x88, 0x15, 0xb6, 0x65, 0, 1,
    DESCRIPTORS_WEBUSB_REQUEST, 0};

static const uint8_t os_20_head[OS_20_HEAD_BYTES] = {10,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     3,
                                                     6,
                                                     OS_20_BYTES,
                                                     0, // set header
                                                     20,
                                                     0,
                                                     3,
                                                     0,
                                                     'W',
                                                     'I',
                                                     'N',
                                                     'U',
                                                     'S',
                                                     'B',
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0, // compatible ID
                                                     OS_20_PROPERTY_BYTES,
                                                     0,
                                                     4,
                                                     0,
                                                     7,
                                                     0,
                                                     NAME_BYTES,
                                                     0}; // registry property, list

static const uint8_t os_10_compatible_id[40] = {40, 0, 0,   0,   0,   1,   MS_OS_10_COMPATIBLE_ID,
                                                0,  1, 0,   0,   0,   0,   0,
                                                0,  0, // one function
                                                0,  1, 'W', 'I', 'N', 'U', 'S',
                                                'B'}; // interface 0; reserved 1

static const uint8_t os_10_head[OS_10_HEAD_BYTES] = {OS_10_BYTES,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     1,
                                                     MS_OS_10_PROPERTIES,
                                                     0,
                                                     1,
                                                     0, // one property
                                                     OS_10_BYTES - 10u,
                                                     0,
                                                     0,
                                                     0,
                                                     7,
                                                     0,
                                                     0,
                                                     0,
                                                     NAME_BYTES,
                                                     0}; // its size, a list

uint8_t *platform_utf16(uint8_t *at, const char *text) {
    for (unsigned count = 0; text[count] && count < USB_STRING_CHARS_MAX; count++) {
        store_le16(at, (uint8_t)text[count]);
        at += 2;
    }
    return at;
}

unsigned platform_bos(uint8_t *out, const struct identity *identity) {
    __builtin_memcpy(out, bos, sizeof bos);
    if (identity->is_webusb) {
        out[2] = sizeof bos;
        out[4] = 2;
        out[sizeof bos - 1] = identity->landing_page[0] ? DESCRIPTORS_LANDING_PAGE : 0;
    }
    return out[2];
}

// A head with one property behind it: the GUID by which a program finds the interface. `len_bytes`: of
// the value's length.
static unsigned property(uint8_t *out, const struct identity *identity, const uint8_t *head,
                         unsigned head_bytes, unsigned len_bytes) {
    __builtin_memset(out, 0, DESCRIPTORS_BYTES);
    __builtin_memcpy(out, head, head_bytes);
    uint8_t *at = platform_utf16(out + head_bytes, PROPERTY_NAME) + 2;
    *at = VALUE_BYTES;
    (void)platform_utf16(at + len_bytes, identity->interface_guid);
    return head_bytes + NAME_BYTES + len_bytes + VALUE_BYTES;
}

static unsigned url(uint8_t *out, const struct identity *identity) {
    unsigned len = WEBUSB_URL_HEAD;
    for (const char *page = identity->landing_page;
         *page && len < WEBUSB_URL_HEAD + DESCRIPTORS_LANDING_PAGE_MAX; page++) {
        out[len++] = (uint8_t)*page;
    }
    out[0] = (uint8_t)len;
    out[1] = WEBUSB_URL_TYPE;
    out[2] = WEBUSB_URL_HTTPS;
    return len;
}

#define KEY(request, index) ((unsigned)(request) << 16 | (unsigned)(index))

unsigned platform_request(uint8_t *out, const struct identity *identity,
                          const struct usb_setup *setup) {
    // To the device, or to its interface (MS OS 1.0 properties). wValue: interface 0 and page 0, or 0.
    unsigned value = setup->bRequest == DESCRIPTORS_WEBUSB_REQUEST ? DESCRIPTORS_LANDING_PAGE : 0;
    if ((setup->bmRequestType & USB_RECIPIENT_MASK) > USB_RECIPIENT_INTERFACE ||
        setup->wValue != value) {
        return 0;
    }
    switch (KEY(setup->bRequest, setup->wIndex)) {
    case KEY(DESCRIPTORS_MS_REQUEST, MS_OS_20_DESCRIPTOR):
        return property(out, identity, os_20_head, sizeof os_20_head, 2);
    case KEY(DESCRIPTORS_MS_REQUEST, MS_OS_10_PROPERTIES):
        return property(out, identity, os_10_head, sizeof os_10_head, 4);
    case KEY(DESCRIPTORS_MS_REQUEST, MS_OS_10_COMPATIBLE_ID):
        __builtin_memcpy(out, os_10_compatible_id, sizeof os_10_compatible_id);
        return sizeof os_10_compatible_id;
    case KEY(DESCRIPTORS_WEBUSB_REQUEST, WEBUSB_GET_URL):
        return identity->is_webusb && identity->landing_page[0] ? url(out, identity) : 0;
    default:
        return 0;
    }
}
