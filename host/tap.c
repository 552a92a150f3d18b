// SPDX-License-Identifier: MIT
//
// Hands every call on; handles are its own, because a transfer is told with its device's address.

#include "host/tap.h"

#include <stdlib.h>

#include "spec/bytes.h"
#include "spec/usb.h"

struct tap_handle {
    void *below;
    uint8_t bus, address;
    // Those that nobody awaited yet, in order.
    struct redfu_transfer queue[TRANSPORT_QUEUE_MAX];
    const uint8_t *data[TRANSPORT_QUEUE_MAX];
    unsigned first, count;
};

static enum transport_result list(void *ctx, struct redfu_device **devices, size_t *count) {
    struct tap *tap = ctx;
    return tap->below.list(tap->below.ctx, devices, count);
}

static enum transport_result open_device(void *ctx, const struct redfu_device *device,
                                         void **handle) {
    struct tap *tap = ctx;
    struct tap_handle *opened = calloc(1, sizeof *opened);
    if (!opened) {
        return TRANSPORT_FAILED;
    }
    opened->bus = device->bus;
    opened->address = device->address;
    enum transport_result result = tap->below.open(tap->below.ctx, device, &opened->below);
    if (result != TRANSPORT_OK) {
        free(opened);
        return result;
    }
    *handle = opened;
    return TRANSPORT_OK;
}

static void close_device(void *ctx, void *handle) {
    struct tap *tap = ctx;
    struct tap_handle *opened = handle;
    tap->below.close(tap->below.ctx, opened->below);
    free(opened);
}

static enum transport_result claim(void *ctx, void *handle, uint8_t interface) {
    struct tap *tap = ctx;
    const struct tap_handle *opened = handle;
    return tap->below.claim(tap->below.ctx, opened->below, interface);
}

enum redfu_transfer_end redfui_transfer_end(enum transport_result result) {
    switch (result) {
    case TRANSPORT_OK:
        return REDFU_TRANSFER_DONE;
    case TRANSPORT_STALL:
        return REDFU_TRANSFER_STALL;
    case TRANSPORT_TIMEOUT:
        return REDFU_TRANSFER_NO_ANSWER;
    case TRANSPORT_GONE:
        return REDFU_TRANSFER_GONE;
    default:
        return REDFU_TRANSFER_BROKEN;
    }
}

static struct redfu_transfer begin(struct tap *tap, const struct tap_handle *opened,
                                   const struct usb_setup *setup, const uint8_t *data) {
    bool is_out = !(setup->bmRequestType & USB_DIR_IN);
    struct redfu_transfer transfer = {
        .number = ++tap->count,
        .bus = opened->bus,
        .address = opened->address,
        .data = is_out && setup->wLength > 0 ? data : NULL,
        .len = setup->wLength,
    };
    transfer.setup[0] = setup->bmRequestType;
    transfer.setup[1] = setup->bRequest;
    store_le16(transfer.setup + 2, setup->wValue);
    store_le16(transfer.setup + 4, setup->wIndex);
    store_le16(transfer.setup + 6, setup->wLength);
    if (tap->tell) {
        tap->tell(tap->ctx, &transfer);
    }
    return transfer;
}

static void end(struct tap *tap, struct redfu_transfer *transfer, enum transport_result result,
                const uint8_t *came, uint16_t moved) {
    transfer->is_over = true;
    transfer->end = redfui_transfer_end(result);
    transfer->len = moved;
    if (came && moved > 0) {
        transfer->data = came;
    }
    if (tap->tell) {
        tap->tell(tap->ctx, transfer);
    }
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    struct tap *tap = ctx;
    const struct tap_handle *opened = handle;
    const struct usb_setup setup = {
        .bmRequestType = USB_RECIPIENT_INTERFACE,
        .bRequest = USB_SET_INTERFACE,
        .wValue = alternate,
        .wIndex = interface,
    };
    struct redfu_transfer transfer = begin(tap, opened, &setup, NULL);
    enum transport_result result =
        tap->below.set_alternate(tap->below.ctx, opened->below, interface, alternate);
    end(tap, &transfer, result, NULL, 0);
    return result;
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    struct tap *tap = ctx;
    const struct tap_handle *opened = handle;
    struct redfu_transfer transfer = begin(tap, opened, setup, data);
    enum transport_result result =
        tap->below.control(tap->below.ctx, opened->below, setup, data, moved, timeout_ms);
    bool is_in = (setup->bmRequestType & USB_DIR_IN) != 0;
    end(tap, &transfer, result, is_in ? data : NULL, result == TRANSPORT_OK ? *moved : 0);
    return result;
}

