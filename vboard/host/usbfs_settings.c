// SPDX-License-Identifier: MIT
//
// Configurations, alternate settings, halts and resets, as Linux' message.c and hub.c do them.

#include <errno.h>
#include <string.h>

#include "vboard/host/usbfs_internal.h"

static void interface_set(struct usbfs_sync *sync, long result) {
    if (result >= 0) {
        sync->usbfs->alternate[sync->interface] = (uint8_t)sync->value;
        usbfs_restart_toggles(sync->usbfs, sync->interface);
    }
    usbfs_finish(sync->usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_set_interface(struct usbfs_file *file, unsigned interface, unsigned alternate,
                        struct usbfs_call *call) {
    int refused = usbfs_claim(file, interface);
    if (refused) {
        return refused;
    }
    if (alternate > 255 || !usbfs_has_interface(file->usbfs, interface, (int)alternate)) {
        return -EINVAL;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_INTERFACE,
        .bRequest = USB_SET_INTERFACE,
        .wValue = (uint16_t)alternate,
        .wIndex = (uint16_t)interface,
    };
    return usbfs_kernel_request(file->usbfs, file, &ask, interface_set, call);
}

static void configuration_set(struct usbfs_sync *sync, long result) {
    struct usbfs *usbfs = sync->usbfs;
    if (result >= 0) {
        usbfs->configuration = (uint8_t)sync->value;
        memset(usbfs->alternate, 0, sizeof usbfs->alternate);
        for (unsigned i = 0; i < USBFS_INTERFACES; i++) {
            usbfs_restart_toggles(usbfs, i);
        }
    }
    usbfs_finish(usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_set_configuration(struct usbfs_file *file, int value, struct usbfs_call *call) {
    struct usbfs *usbfs = file->usbfs;
    for (const struct usbfs_file *other = usbfs->files; other; other = other->next) {
        if (other->claimed) {
            return -EBUSY; // proc_setconfig(): not under anybody's claimed interface
        }
    }
    const uint8_t *end;
    if (value < -1 || value > 255 ||
        (value > 0 && !usbfs_configuration_descriptor(usbfs, (unsigned)value, &end))) {
        return -EINVAL;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_DEVICE,
        .bRequest = USB_SET_CONFIGURATION,
        .wValue = value < 0 ? 0 : (uint16_t)value, // -1 unconfigures
    };
    return usbfs_kernel_request(usbfs, file, &ask, configuration_set, call);
}

static void halt_cleared(struct usbfs_sync *sync, long result) {
    if (result >= 0) {
        // Not only toggles: usb_clear_halt() resets the endpoint on the host's side.
        cable_reset_toggle(sync->usbfs->cable, sync->interface & 0x0f,
                           (sync->interface & USB_DIR_IN) != 0);
    }
    usbfs_finish(sync->usbfs, sync->call, result < 0 ? result : 0);
}

int usbfs_clear_halt(struct usbfs_file *file, unsigned endpoint, struct usbfs_call *call) {
    struct usbfs_endpoint query;
    if (!usbfs_find_endpoint(file->usbfs, endpoint, &query)) {
        return -ENOENT;
    }
    int refused = usbfs_claim(file, query.interface);
    if (refused) {
        return refused;
    }
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_ENDPOINT,
        .bRequest = USB_CLEAR_FEATURE,
        .wValue = USB_FEATURE_ENDPOINT_HALT,
        .wIndex = (uint16_t)endpoint,
    };
    return usbfs_kernel_request(file->usbfs, file, &ask, halt_cleared, call);
}

int usbfs_reset_endpoint(struct usbfs_file *file, unsigned endpoint) {
    struct usbfs_endpoint query;
    if (!usbfs_find_endpoint(file->usbfs, endpoint, &query)) {
        return -ENOENT;
    }
    int refused = usbfs_claim(file, query.interface);
    if (!refused) {
        cable_reset_toggle(file->usbfs->cable, endpoint & 0x0f, (endpoint & USB_DIR_IN) != 0);
    }
    return refused;
}

static void reset_done(void *ctx, bool ok) {
    struct usbfs *usbfs = ctx;
    struct usbfs_call *call = usbfs->reset_call;
    usbfs->reset_call = NULL;
    usbfs->reset_file = NULL;
    // usb_reset_and_verify_device() puts interfaces back to the settings they had.
    for (unsigned i = 0; ok && usbfs->device && i < USBFS_INTERFACES; i++) {
        if (usbfs->alternate[i] != 0) {
            struct usb_setup ask = {
                .bmRequestType = USB_RECIPIENT_INTERFACE,
                .bRequest = USB_SET_INTERFACE,
                .wValue = usbfs->alternate[i],
                .wIndex = (uint16_t)i,
            };
            (void)usbfs_kernel_request(usbfs, NULL, &ask, NULL, NULL);
        }
    }
    usbfs_finish(usbfs, call, ok ? 0 : -ENODEV);
}

int usbfs_reset(struct usbfs_file *file, struct usbfs_call *call) {
    struct usbfs *usbfs = file->usbfs;
    if (usbfs->reset_call) {
        return -EBUSY;
    }
    usbfs->reset_call = call;
    usbfs->reset_file = file;
    enumerator_reset_device(usbfs->enumerator, reset_done, usbfs);
    return USBFS_LATER;
}

int usbfs_get_driver(struct usbfs_file *file, unsigned interface) {
    if (!usbfs_has_interface(file->usbfs, interface, -1)) {
        return -EINVAL;
    }
    for (const struct usbfs_file *other = file->usbfs->files; other; other = other->next) {
        if (interface < USBFS_INTERFACES && (other->claimed & (1u << interface))) {
            return 0; // bound to "usbfs"
        }
    }
    return -ENODATA;
}
