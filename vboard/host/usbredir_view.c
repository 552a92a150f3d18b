// SPDX-License-Identifier: MIT
//
// Reads configuration descriptors (USB 2.0 9.6.3 to 9.6.6) that came from a device, so any byte may
// be wrong: what does not fit is left out.

#include "vboard/host/usbredir_view.h"

#include <string.h>

#define EP0_BYTES_FIRST 64u // what Linux assumes until the device said (hub_port_init)
#define ENDPOINT_LEN    7u
#define ENDPOINT_NUMBER 0x0fu
#define ENDPOINT_TYPE   0x03u
#define ENDPOINT_PACKET 0x07ffu // bits 12:11 are transactions a microframe

static unsigned index_of(uint8_t address) {
    return (address & USB_DIR_IN ? 16u : 0u) | (address & ENDPOINT_NUMBER);
}

static unsigned value_of(const struct usbredir_view *view, unsigned i) {
    return view->configurations[i].len >= USB_CONFIG_DESCRIPTOR_LEN
               ? view->configurations[i].bytes[5]
               : 0;
}

// The descriptor at `*off` if one of at least two bytes fits; then moves on.
static const uint8_t *next_descriptor(const uint8_t *bytes, unsigned len, unsigned *off) {
    if (len - *off < 2 || bytes[*off] < 2 || bytes[*off] > len - *off) {
        return NULL;
    }
    const uint8_t *at = bytes + *off;
    *off += at[0];
    return at;
}

static bool is_interface(const uint8_t *at) {
    return at[1] == USB_DT_INTERFACE && at[0] >= USB_INTERFACE_DESCRIPTOR_LEN &&
           at[2] < VIEW_INTERFACES_MAX;
}

// The configuration in force; its length is 0 if nobody read it.
static const uint8_t *in_force(const struct usbredir_view *view, unsigned *len) {
    *len = 0;
    for (unsigned i = 0; view->configuration != 0 && i < VIEW_CONFIGURATIONS_MAX; i++) {
        if (value_of(view, i) == view->configuration) {
            *len = view->configurations[i].len;
            return view->configurations[i].bytes;
        }
    }
    return view->configurations[0].bytes;
}

static void find_endpoints(struct usbredir_view *view) {
    unsigned len;
    unsigned off = 0;
    const uint8_t *bytes = in_force(view, &len);
    const uint8_t *at;
    int interface = -1; // of the endpoints that follow
    memset(view->endpoints, 0, sizeof view->endpoints);
    while ((at = next_descriptor(bytes, len, &off)) != NULL) {
        if (at[1] == USB_DT_INTERFACE) {
            interface = is_interface(at) && view->alternate[at[2]] == at[3] ? at[2] : -1;
        } else if (at[1] == USB_DT_ENDPOINT && at[0] >= ENDPOINT_LEN && interface >= 0 &&
                   (at[2] & ENDPOINT_NUMBER) != 0) {
            view->endpoints[index_of(at[2])] = (struct usbredir_endpoint){
                .exists = true,
                .type = at[3] & ENDPOINT_TYPE,
                .interval = at[6],
                .interface = (uint8_t)interface,
                .packet_bytes = load_le16(at + 4) & ENDPOINT_PACKET,
            };
        }
    }
}

void view_clear(struct usbredir_view *view) {
    memset(view, 0, sizeof *view);
    view->ep0_bytes = EP0_BYTES_FIRST;
}

void view_bus_reset(struct usbredir_view *view) {
    view->configuration = 0;
    memset(view->alternate, 0, sizeof view->alternate);
    find_endpoints(view);
}

static void learn_descriptor(struct usbredir_view *view, const struct usb_setup *setup,
                             const uint8_t *data, uint32_t len) {
    unsigned type = setup->wValue >> 8;
    unsigned index = setup->wValue & 0xffu;
    if (type == USB_DT_DEVICE && len >= 8) {
        uint8_t bytes = data[7]; // bMaxPacketSize0: 8, 16, 32 or 64 (USB 2.0 5.5.3)
        if (bytes == 8 || bytes == 16 || bytes == 32 || bytes == 64) {
            view->ep0_bytes = bytes;
        }
    } else if (type == USB_DT_CONFIGURATION && index < VIEW_CONFIGURATIONS_MAX &&
               len >= USB_CONFIG_DESCRIPTOR_LEN && len <= VIEW_DESCRIPTOR_MAX &&
               len >= view->configurations[index].len) {
        // The last and longest reading: hosts read nine bytes first.
        view->configurations[index].len = (uint16_t)len;
        memcpy(view->configurations[index].bytes, data, len);
    }
}

