// SPDX-License-Identifier: MIT
//
// From run-time mode into DFU mode (DFU 1.1 chapter 5), and what a redfu-boot tells of its start. Both are
// requests outside a session's operations.

#include <string.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/dfu.h"

#define REQUEST_TIMEOUT_MS 5000u // USB 2.0 9.2.6.4
#define DETACH_TIMEOUT_MS  1000u // wDetachTimeOut: a device that waits for a reset waits so long
#define BACK_MAX_MS                                                                                \
    10000u // until the device is back; a driver installation on Windows takes longer
// Looked at again after this, though the system tells of each device that comes: one may have come
// between looking and waiting.
#define LOOK_MS  250u
#define PAUSE_MS 20u

static bool is_same_board(const struct redfu_device *device, const struct redfu_device *like) {
    return strcmp(device->path, like->path) == 0 ||
           (like->serial[0] && device->vendor == like->vendor && device->product == like->product &&
            strcmp(device->serial, like->serial) == 0);
}

// In DFU mode, and one that may be opened: udev sets permissions a moment after a device has come.
static bool find_again(struct redfu *redfu, const struct redfu_device *like,
                       struct redfu_device *found, enum redfu_result *access) {
    struct redfu_device *devices;
    struct redfu_fault ignored;
    size_t count;
    bool is_found = false;
    if (redfu_list(redfu, &devices, &count, &ignored) != REDFU_OK) {
        return false; // in the middle of a change; asked again
    }
    for (size_t i = 0; i < count && !is_found; i++) {
        if (redfui_is_programmable(&devices[i]) && is_same_board(&devices[i], like)) {
            *access = devices[i].access;
            is_found = *access == REDFU_OK;
            *found = devices[i];
        }
    }
    redfu_list_free(devices);
    return is_found;
}

enum redfu_result redfu_await(struct redfu *redfu, const struct redfu_device *like,
                              uint32_t timeout_ms, const struct redfu_watch *watch,
                              struct redfu_device *found, struct redfu_fault *fault) {
    const struct transport *transport = &redfu->transport;
    uint64_t start_us = transport->now_us(transport->ctx);
    enum redfu_result access = REDFU_UNPLUGGED;
    while (!find_again(redfu, like, found, &access)) {
        uint64_t waited_ms = (transport->now_us(transport->ctx) - start_us) / 1000;
        if (redfui_is_cancelled(watch)) {
            return redfui_fail(fault, REDFU_CANCELLED,
                               "interrupted while waiting for the device at %s", like->path);
        }
        if (waited_ms >= timeout_ms) {
            if (access != REDFU_UNPLUGGED) {
                return REDFU_OK; // it is there: opening it tells what is wrong
            }
            (void)redfui_fail(fault, REDFU_NO_DEVICE,
                              "no device in DFU mode came back at %s within %u s", like->path,
                              timeout_ms / 1000);
            return redfui_advise(fault, "Bring it into DFU mode by its button.");
        }
        uint64_t left_ms = timeout_ms - waited_ms;
        transport->wait_change(transport->ctx, left_ms < LOOK_MS ? (uint32_t)left_ms : LOOK_MS);
        // A wait that ends at once, time after time, would be a loop without a pause (libusb does that for a
        // while after a device has gone).
        transport->sleep_ms(transport->ctx, PAUSE_MS);
    }
    return REDFU_OK;
}

static enum redfu_result say_detach(const struct transport *transport,
                                    const struct redfu_device *device, struct redfu_fault *fault) {
    void *handle;
    enum transport_result result = transport->open(transport->ctx, device, &handle);
    if (result == TRANSPORT_OK) {
        result = transport->claim(transport->ctx, handle, device->interface);
        const struct usb_setup setup = {
            .bmRequestType = USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
            .bRequest = DFU_DETACH,
            .wValue = DETACH_TIMEOUT_MS,
            .wIndex = device->interface,
        };
        uint16_t moved;
        if (result == TRANSPORT_OK) {
            result = transport->control(transport->ctx, handle, &setup, NULL, &moved,
                                        REQUEST_TIMEOUT_MS);
        }
        // Without bitWillDetach the host resets the port (DFU 1.1 5.1).
        if (result == TRANSPORT_OK && (device->attributes & DFU_ATTR_WILL_DETACH) == 0) {
            (void)transport->reset(transport->ctx, handle);
        }
        transport->close(transport->ctx, handle);
    }
    switch (result) {
    case TRANSPORT_OK:
    case TRANSPORT_GONE: // quicker than its answer: what matters is whether it comes back
        return REDFU_OK;
    case TRANSPORT_DENIED:
    case TRANSPORT_BUSY:
        (void)redfui_fail(fault, result == TRANSPORT_DENIED ? REDFU_DENIED : REDFU_BUSY, "%s", "");
        transport->explain(transport->ctx, device, result, fault);
        return fault->result;
    default:
        return redfui_fail(fault, REDFU_STUCK, "%s at %s did not take DETACH",
                           device->product_name[0] ? device->product_name : "the device",
                           device->path);
    }
}