static enum transport_result queue(void *ctx, void *handle, const struct usb_setup *setup,
                                   uint8_t *data, uint32_t timeout_ms) {
    struct tap *tap = ctx;
    struct tap_handle *opened = handle;
    struct redfu_transfer transfer = begin(tap, opened, setup, NULL);
    enum transport_result result =
        tap->below.queue(tap->below.ctx, opened->below, setup, data, timeout_ms);
    if (result != TRANSPORT_OK) {
        end(tap, &transfer, result, NULL, 0);
        return result;
    }
    unsigned at = (opened->first + opened->count++) % TRANSPORT_QUEUE_MAX;
    opened->queue[at] = transfer;
    opened->data[at] = data;
    return result;
}

// The oldest one's end is told.
static void end_oldest(struct tap *tap, struct tap_handle *opened, enum transport_result result,
                       uint16_t moved) {
    end(tap, &opened->queue[opened->first], result, opened->data[opened->first], moved);
    opened->first = (opened->first + 1) % TRANSPORT_QUEUE_MAX;
    opened->count--;
}

static enum transport_result await(void *ctx, void *handle, uint16_t *moved) {
    struct tap *tap = ctx;
    struct tap_handle *opened = handle;
    enum transport_result result = tap->below.await(tap->below.ctx, opened->below, moved);
    if (opened->count > 0) {
        end_oldest(tap, opened, result, result == TRANSPORT_OK ? *moved : 0);
    }
    return result;
}

static void drop(void *ctx, void *handle) {
    struct tap *tap = ctx;
    struct tap_handle *opened = handle;
    tap->below.drop(tap->below.ctx, opened->below);
    while (opened->count > 0) {
        end_oldest(tap, opened, TRANSPORT_FAILED, 0);
    }
}

static enum transport_result reset(void *ctx, void *handle) {
    struct tap *tap = ctx;
    const struct tap_handle *opened = handle;
    return tap->below.reset(tap->below.ctx, opened->below);
}

static bool present(void *ctx, void *handle) {
    struct tap *tap = ctx;
    const struct tap_handle *opened = handle;
    return tap->below.present(tap->below.ctx, opened->below);
}

static void explain(void *ctx, const struct redfu_device *device, enum transport_result why,
                    struct redfu_fault *fault) {
    struct tap *tap = ctx;
    tap->below.explain(tap->below.ctx, device, why, fault);
}

static void wait_change(void *ctx, uint32_t timeout_ms) {
    struct tap *tap = ctx;
    tap->below.wait_change(tap->below.ctx, timeout_ms);
}

static uint64_t now_us(void *ctx) {
    struct tap *tap = ctx;
    return tap->below.now_us(tap->below.ctx);
}

static void sleep_ms(void *ctx, uint32_t ms) {
    struct tap *tap = ctx;
    tap->below.sleep_ms(tap->below.ctx, ms);
}

static void free_below(void *ctx) {
    struct tap *tap = ctx;
    tap->below.free(tap->below.ctx);
}

void redfui_tap(struct tap *tap, const struct transport *below, struct transport *above) {
    *tap = (struct tap){.below = *below};
    *above = (struct transport){
        .ctx = tap,
        .list = list,
        .open = open_device,
        .close = close_device,
        .claim = claim,
        .set_alternate = set_alternate,
        .control = control,
        .queue = below->queue ? queue : NULL,
        .await = below->queue ? await : NULL,
        .drop = below->queue ? drop : NULL,
        .reset = reset,
        .present = present,
        .explain = explain,
        .wait_change = wait_change,
        .now_us = now_us,
        .sleep_ms = sleep_ms,
        .free = free_below,
    };
}
