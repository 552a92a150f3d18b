// SPDX-License-Identifier: MIT
//
// States appIDLE and appDETACH (DFU 1.1 A.2.1 and A.2.2).

#include "app/redfu_runtime.h"

static uint8_t state(const struct redfu_runtime *runtime) {
    return runtime->is_detached ? DFU_STATE_APP_DETACH : DFU_STATE_APP_IDLE;
}

int redfu_runtime_request(struct redfu_runtime *runtime, const struct usb_setup *setup) {
    bool in = (setup->bmRequestType & USB_DIR_IN) != 0;
    switch (setup->bRequest) {
    case DFU_DETACH:
        if (in || setup->wLength != 0) {
            return -1;
        }
        runtime->is_detached = true;
        return 0;
    case DFU_GETSTATUS:
        for (unsigned i = 0; i < DFU_STATUS_LEN; i++) {
            runtime->reply[i] = 0; // OK, nothing to wait for, no string
        }
        runtime->reply[4] = state(runtime);
        return in ? (int)DFU_STATUS_LEN : -1;
    case DFU_GETSTATE:
        runtime->reply[0] = state(runtime);
        return in ? 1 : -1;
    default:
        return -1;
    }
}

bool redfu_runtime_is_detached(const struct redfu_runtime *runtime) {
    return runtime->is_detached;
}
