// SPDX-License-Identifier: MIT
//
// doctor/device.h at the host's end of the cable. Time is virtual: it passes while a transfer is under way and while the
// host waits. The host controller's model is the cable's.

#ifndef VBOARD_USB_CABLE_DEVICE_H
#define VBOARD_USB_CABLE_DEVICE_H

#include <stdbool.h>

#include "doctor/device.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/enumerate.h"

// Whose clock it is.
struct cable_device {
    void *ctx;
    struct timeline *timeline;
    struct cable *cable;
    struct enumerator *enumerator;
    // Set here when what is waited for has ended; run() clears it.
    bool *has_ended;
    // Lets so long pass, or until *has_ended.
    void (*run)(void *ctx, uint64_t ps);
    // No more transfers: everything answers DEVICE_GONE. NULL: never.
    bool (*is_over)(void *ctx);
    // Its own.
    bool is_resetting;
};

// How long reset() waits for a device that is not there and may be about to attach. ST's class detaches itself at
// DFU_DETACH, and is back within milliseconds.
#define CABLE_COME_BACK_PS (5 * PS_PER_S)

// Reaches whatever device is enumerated; DEVICE_GONE while there is none. `host` must outlive it.
struct device cable_device_of(struct cable_device *host);

#endif
