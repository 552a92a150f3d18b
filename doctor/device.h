// SPDX-License-Identifier: MIT
//
// How a host script, or a diagnosis, reaches one USB device: control transfers on endpoint zero,
// and the time that passes. Nothing else of a host is needed for DFU.
//
// What stands behind it decides nothing: it carries transfers. Tests put core/ in one process
// behind it (tests/hosts/desk_device.c) and the real image at the end of vboard's cable
// (tests/board/cable_device.c). The device is enumerated and configured when a script gets it.

#ifndef DOCTOR_DEVICE_H
#define DOCTOR_DEVICE_H

#include <stdint.h>

#include "spec/usb.h"

enum device_result {
    DEVICE_OK = 0,
    DEVICE_STALL,   // the device refused the request
    DEVICE_TIMEOUT, // no answer within the time given; the transfer has been taken back
    DEVICE_GONE,    // there is no device (any more), or the bus failed
};

struct device {
    void *ctx;
    // Performs one control transfer. `data` has setup->wLength bytes, or is NULL for none; *moved
    // tells how many of them the data stage carried, whatever the result. At most `timeout_ms`
    // pass; 0 asks for no bound of the host's own (WebUSB has none), and the implementation then
    // gives up after DEVICE_PATIENCE_MS all the same.
    //
    // SET_CONFIGURATION and SET_INTERFACE come this way too. Where an operating system wants to
    // know of them (libusb_set_interface_alt_setting), the implementation tells it.
    enum device_result (*control)(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms);
    // The host does nothing for so long; the device goes on.
    void (*sleep)(void *ctx, uint32_t ms);
    // Microseconds since any fixed instant.
    uint64_t (*now_us)(void *ctx);
    // Resets the bus and has the device enumerated and configured anew. Where there is no device, one that is
    // about to attach is waited for, some seconds.
    enum device_result (*reset)(void *ctx);
};

#define DEVICE_PATIENCE_MS 120000u

#endif
