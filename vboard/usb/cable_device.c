// SPDX-License-Identifier: MIT

#include "vboard/usb/cable_device.h"

// Attaching, debouncing and enumerating, tries included.
#define ENUMERATE_PS (30 * PS_PER_S)
#define ROUND_PS     (10 * PS_PER_MS)

static bool is_over(const struct cable_device *host) {
    return host->is_over && host->is_over(host->ctx);
}

static void end(struct cable_device *host) {
    *host->has_ended = true;
    timeline_stop(host->timeline);
}

static void transfer_done(struct cable_transfer *transfer, void *ctx) {
    (void)transfer;
    end(ctx);
}

static enum device_result result_of(enum cable_status status) {
    switch (status) {
    case CABLE_OK:
        return DEVICE_OK;
    case CABLE_STALL:
        return DEVICE_STALL;
    case CABLE_CANCELLED:
        return DEVICE_TIMEOUT;
    default:
        return DEVICE_GONE;
    }
}

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct cable_device *host = ctx;
    const struct usb_device *device = enumerator_device(host->enumerator);
    *moved = 0;
    if (!device || is_over(host)) {
        return DEVICE_GONE;
    }
    struct cable_transfer transfer = {
        .type = USB_XFER_CONTROL,
        .address = device->address,
        .in = (setup->bmRequestType & USB_DIR_IN) != 0,
        .packet_bytes = device->device_descriptor[7],
        .data = data,
        .length = setup->wLength,
        .done = transfer_done,
        .ctx = host,
        .status = CABLE_BABBLE, // until it says otherwise
    };
    usb_setup_store(setup, transfer.setup);
    cable_submit(host->cable, &transfer);
    host->run(host->ctx, (timeout_ms ? timeout_ms : DEVICE_PATIENCE_MS) * PS_PER_MS);
    if (!*host->has_ended) {
        cable_cancel(host->cable, &transfer);
    }
    *moved = (uint16_t)transfer.actual;
    return result_of(transfer.status);
}

static void wait_ms(void *ctx, uint32_t ms) {
    struct cable_device *host = ctx;
    host->run(host->ctx, ms * PS_PER_MS);
}

static uint64_t now_us(void *ctx) {
    return timeline_now(((struct cable_device *)ctx)->timeline) / PS_PER_US;
}

static void reset_done(void *ctx, bool ok) {
    (void)ok; // whether there is a device, the enumerator tells
    struct cable_device *host = ctx;
    host->is_resetting = false;
    end(host);
}

static enum device_result reset(void *ctx) {
    struct cable_device *host = ctx;
    // One at a time; one that was left behind is one of an end.
    if (is_over(host) || host->is_resetting) {
        return DEVICE_GONE;
    }
    uint64_t until_ps = timeline_now(host->timeline) + CABLE_COME_BACK_PS;
    if (!enumerator_device(host->enumerator)) {
        while (!enumerator_device(host->enumerator) && timeline_now(host->timeline) < until_ps &&
               !is_over(host)) {
            host->run(host->ctx, ROUND_PS);
        }
        return enumerator_device(host->enumerator) ? DEVICE_OK : DEVICE_GONE;
    }
    host->is_resetting = true;
    enumerator_reset_device(host->enumerator, reset_done, host);
    host->run(host->ctx, ENUMERATE_PS);
    return enumerator_device(host->enumerator) ? DEVICE_OK : DEVICE_GONE;
}

struct device cable_device_of(struct cable_device *host) {
    return (struct device){
        .ctx = host, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
}