enum redfu_result redfu_detach(struct redfu *redfu, const struct redfu_device *device,
                               struct redfu_device *found, struct redfu_fault *fault) {
    const struct transport *transport = &redfu->transport;
    enum redfu_result result = say_detach(transport, device, fault);
    if (result != REDFU_OK) {
        return result;
    }
    // Its serial number may be another one in DFU mode: the socket tells.
    struct redfu_device like = *device;
    like.serial[0] = '\0';
    result = redfu_await(redfu, &like, BACK_MAX_MS, NULL, found, fault);
    if (result == REDFU_NO_DEVICE) {
        (void)redfui_fail(fault, REDFU_STUCK,
                          "%s took DETACH, but no device in DFU mode came back at %s within %u s",
                          device->product_name[0] ? device->product_name : "the device",
                          device->path, BACK_MAX_MS / 1000);
        return redfui_advise(fault, "Bring it into DFU mode by its button.");
    }
    return result;
}

static const char *reason_text(unsigned reason) {
    static const char *const texts[] = {
#define BOOT_REASON(name, number, words) [number] = (words),
        BOOT_REASONS(BOOT_REASON)
#undef BOOT_REASON
    };
    return reason < sizeof texts / sizeof texts[0] ? texts[reason] : "?";
}

static const char *cause_text(uint32_t cause) {
    // The pin's flag goes with each of the others.
    return (cause & START_CAUSE_LOW_POWER) != 0         ? "low-power management"
           : (cause & START_CAUSE_WINDOW_WATCHDOG) != 0 ? "window watchdog"
           : (cause & START_CAUSE_WATCHDOG) != 0        ? "independent watchdog"
           : (cause & START_CAUSE_POWER_ON) != 0        ? "power came"
           : (cause & START_CAUSE_BROWN_OUT) != 0       ? "brown-out"
           : (cause & START_CAUSE_SOFTWARE) != 0        ? "software"
           : (cause & START_CAUSE_PIN) != 0             ? "reset pin"
                                                        : "unknown";
}

bool redfu_start(const struct redfu_session *session, struct redfu_start *start) {
    const struct transport *transport = session->link.transport;
    const struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN | USB_TYPE_VENDOR,
        .bRequest = BOOT_REPORT_REQUEST,
        .wLength = BOOT_REPORT_LEN,
    };
    uint8_t bytes[BOOT_REPORT_LEN];
    uint16_t moved = 0;
    *start = (struct redfu_start){0};
    if (transport->control(transport->ctx, session->link.handle, &setup, bytes, &moved,
                           REQUEST_TIMEOUT_MS) != TRANSPORT_OK ||
        moved < BOOT_REPORT_LEN_1_00) {
        return false;
    }
    struct start_record record = {
        .magic = load_le32(bytes),
        .failed = bytes[4],
        .reason = bytes[5],
        .mode = bytes[6],
        .is_pending = bytes[7],
        .cause = load_le32(bytes + 8),
        .check = load_le32(bytes + 12),
    };
    if (!start_is_valid(&record)) {
        return false;
    }
    start->mode = record.mode;
    start->failed = record.failed;
    start->reason = reason_text(record.reason);
    start->cause = cause_text(record.cause);
    if (load_le32(bytes + 16) == FAULT_MAGIC) {
        start->faults = load_le32(bytes + 20);
        start->fault_pc = load_le32(bytes + 24);
        start->fault_lr = load_le32(bytes + 28);
        start->fault_cfsr = load_le32(bytes + 32);
        start->fault_hfsr = load_le32(bytes + 36);
        start->fault_mmfar = load_le32(bytes + 40);
        start->fault_bfar = load_le32(bytes + 44);
    }
    return true;
}