bool view_learn(struct usbredir_view *view, const struct usb_setup *setup, const uint8_t *data,
                uint32_t len) {
    if ((setup->bmRequestType & USB_TYPE_MASK) != USB_TYPE_STANDARD) {
        return false;
    }
    unsigned recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    if (setup->bmRequestType & USB_DIR_IN) {
        if (setup->bRequest == USB_GET_DESCRIPTOR && recipient == USB_RECIPIENT_DEVICE) {
            learn_descriptor(view, setup, data, len);
        }
        return false;
    }
    if (setup->bRequest == USB_SET_CONFIGURATION && recipient == USB_RECIPIENT_DEVICE) {
        view->configuration = setup->wValue & 0xffu;
        memset(view->alternate, 0, sizeof view->alternate);
    } else if (setup->bRequest == USB_SET_INTERFACE && recipient == USB_RECIPIENT_INTERFACE &&
               setup->wIndex < VIEW_INTERFACES_MAX) {
        view->alternate[setup->wIndex] = setup->wValue & 0xffu;
    } else {
        return false;
    }
    find_endpoints(view);
    return true;
}

const struct usbredir_endpoint *view_endpoint(const struct usbredir_view *view, uint8_t address) {
    const struct usbredir_endpoint *endpoint = &view->endpoints[index_of(address)];
    return endpoint->exists ? endpoint : NULL;
}

void view_restart_toggles(const struct usbredir_view *view, const struct usb_setup *setup,
                          struct cable *cable) {
    unsigned recipient = setup->bmRequestType & USB_RECIPIENT_MASK;
    for (unsigned i = 0; i < VIEW_ENDPOINTS_MAX; i++) {
        const struct usbredir_endpoint *endpoint = &view->endpoints[i];
        bool is_meant = recipient == USB_RECIPIENT_DEVICE;
        if (recipient == USB_RECIPIENT_INTERFACE) {
            is_meant = endpoint->exists && endpoint->interface == setup->wIndex;
        } else if (recipient == USB_RECIPIENT_ENDPOINT) {
            is_meant = index_of((uint8_t)setup->wIndex) == i;
        }
        if (is_meant) {
            cable_reset_toggle(cable, i & ENDPOINT_NUMBER, i >= VIEW_ENDPOINTS_MAX / 2);
        }
    }
}

void view_describe(const struct usbredir_view *view,
                   struct usb_redir_interface_info_header *interfaces,
                   struct usb_redir_ep_info_header *endpoints) {
    unsigned len;
    unsigned off = 0;
    const uint8_t *bytes = in_force(view, &len);
    const uint8_t *at;
    memset(interfaces, 0, sizeof *interfaces);
    while ((at = next_descriptor(bytes, len, &off)) != NULL) {
        uint32_t n = interfaces->interface_count;
        if (is_interface(at) && view->alternate[at[2]] == at[3] && n < VIEW_INTERFACES_MAX) {
            interfaces->interface[n] = at[2];
            interfaces->interface_class[n] = at[5];
            interfaces->interface_subclass[n] = at[6];
            interfaces->interface_protocol[n] = at[7];
            interfaces->interface_count = n + 1;
        }
    }
    memset(endpoints, 0, sizeof *endpoints);
    for (unsigned i = 0; i < VIEW_ENDPOINTS_MAX; i++) {
        const struct usbredir_endpoint *endpoint = &view->endpoints[i];
        endpoints->type[i] = usb_redir_type_invalid;
        if ((i & ENDPOINT_NUMBER) == 0) {
            endpoints->type[i] = usb_redir_type_control;
            endpoints->max_packet_size[i] = view->ep0_bytes;
        } else if (endpoint->exists) {
            endpoints->type[i] = endpoint->type;
            endpoints->interval[i] = endpoint->interval;
            endpoints->interface[i] = endpoint->interface;
            endpoints->max_packet_size[i] = endpoint->packet_bytes;
        }
    }
}
