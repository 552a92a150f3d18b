// SPDX-License-Identifier: MIT
//
// Reads the descriptors that the device gave, as far as they are sound.

#include <stddef.h>

#include "vboard/host/usbfs_internal.h"

// Walks the descriptors behind `at`; NULL at the end or where they are damaged.
static const uint8_t *next_descriptor(const uint8_t *at, const uint8_t *end) {
    if (end - at < 2 || at[0] < 2 || end - at < at[0]) {
        return NULL;
    }
    return at + at[0] < end ? at + at[0] : NULL;
}

const uint8_t *usbfs_configuration_descriptor(const struct usbfs *usbfs, unsigned value,
                                              const uint8_t **end) {
    const struct usb_device *device = usbfs->device;
    const uint8_t *all_end = device->descriptors + device->descriptors_len;
    const uint8_t *at = device->descriptors + USB_DEVICE_DESCRIPTOR_LEN;
    while (all_end - at >= (ptrdiff_t)USB_CONFIG_DESCRIPTOR_LEN) {
        uint16_t total = load_le16(at + 2);
        if (total < USB_CONFIG_DESCRIPTOR_LEN || total > all_end - at) {
            return NULL;
        }
        if (at[5] == value) {
            *end = at + total;
            return at;
        }
        at += total;
    }
    return NULL;
}

// Calls back for each interface and endpoint descriptor of the configuration in force until one
// says true. `interface` is the interface descriptor that an endpoint belongs to.
typedef bool (*descriptor_visitor)(const uint8_t *interface, const uint8_t *descriptor, void *ctx);

static bool visit(const struct usbfs *usbfs, descriptor_visitor visitor, void *ctx) {
    const uint8_t *end = NULL;
    const uint8_t *interface = NULL;
    const uint8_t *at = usbfs_configuration_descriptor(usbfs, usbfs->configuration, &end);
    for (; at; at = next_descriptor(at, end)) {
        if (at[1] == USB_DT_INTERFACE && at[0] >= USB_INTERFACE_DESCRIPTOR_LEN) {
            interface = at;
        }
        bool wanted = at[1] == USB_DT_INTERFACE || (at[1] == USB_DT_ENDPOINT && at[0] >= 7);
        if (wanted && interface && visitor(interface, at, ctx)) {
            return true;
        }
    }
    return false;
}

struct interface_query {
    unsigned number;
    int alternate; // -1: any
};

static bool is_interface(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    const struct interface_query *query = ctx;
    return descriptor == interface && interface[2] == query->number &&
           (query->alternate < 0 || interface[3] == query->alternate);
}

bool usbfs_has_interface(const struct usbfs *usbfs, unsigned number, int alternate) {
    struct interface_query query = {.number = number, .alternate = alternate};
    return number < USBFS_INTERFACES && visit(usbfs, is_interface, &query);
}

static bool is_endpoint(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    struct usbfs_endpoint *query = ctx;
    if (descriptor[1] != USB_DT_ENDPOINT || descriptor[2] != query->address) {
        return false;
    }
    query->interface = interface[2];
    query->descriptor = descriptor;
    return true;
}

bool usbfs_find_endpoint(const struct usbfs *usbfs, unsigned address,
                         struct usbfs_endpoint *query) {
    *query = (struct usbfs_endpoint){.address = address};
    return visit(usbfs, is_endpoint, query);
}

struct toggle_query {
    struct usbfs *usbfs;
    unsigned interface;
};

static bool restart_toggle(const uint8_t *interface, const uint8_t *descriptor, void *ctx) {
    struct toggle_query *query = ctx;
    if (descriptor[1] == USB_DT_ENDPOINT && interface[2] == query->interface) {
        cable_reset_toggle(query->usbfs->cable, descriptor[2] & 0x0f,
                           (descriptor[2] & USB_DIR_IN) != 0);
    }
    return false;
}

void usbfs_restart_toggles(struct usbfs *usbfs, unsigned interface) {
    struct toggle_query query = {.usbfs = usbfs, .interface = interface};
    (void)visit(usbfs, restart_toggle, &query);
}
