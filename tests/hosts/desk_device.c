// SPDX-License-Identifier: MIT

#include "tests/hosts/desk_device.h"

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct desk *desk = ctx;
    *moved = 0;
    if (!desk->connected || desk->ran) {
        return DEVICE_GONE;
    }
    uint16_t len = setup->wLength;
    desk->stage_timeout_us = 1000ull * (timeout_ms ? timeout_ms : DEVICE_PATIENCE_MS);
    enum desk_result result = desk_control(desk, setup->bmRequestType, setup->bRequest,
                                           setup->wValue, setup->wIndex, data, &len);
    desk->stage_timeout_us = 0;
    *moved = len;
    return result == DESK_OK ? DEVICE_OK : result == DESK_STALL ? DEVICE_STALL : DEVICE_TIMEOUT;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    desk_wait_ms(ctx, ms);
}

static uint64_t now_us(void *ctx) {
    return ((struct desk *)ctx)->now_us;
}

static enum device_result reset(void *ctx) {
    struct desk *desk = ctx;
    if (!desk->connected || desk->ran) {
        return DEVICE_GONE;
    }
    desk_enumerate(desk);
    return DEVICE_OK;
}

struct device desk_device(struct desk *desk) {
    desk->connected = true; // as the port does at start
    return (struct device){
        .ctx = desk, .control = control, .sleep = sleep_ms, .now_us = now_us, .reset = reset};
}
