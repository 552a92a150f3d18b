// SPDX-License-Identifier: MIT
//
// doctor/device.h over libredfu's raw access.

#include "cli/doctor.h"

#define COME_BACK_MS 8000u // a bus reset, enumeration, and udev's permissions behind it

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct doctor_link *link = ctx;
    uint8_t bytes[USB_SETUP_LEN];
    usb_setup_store(setup, bytes);
    switch (redfu_raw_control(link->raw, bytes, data, moved,
                              timeout_ms ? timeout_ms : DEVICE_PATIENCE_MS)) {
    case REDFU_TRANSFER_DONE:
        return DEVICE_OK;
    case REDFU_TRANSFER_STALL:
        return DEVICE_STALL;
    case REDFU_TRANSFER_NO_ANSWER:
        return DEVICE_TIMEOUT;
    case REDFU_TRANSFER_BROKEN:
        link->broken++;
        return DEVICE_GONE;
    case REDFU_TRANSFER_GONE:
    default:
        return DEVICE_GONE;
    }
}

static void wait_ms(void *ctx, uint32_t ms) {
    redfu_raw_sleep(((struct doctor_link *)ctx)->raw, ms);
}

static uint64_t now_us(void *ctx) {
    return redfu_raw_now_us(((struct doctor_link *)ctx)->raw);
}

static enum device_result reset(void *ctx) {
    return redfu_raw_reset(((struct doctor_link *)ctx)->raw, COME_BACK_MS) ? DEVICE_OK
                                                                           : DEVICE_GONE;
}

struct device doctor_device(struct doctor_link *link) {
    return (struct device){
        .ctx = link, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
}
