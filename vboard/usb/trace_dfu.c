// SPDX-License-Identifier: MIT
//
// Decodes DFU class requests into trace lines and follows the device's state by DFU 1.1 table A.2
// where that leaves no choice; where it does, the state is unknown until the device tells.

#include "vboard/usb/trace_dfu.h"

#include <stdio.h>
#include <string.h>

#include "spec/dfu.h"

// trace_event() takes "" for an event without details.
#pragma GCC diagnostic ignored "-Wformat-zero-length"

void trace_dfu_forget(struct trace_dfu *dfu) {
    memset(dfu, 0, sizeof *dfu);
}

void trace_dfu_bus_reset(struct trace_dfu *dfu) {
    dfu->is_known = false;
}

static void read_configuration(struct trace_dfu *dfu, const uint8_t *data, uint32_t len) {
    bool in_dfu = false;
    for (uint32_t at = 0; at + 2 <= len && data[at] >= 2 && at + data[at] <= len; at += data[at]) {
        const uint8_t *item = data + at;
        if (item[1] == USB_DT_INTERFACE && item[0] >= USB_INTERFACE_DESCRIPTOR_LEN) {
            in_dfu = item[5] == DFU_INTERFACE_CLASS && item[6] == DFU_INTERFACE_SUBCLASS;
            dfu->is_dfu[item[2]] = in_dfu;
        } else if (in_dfu && item[1] == DFU_DT_FUNCTIONAL && item[0] >= DFU_FUNCTIONAL_LEN) {
            dfu->is_dfuse = load_le16(item + 7) == DFUSE_VERSION;
        }
    }
}

// A state for the trace line, once it is known.
static const char *state_words(const struct trace_dfu *dfu, char *text, size_t size) {
    if (!dfu->is_known) {
        return "";
    }
    (void)snprintf(text, size, " state=%s", dfu_state_name(dfu->state));
    return text;
}

static void now_in(struct trace_dfu *dfu, unsigned state) {
    dfu->is_known = true;
    dfu->state = state;
}

// DFU 1.1 A.2.3 (dfuIDLE) and A.2.6 (dfuDNLOAD-IDLE): a download accepted leads to
// dfuDNLOAD-SYNC; one without data ends the download (dfuMANIFEST-SYNC), and in dfuIDLE it is an
// error. ST's ROM and DfuSe devices also accept it in dfuIDLE as "leave".
static void after_dnload(struct trace_dfu *dfu, const struct usb_setup *setup) {
    if (!dfu->is_known) {
        return;
    }
    if (dfu->state == DFU_STATE_IDLE || dfu->state == DFU_STATE_DNLOAD_IDLE) {
        dfu->state = setup->wLength > 0 ? DFU_STATE_DNLOAD_SYNC : DFU_STATE_MANIFEST_SYNC;
        return;
    }
    dfu->is_known = false;
}

static void dfuse_command(const struct trace_dfu *dfu, const struct usb_setup *setup,
                          const uint8_t *data, uint32_t actual, char *text, size_t size) {
    text[0] = 0;
    if (!dfu->is_dfuse || setup->wValue != DFUSE_BLOCK_COMMAND || actual == 0) {
        return;
    }
    const char *word = NULL;
    switch (data[0]) {
    case DFUSE_CMD_GET_COMMANDS:
        word = "get-commands";
        break;
    case DFUSE_CMD_SET_ADDRESS:
        word = "set-address";
        break;
    case DFUSE_CMD_ERASE:
        word = actual == 1 ? "mass-erase" : "erase";
        break;
    case DFUSE_CMD_READ_UNPROTECT:
        word = "read-unprotect";
        break;
    default:
        (void)snprintf(text, size, " command=0x%02x", data[0]);
        return;
    }
    if (actual >= DFUSE_CMD_WITH_ADDRESS_LEN) {
        (void)snprintf(text, size, " command=%s address=0x%08x", word, load_le32(data + 1));
    } else {
        (void)snprintf(text, size, " command=%s", word);
    }
}

