// SPDX-License-Identifier: MIT
//
// Reads DFU out of the control transfers that pass on a cable, for the trace: which interfaces
// the configuration descriptor calls DFU, what each class request was, and which state the device
// is in as far as that can be known from what it said (DFU 1.1 annex A; DfuSe by UM0424).
//
// It only watches: nothing depends on what it concludes.

#ifndef VBOARD_USB_TRACE_DFU_H
#define VBOARD_USB_TRACE_DFU_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/usb.h"
#include "vboard/trace.h"

struct trace_dfu {
    bool is_dfu[256]; // by bInterfaceNumber
    bool is_dfuse;    // bcdDFUVersion 0x011A
    bool is_known;    // `state` is what the device is in
    unsigned state;
};

// Nothing is known: at attach, and the state after a bus reset.
void trace_dfu_forget(struct trace_dfu *dfu);
void trace_dfu_bus_reset(struct trace_dfu *dfu);

// A control transfer ended well (`stalled` false) or by STALL; `data` holds the `actual` bytes that
// moved. Writes a line if it was a DFU class request and returns true; a configuration descriptor
// is read silently.
bool trace_dfu_transfer(struct trace_dfu *dfu, struct trace *trace, const struct usb_setup *setup,
                        const uint8_t *data, uint32_t actual, bool stalled);

#endif
