// SPDX-License-Identifier: MIT
//
// What passes between a guest and its device tells which endpoints there are. A usbredir host has
// to know (a packet names an endpoint, not its type), and asking the device itself would be
// requests that no operating system made; so the answers to the guest's own requests are read
// on their way.
//
// A guest that configures a device without having read its configuration descriptor gets endpoint
// zero only.

#ifndef VBOARD_HOST_USBREDIR_VIEW_H
#define VBOARD_HOST_USBREDIR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <usbredirproto.h>

#include "spec/usb.h"
#include "vboard/usb/cable.h"

#define VIEW_CONFIGURATIONS_MAX 8u
#define VIEW_DESCRIPTOR_MAX     4096u
#define VIEW_INTERFACES_MAX     32u
// usbredir's index of an endpoint: number, plus 16 for IN.
#define VIEW_ENDPOINTS_MAX      32u

struct usbredir_endpoint {
    bool exists;
    uint8_t type; // enum usb_transfer_type
    uint8_t interval;
    uint8_t interface;
    uint16_t packet_bytes;
};

struct usbredir_view {
    uint8_t ep0_bytes;     // bMaxPacketSize0
    uint8_t configuration; // in force
    uint8_t alternate[VIEW_INTERFACES_MAX];
    struct usbredir_endpoint endpoints[VIEW_ENDPOINTS_MAX];
    struct {
        uint16_t len;
        uint8_t bytes[VIEW_DESCRIPTOR_MAX];
    } configurations[VIEW_CONFIGURATIONS_MAX]; // by descriptor index
};

// Forgets everything: another device.
void view_clear(struct usbredir_view *view);
// A bus reset: the device is not configured any more, what it is stays known.
void view_bus_reset(struct usbredir_view *view);
// A control transfer that succeeded; `data` is what its data stage moved. Returns true when the
// endpoints may be others now.
bool view_learn(struct usbredir_view *view, const struct usb_setup *setup, const uint8_t *data,
                uint32_t len);
// NULL for what the configuration in force does not have. `address` is bEndpointAddress.
const struct usbredir_endpoint *view_endpoint(const struct usbredir_view *view, uint8_t address);
// On the cable, the endpoints that such a request leaves with DATA0 next (USB 2.0 9.1.1.5, 9.4.5, 9.4.10).
void view_restart_toggles(const struct usbredir_view *view, const struct usb_setup *setup,
                          struct cable *cable);
void view_describe(const struct usbredir_view *view,
                   struct usb_redir_interface_info_header *interfaces,
                   struct usb_redir_ep_info_header *endpoints);

#endif