static void accepted(struct trace_dfu *dfu, struct trace *trace, const struct usb_setup *setup,
                     const uint8_t *data, uint32_t actual) {
    char words[48];
    char command[64];
    switch (setup->bRequest) {
    case DFU_DETACH:
        // Not "detach": that word is the cable's.
        trace_event(trace, TRACE_USB, "dfu-detach", "timeout=%u", setup->wValue);
        dfu->is_known = false;
        return;
    case DFU_DNLOAD:
        dfuse_command(dfu, setup, data, actual, command, sizeof command);
        after_dnload(dfu, setup);
        trace_event(trace, TRACE_USB, "dnload", "block=%u len=%u%s%s", setup->wValue, actual,
                    command, state_words(dfu, words, sizeof words));
        return;
    case DFU_UPLOAD:
        // A.2.10: a short frame ends the upload.
        now_in(dfu, actual < setup->wLength ? DFU_STATE_IDLE : DFU_STATE_UPLOAD_IDLE);
        trace_event(trace, TRACE_USB, "upload", "block=%u len=%u%s", setup->wValue, actual,
                    state_words(dfu, words, sizeof words));
        return;
    case DFU_GETSTATUS:
        if (actual < DFU_STATUS_LEN) {
            trace_event(trace, TRACE_USB, "getstatus", "len=%u", actual);
            dfu->is_known = false;
            return;
        }
        now_in(dfu, data[4]);
        trace_event(trace, TRACE_USB, "getstatus", "status=%s poll=%u%s", dfu_status_name(data[0]),
                    (unsigned)load_le24(data + 1), state_words(dfu, words, sizeof words));
        // What DNBUSY turns into is the device's affair, in its own time.
        if (data[4] == DFU_STATE_DNBUSY || data[4] == DFU_STATE_MANIFEST) {
            dfu->is_known = false;
        }
        return;
    case DFU_GETSTATE:
        if (actual < 1) {
            trace_event(trace, TRACE_USB, "getstate", "len=%u", actual);
            return;
        }
        now_in(dfu, data[0]);
        trace_event(trace, TRACE_USB, "getstate", "state=%s", dfu_state_name(data[0]));
        return;
    case DFU_CLRSTATUS:
    case DFU_ABORT:
        // A.2.12, A.2.6 and others: both end in dfuIDLE where they are accepted; a device that
        // tolerates them elsewhere may stay where it is, so nothing is claimed then.
        if (dfu->is_known && (setup->bRequest == DFU_CLRSTATUS ? dfu->state != DFU_STATE_ERROR
                                                               : dfu->state == DFU_STATE_ERROR)) {
            dfu->is_known = false;
        } else if (dfu->is_known) {
            dfu->state = DFU_STATE_IDLE;
        }
        if (dfu->is_known) {
            trace_event(trace, TRACE_USB, dfu_request_name(setup->bRequest), "state=%s",
                        dfu_state_name(dfu->state));
        } else {
            trace_event(trace, TRACE_USB, dfu_request_name(setup->bRequest), "");
        }
        return;
    default:
        trace_event(trace, TRACE_USB, "dfu-unknown", "req=%u len=%u", setup->bRequest, actual);
        return;
    }
}

bool trace_dfu_transfer(struct trace_dfu *dfu, struct trace *trace, const struct usb_setup *setup,
                        const uint8_t *data, uint32_t actual, bool stalled) {
    if (setup->bmRequestType == USB_DIR_IN && setup->bRequest == USB_GET_DESCRIPTOR &&
        setup->wValue >> 8 == USB_DT_CONFIGURATION && !stalled) {
        read_configuration(dfu, data, actual);
        return false;
    }
    if ((setup->bmRequestType & (USB_TYPE_MASK | USB_RECIPIENT_MASK)) !=
            (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) ||
        !dfu->is_dfu[setup->wIndex & 0xff]) {
        return false;
    }
    if (!stalled) {
        accepted(dfu, trace, setup, data, actual);
        return true;
    }
    // A.2: a request that is not expected stalls the pipe and leads to dfuERROR; DfuSe devices
    // make exceptions, so the state is unknown until the next GETSTATUS.
    dfu->is_known = false;
    trace_event(trace, TRACE_USB, "stall", "dfu=%s block=%u len=%u",
                dfu_request_name(setup->bRequest), setup->wValue, setup->wLength);
    return true;
}
