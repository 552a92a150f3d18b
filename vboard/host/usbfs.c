// SPDX-License-Identifier: MIT
//
// usbfs over the cable: open files and claims of one device.
//
// The rules are those of Linux' drivers/usb/core/devio.c and message.c, said beside each function.
// A class request or an endpoint of an interface that nobody claimed claims it on the way
// (checkintf()); a device that left answers ENODEV to everything but reaping.

#include "vboard/host/usbfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/host/usbfs_internal.h"

struct usbfs *usbfs_new(struct timeline *timeline, struct cable *cable, struct trace *trace,
                        const struct usbfs_events *events) {
    struct usbfs *usbfs = calloc(1, sizeof *usbfs);
    if (usbfs) {
        usbfs->timeline = timeline;
        usbfs->cable = cable;
        usbfs->trace = trace;
        usbfs->events = *events;
    }
    return usbfs;
}

void usbfs_set_enumerator(struct usbfs *usbfs, struct enumerator *enumerator) {
    usbfs->enumerator = enumerator;
}

// -- Readiness

void usbfs_tell(struct usbfs_file *file) {
    struct usbfs *usbfs = file->usbfs;
    if (!usbfs->closing) {
        usbfs->events.ready(usbfs->events.ctx, file);
        usbfs->events.activity(usbfs->events.ctx);
    }
}

void usbfs_finish(struct usbfs *usbfs, struct usbfs_call *call, long result) {
    if (call) {
        call->finish(call, result);
        usbfs->events.activity(usbfs->events.ctx);
    }
}

void usbfs_wake_reaper(struct usbfs_file *file, long result) {
    struct usbfs_call *call = file->reaper;
    file->reaper = NULL;
    usbfs_finish(file->usbfs, call, result);
}

void usbfs_file_ready(const struct usbfs_file *file, bool *urb, bool *gone) {
    *urb = file->completed != NULL;
    *gone = !file->connected;
}

// -- Devices and files

void usbfs_device_ready(struct usbfs *usbfs, const struct usb_device *device) {
    usbfs->device = device;
    usbfs->configuration = device->configuration;
    memset(usbfs->alternate, 0, sizeof usbfs->alternate);
}

// Held calls of a file end with this result.
static void end_calls(struct usbfs_file *file, long result) {
    struct usbfs *usbfs = file->usbfs;
    if (usbfs->reset_file == file) {
        struct usbfs_call *call = usbfs->reset_call;
        usbfs->reset_file = NULL;
        usbfs->reset_call = NULL;
        usbfs_finish(usbfs, call, result);
    }
    // A cancelled sync unlinks itself, so start over after each.
    for (struct usbfs_sync *sync = usbfs->syncs; sync;) {
        if (sync->file != file) {
            sync = sync->next;
            continue;
        }
        struct usbfs_call *call = sync->call;
        sync->file = NULL;
        sync->call = NULL;
        sync->after = NULL;
        cable_cancel(usbfs->cable, &sync->transfer);
        usbfs_finish(usbfs, call, result);
        sync = usbfs->syncs;
    }
}

void usbfs_device_gone(struct usbfs *usbfs) {
    for (struct usbfs_file *file = usbfs->files; file; file = file->next) {
        if (!file->connected) {
            continue;
        }
        while (file->submitted) {
            cable_cancel(usbfs->cable, &file->submitted->transfer);
        }
        file->connected = false;
        file->claimed = 0;
        end_calls(file, -ENODEV);
        if (!file->completed) {
            usbfs_wake_reaper(file, -ENODEV);
        }
        usbfs_tell(file);
    }
    // Requests that nobody waits for (interfaces let go).
    while (usbfs->syncs) {
        cable_cancel(usbfs->cable, &usbfs->syncs->transfer);
    }
    usbfs->device = NULL;
}

bool usbfs_has(const struct usbfs *usbfs, unsigned devnum) {
    return usbfs->device && usbfs_number(usbfs->device) == devnum;
}

struct usbfs_file *usbfs_open(struct usbfs *usbfs, unsigned devnum) {
    struct usbfs_file *file = calloc(1, sizeof *file);
    if (!file) {
        return NULL;
    }
    file->usbfs = usbfs;
    file->devnum = devnum;
    file->connected = usbfs_has(usbfs, devnum);
    file->completed_tail = &file->completed;
    file->next = usbfs->files;
    usbfs->files = file;
    return file;
}

