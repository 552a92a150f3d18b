// SPDX-License-Identifier: MIT
//
// The line of a udev rule that lets a person at the computer open a device.

#include <stdio.h>

#include "host/redfu.h"

const char *redfu_udev_rule(uint16_t vendor, uint16_t product, char *out, size_t size) {
    // uaccess: whoever is logged in at the seat (systemd's 73-seat-late.rules, so the file's name must sort before).
    (void)snprintf(out, size,
                   "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", "
                   "MODE=\"0660\", TAG+=\"uaccess\"",
                   vendor, product);
    return out;
}
