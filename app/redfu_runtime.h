// SPDX-License-Identifier: MIT
//
// The run-time side of DFU (DFU 1.1 chapters 4 and 5) for an application that has a USB device: a host
// says DETACH, and the board comes back in DFU mode. dfu-util, fwupd and others do that by themselves
// before they load.
//
// An application with a USB stack of its own
// - puts REDFU_RUNTIME_INTERFACE() into its configuration descriptor and counts the interface;
// - gives class requests to that interface (bmRequestType 0x21 and 0xA1) to redfu_runtime_request();
// - when the status stage of such a request is over, asks redfu_runtime_is_detached(): if so it drops its
//   pull-up, waits some 10 ms for the host to notice, and calls redfu_request_dfu().
// One without USB can start from examples/runtime-dfu, which needs endpoint zero only.

#ifndef APP_REDFU_RUNTIME_H
#define APP_REDFU_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/dfu.h"
#include "spec/usb.h"

// Interface and functional descriptor (DFU 1.1 tables 4.1, 4.2): the interface's number, the index of its
// name. bitWillDetach: the board leaves the bus by itself, so wDetachTimeOut plays no part.
#define REDFU_RUNTIME_LEN (USB_INTERFACE_DESCRIPTOR_LEN + DFU_FUNCTIONAL_LEN)
#define REDFU_RUNTIME_INTERFACE(number, name)                                                      \
    USB_INTERFACE_DESCRIPTOR_LEN, USB_DT_INTERFACE, (number), 0, 0, DFU_INTERFACE_CLASS,           \
        DFU_INTERFACE_SUBCLASS, DFU_PROTOCOL_RUNTIME, (name), DFU_FUNCTIONAL_LEN,                  \
        DFU_DT_FUNCTIONAL, DFU_ATTR_CAN_DNLOAD | DFU_ATTR_CAN_UPLOAD | DFU_ATTR_WILL_DETACH, 0xff, \
        0, 0x00, 0x08, DFUSE_VERSION & 0xff, DFUSE_VERSION >> 8

struct redfu_runtime {
    bool is_detached;
    uint8_t reply[DFU_STATUS_LEN];
};

// A class request to the interface. Returns the length of the answer in runtime->reply, 0 for one without
// (go on to the status stage), -1 to refuse it (STALL).
int redfu_runtime_request(struct redfu_runtime *runtime, const struct usb_setup *setup);

// Whether the host has said DETACH.
bool redfu_runtime_is_detached(const struct redfu_runtime *runtime);

#endif
