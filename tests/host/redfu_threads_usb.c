// SPDX-License-Identifier: MIT
//
// In place of host/transport_usb.c: libusb is not built with the thread sanitizer, which would tell of races
// that are none.

#include "host/transport.h"

enum redfu_result redfui_transport_usb(struct transport *transport, struct redfu_fault *fault) {
    (void)transport;
    fault->result = REDFU_NO_USB;
    return REDFU_NO_USB;
}