static void let_go(struct usbfs_file *file, unsigned interface) {
    struct usbfs *usbfs = file->usbfs;
    file->claimed &= ~(1u << interface);
    // usb_unbind_interface(): an interface is given back in alternate setting 0.
    if (usbfs->alternate[interface] != 0) {
        struct usb_setup ask = {
            .bmRequestType = USB_RECIPIENT_INTERFACE,
            .bRequest = USB_SET_INTERFACE,
            .wIndex = (uint16_t)interface,
        };
        usbfs->alternate[interface] = 0;
        (void)usbfs_kernel_request(usbfs, NULL, &ask, NULL, NULL);
    }
}

void usbfs_close(struct usbfs_file *file) {
    struct usbfs *usbfs = file->usbfs;
    while (file->submitted) {
        cable_cancel(usbfs->cable, &file->submitted->transfer); // moves it to completed
    }
    end_calls(file, -ENODEV);
    usbfs_wake_reaper(file, -ENODEV);
    for (unsigned i = 0; i < USBFS_INTERFACES; i++) {
        if (file->claimed & (1u << i)) {
            let_go(file, i);
        }
    }
    for (struct usbfs_urb *urb = file->completed; urb;) {
        struct usbfs_urb *next = urb->next;
        urb->drop(urb);
        urb = next;
    }
    struct usbfs_file **at = &usbfs->files;
    while (*at != file) {
        at = &(*at)->next;
    }
    *at = file->next;
    free(file);
}

void usbfs_free(struct usbfs *usbfs) {
    if (!usbfs) {
        return;
    }
    usbfs->closing = true;
    while (usbfs->files) {
        usbfs_close(usbfs->files);
    }
    while (usbfs->syncs) {
        cable_cancel(usbfs->cable, &usbfs->syncs->transfer);
    }
    free(usbfs);
}

void usbfs_file_set_line(struct usbfs_file *file, const uint32_t line[CABLE_LINE_LEN]) {
    memcpy(file->line, line, sizeof file->line);
}

void usbfs_file_set_ctx(struct usbfs_file *file, void *ctx) {
    file->ctx = ctx;
}

void *usbfs_file_ctx(const struct usbfs_file *file) {
    return file->ctx;
}

bool usbfs_is_connected(const struct usbfs_file *file) {
    return file->connected;
}

enum usb_speed usbfs_speed(const struct usbfs_file *file) {
    return file->connected ? file->usbfs->device->speed : USB_SPEED_NONE;
}

unsigned usbfs_devnum(const struct usbfs_file *file) {
    return file->devnum;
}

bool usbfs_is_busy(const struct usbfs *usbfs) {
    if (usbfs->syncs || usbfs->reset_call) {
        return true;
    }
    for (const struct usbfs_file *file = usbfs->files; file; file = file->next) {
        if (file->submitted) {
            return true;
        }
    }
    return false;
}

// -- Claims

int usbfs_claim(struct usbfs_file *file, unsigned interface) {
    if (interface >= USBFS_INTERFACES) {
        return -EINVAL;
    }
    if (file->claimed & (1u << interface)) {
        return 0;
    }
    if (!usbfs_has_interface(file->usbfs, interface, -1)) {
        return -ENOENT;
    }
    for (const struct usbfs_file *other = file->usbfs->files; other; other = other->next) {
        if (other->claimed & (1u << interface)) {
            return -EBUSY;
        }
    }
    file->claimed |= 1u << interface;
    return 0;
}

static void released(struct usbfs_sync *sync, long result) {
    // releaseintf() does not look at what SET_INTERFACE answered.
    usbfs_finish(sync->usbfs, sync->call, result == -ENODEV ? result : 0);
}

int usbfs_release(struct usbfs_file *file, unsigned interface, struct usbfs_call *call) {
    if (interface >= USBFS_INTERFACES || !(file->claimed & (1u << interface))) {
        return -EINVAL;
    }
    struct usbfs *usbfs = file->usbfs;
    file->claimed &= ~(1u << interface);
    if (usbfs->alternate[interface] == 0) {
        return 0;
    }
    usbfs->alternate[interface] = 0;
    struct usb_setup ask = {
        .bmRequestType = USB_RECIPIENT_INTERFACE,
        .bRequest = USB_SET_INTERFACE,
        .wIndex = (uint16_t)interface,
    };
    return usbfs_kernel_request(usbfs, file, &ask, released, call);
}
