// SPDX-License-Identifier: MIT
//
// A USB device as Linux shows it in /sys, /dev and the udev database, written into a umockdev test
// bed; and the hot-plug messages that go with it.

#ifndef VBOARD_HOST_SYSFS_H
#define VBOARD_HOST_SYSFS_H

#include <umockdev.h>

#include "vboard/usb/enumerate.h"

#define SYSFS_ROOT_HUB_DEVNUM 1u

// The root hub of bus 1: always there, device number 1.
void sysfs_add_root_hub(UMockdevTestbed *testbed, unsigned port_count);
// A port's device (1-1, 1-2 ...), with its interfaces.
void sysfs_add_device(UMockdevTestbed *testbed, unsigned port, const struct usb_device *device);
void sysfs_remove_device(UMockdevTestbed *testbed, unsigned port, const struct usb_device *device);
// "/dev/bus/usb/001/002"
void sysfs_node_path(char path[32], unsigned devnum);

#endif
