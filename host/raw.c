// SPDX-License-Identifier: MIT
//
// A device transfer by transfer, over the context's transport.

#include "host/redfu_raw.h"

#include <stdlib.h>

#include "host/fault.h"
#include "host/session.h"
#include "spec/usb.h"

struct redfu_raw {
    struct redfu *redfu;
    struct redfu_device device;
    void *handle; // NULL: not there
};

static enum transport_result take(struct redfu_raw *raw) {
    const struct transport *transport = &raw->redfu->transport;
    enum transport_result result = transport->open(transport->ctx, &raw->device, &raw->handle);
    if (result != TRANSPORT_OK) {
        raw->handle = NULL;
        return result;
    }
    result = transport->claim(transport->ctx, raw->handle, raw->device.interface);
    if (result != TRANSPORT_OK) {
        transport->close(transport->ctx, raw->handle);
        raw->handle = NULL;
    }
    return result;
}

enum redfu_result redfu_raw_open(struct redfu *redfu, const struct redfu_device *device,
                                 struct redfu_raw **out, struct redfu_fault *fault) {
    *out = NULL;
    struct redfu_raw *raw = calloc(1, sizeof *raw);
    if (!raw) {
        return redfui_no_memory(fault);
    }
    raw->redfu = redfu;
    raw->device = *device;
    enum transport_result result = take(raw);
    if (result == TRANSPORT_OK) {
        *out = raw;
        return REDFU_OK;
    }
    free(raw);
    if (result == TRANSPORT_DENIED || result == TRANSPORT_BUSY) {
        (void)redfui_fail(fault, result == TRANSPORT_DENIED ? REDFU_DENIED : REDFU_BUSY, "%s", "");
        redfu->transport.explain(redfu->transport.ctx, device, result, fault);
        return fault->result;
    }
    return result == TRANSPORT_GONE
               ? redfui_fail(fault, REDFU_UNPLUGGED, "the device at %s is not connected any more",
                             device->path)
               : redfui_fail(fault, REDFU_TRANSFER, "the device at %s cannot be opened",
                             device->path);
}

static void let_go(struct redfu_raw *raw) {
    if (raw->handle) {
        raw->redfu->transport.close(raw->redfu->transport.ctx, raw->handle);
        raw->handle = NULL;
    }
}

void redfu_raw_close(struct redfu_raw *raw) {
    if (raw) {
        let_go(raw);
        free(raw);
    }
}

enum redfu_transfer_end redfu_raw_control(struct redfu_raw *raw, const uint8_t setup[8],
                                          uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    const struct transport *transport = &raw->redfu->transport;
    struct usb_setup loaded = usb_setup_load(setup);
    *moved = 0;
    if (!raw->handle) {
        return REDFU_TRANSFER_GONE;
    }
    if (loaded.bmRequestType == USB_RECIPIENT_INTERFACE && loaded.bRequest == USB_SET_INTERFACE &&
        loaded.wIndex == raw->device.interface && loaded.wValue < REDFU_ALTERNATES_MAX) {
        return redfui_transfer_end(transport->set_alternate(
            transport->ctx, raw->handle, raw->device.interface, (uint8_t)loaded.wValue));
    }
    return redfui_transfer_end(
        transport->control(transport->ctx, raw->handle, &loaded, data, moved, timeout_ms));
}

bool redfu_raw_reset(struct redfu_raw *raw, uint32_t timeout_ms) {
    const struct transport *transport = &raw->redfu->transport;
    if (raw->handle) {
        (void)transport->reset(transport->ctx, raw->handle);
        let_go(raw);
    }
    struct redfu_device found;
    struct redfu_fault ignored;
    if (redfu_await(raw->redfu, &raw->device, timeout_ms, NULL, &found, &ignored) != REDFU_OK) {
        return false;
    }
    raw->device = found;
    return take(raw) == TRANSPORT_OK;
}

uint64_t redfu_raw_now_us(const struct redfu_raw *raw) {
    return raw->redfu->transport.now_us(raw->redfu->transport.ctx);
}

void redfu_raw_sleep(const struct redfu_raw *raw, uint32_t ms) {
    raw->redfu->transport.sleep_ms(raw->redfu->transport.ctx, ms);
}
