// SPDX-License-Identifier: MIT
//
// The desk as a transport.

#include "tests/host/redfu_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"

static enum transport_result list(void *ctx, struct redfu_device **devices, size_t *count) {
    struct bench *bench = ctx;
    if (bench->comes_back && bench->gone_at != 0 && bench->transfers >= bench->gone_at) {
        bench->gone_at = 0;
        desk_start(bench->desk);
    }
    *devices = calloc(bench->device_count + 1, sizeof **devices);
    if (!*devices) {
        return TRANSPORT_FAILED; // as host/transport_usb.c does
    }
    *count = bench->device_count;
    for (unsigned i = 0; i < bench->device_count; i++) {
        struct redfu_device *device = &(*devices)[i];
        uint8_t bytes[128];
        uint16_t len = 18;
        assert_int_equal(desk_control(bench->desk, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                      USB_DT_DEVICE << 8, 0, bytes, &len),
                         DESK_OK);
        device->vendor = load_le16(bytes + 8);
        device->product = load_le16(bytes + 10);
        device->release = load_le16(bytes + 12);
        device->manufacturer_string = bytes[14];
        device->product_string = bytes[15];
        device->serial_string = i == 0 ? bytes[16] : 0;
        len = sizeof bytes;
        assert_int_equal(desk_control(bench->desk, USB_DIR_IN, USB_GET_DESCRIPTOR,
                                      USB_DT_CONFIGURATION << 8, 0, bytes, &len),
                         DESK_OK);
        // One interface descriptor an alternate setting, others between them (USB 2.0 9.6.5).
        for (unsigned at = 9; at + 9 <= len; at += bytes[at]) {
            assert_true(bytes[at] >= 2);
            if (bytes[at + 1] == USB_DT_INTERFACE &&
                (!bench->no_settings || device->alternate_count == 0)) {
                device->alternate_strings[device->alternate_count++] = bytes[at + 8];
            }
        }
        device->alternate_strings[0] = bench->no_layout ? 0 : bytes[9 + 8];
        redfui_take_functional(device, bytes + 9, len - 9u);
        redfui_decide_kind(device, bytes[9 + 7]);
        if (bench->no_upload) {
            device->attributes &= (uint8_t)~DFU_ATTR_CAN_UPLOAD;
        }
        if (bench->transfer_bytes != 0) {
            device->transfer_bytes = bench->transfer_bytes;
        }
        device->kind = bench->kinds[i];
        device->dfu_version = bench->plain_dfu ? 0x0110 : device->dfu_version;
        device->bus = 1;
        device->address = (uint8_t)(5 + i);
        (void)snprintf(device->path, sizeof device->path, "1-%u", i + 1);
        if (i > 0) {
            (void)snprintf(device->serial, sizeof device->serial, "OTHER%u", i);
        }
    }
    return TRANSPORT_OK;
}

static enum transport_result open_device(void *ctx, const struct redfu_device *device,
                                         void **handle) {
    struct bench *bench = ctx;
    (void)device;
    *handle = bench;
    return bench->denied ? TRANSPORT_DENIED : TRANSPORT_OK;
}

static void close_device(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
}

static enum transport_result claim(void *ctx, void *handle, uint8_t interface) {
    struct bench *bench = handle;
    (void)ctx;
    assert_int_equal(interface, 0);
    return bench->busy ? TRANSPORT_BUSY : TRANSPORT_OK;
}

static bool present(void *ctx, void *handle) {
    struct bench *bench = handle;
    (void)ctx;
    bool has_left = bench->desk->hidden_at_us != 0;
    return !has_left &&
           !(bench->armed && bench->gone_at != 0 && bench->transfers >= bench->gone_at);
}

static enum transport_result pretended(struct bench *bench, const struct usb_setup *setup,
                                       uint8_t *data, uint16_t *moved) {
    if (setup->bRequest == DFU_GETSTATE && bench->pretend[0] != 0 && data) {
        data[0] = bench->pretend[0];
        *moved = 1;
        return TRANSPORT_OK;
    }
    if (setup->bRequest == DFU_CLRSTATUS && bench->pretend[0] != 0) {
        memmove(bench->pretend, bench->pretend + 1, sizeof bench->pretend - 1);
        return TRANSPORT_OK;
    }
    if (setup->bRequest == DFU_GETSTATUS && bench->never_done && data) {
        memset(data, 0, DFU_STATUS_LEN);
        data[1] = 100;
        data[4] = DFU_STATE_DNBUSY;
        *moved = DFU_STATUS_LEN;
        return TRANSPORT_OK;
    }
    return TRANSPORT_FAILED;
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    struct bench *bench = handle;
    (void)ctx;
    assert_true(timeout_ms > 0);
    *moved = 0;
    assert_true(bench->waiting == 0 || setup->bRequest == DFU_UPLOAD); // nothing in between
    bool is_class = (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS;
    if (is_class || setup->bRequest == USB_SET_INTERFACE) {
        assert_true(bench->log_count < BENCH_LOG_MAX);
        bench->log[bench->log_count++] = *setup;
        bench->transfers++;
        if (bench->armed && bench->transfers == bench->stall_at) {
            return TRANSPORT_STALL;
        }
        if (bench->armed && bench->transfers == bench->break_at) {
            return TRANSPORT_FAILED;
        }
        if (bench->armed && bench->transfers == bench->lose_at) {
            return TRANSPORT_TIMEOUT;
        }
    }
    if (bench->lost_sums && setup->bRequest == REGION_HASH_REQUEST &&
        !(setup->bmRequestType & USB_DIR_IN)) {
        return TRANSPORT_TIMEOUT;
    }
    if (bench->no_sums && setup->bRequest == REGION_HASH_REQUEST) {
        return TRANSPORT_STALL;
    }
    if (!present(ctx, handle)) {
        return TRANSPORT_GONE;
    }
    if (is_class && pretended(bench, setup, data, moved) == TRANSPORT_OK) {
        return TRANSPORT_OK;
    }
    uint16_t len = setup->wLength;
    enum desk_result result = desk_control(bench->desk, setup->bmRequestType, setup->bRequest,
                                           setup->wValue, setup->wIndex, data, &len);
    *moved = result == DESK_OK ? len : 0;
    if (bench->armed && bench->gone_after != 0 && bench->transfers == bench->gone_after) {
        bench->gone_at = bench->gone_after;
    }
    if (is_class && setup->bRequest == DFU_GETSTATUS && *moved == DFU_STATUS_LEN &&
        data[4] == DFU_STATE_DNBUSY && load_le24(data + 1) < bench->poll_ms) {
        data[1] = (uint8_t)bench->poll_ms;
        data[2] = (uint8_t)(bench->poll_ms >> 8);
    }
    if (bench->wrong_sums && setup->bRequest == REGION_HASH_REQUEST &&
        (setup->bmRequestType & USB_DIR_IN) && data && *moved > 8) {
        data[8] ^= 1; // behind the header: the first sum
    }
    return result == DESK_OK      ? TRANSPORT_OK
           : result == DESK_STALL ? TRANSPORT_STALL
                                  : TRANSPORT_TIMEOUT;
}

static enum transport_result queue(void *ctx, void *handle, const struct usb_setup *setup,
                                   uint8_t *data, uint32_t timeout_ms) {
    struct bench *bench = handle;
    (void)ctx;
    assert_true(bench->waiting < TRANSPORT_QUEUE_MAX && timeout_ms > 0);
    assert_true((setup->bmRequestType & USB_DIR_IN) != 0 && setup->wLength > 0);
    bench->queue[bench->waiting++] = (struct bench_queued){*setup, data};
    bench->waited = bench->waiting > bench->waited ? bench->waiting : bench->waited;
    return TRANSPORT_OK;
}

static enum transport_result run_oldest(struct bench *bench, uint16_t *moved) {
    struct bench_queued oldest = bench->queue[0];
    bench->waiting--;
    memmove(bench->queue, bench->queue + 1, bench->waiting * sizeof *bench->queue);
    return control(NULL, bench, &oldest.setup, oldest.data, moved, 1000);
}

static enum transport_result await(void *ctx, void *handle, uint16_t *moved) {
    struct bench *bench = handle;
    (void)ctx;
    assert_true(bench->waiting > 0);
    return run_oldest(bench, moved);
}

// The next one was on the wire already.
static void drop(void *ctx, void *handle) {
    struct bench *bench = handle;
    uint16_t moved;
    (void)ctx;
    if (bench->waiting > 0) {
        (void)run_oldest(bench, &moved);
    }
    bench->waiting = 0;
}

void bench_queue(struct bench *bench) {
    bench->transport.queue = queue;
    bench->transport.await = await;
    bench->transport.drop = drop;
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    struct usb_setup setup = {USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, alternate, interface, 0};
    uint16_t moved;
    return control(ctx, handle, &setup, NULL, &moved, 1000);
}

static enum transport_result reset(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
    return TRANSPORT_OK;
}

static void explain(void *ctx, const struct redfu_device *device, enum transport_result why,
                    struct redfu_fault *fault) {
    (void)ctx;
    (void)snprintf(fault->text, sizeof fault->text, "desk: %s at %s",
                   why == TRANSPORT_DENIED ? "denied" : "busy", device->path);
}

static uint64_t now_us(void *ctx) {
    const struct bench *bench = ctx;
    return bench->desk->now_us;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    struct bench *bench = ctx;
    desk_wait_ms(bench->desk, ms);
}

static void end(void *ctx) {
    (void)ctx;
}

struct bench *bench_new(void) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->desk = desk_new();
    bench->device_count = 1;
    bench->transport = (struct transport){
        .ctx = bench,
        .list = list,
        .open = open_device,
        .close = close_device,
        .claim = claim,
        .set_alternate = set_alternate,
        .control = control,
        .reset = reset,
        .present = present,
        .explain = explain,
        .wait_change = sleep_ms,
        .now_us = now_us,
        .sleep_ms = sleep_ms,
        .free = end,
    };
    return bench;
}

void bench_free(struct bench *bench) {
    desk_free(bench->desk);
    free(bench);
}

void bench_arm(struct bench *bench) {
    bench->armed = true;
    bench->transfers = bench->log_count = bench->waited = 0;
}

void bench_power_cycle(struct bench *bench) {
    desk_start(bench->desk);
    bench->armed = false;
    bench->gone_at = bench->lose_at = bench->break_at = bench->stall_at = bench->cancel_at =
        bench->transfers = bench->log_count = 0;
}

uint8_t *bench_flash(struct bench *bench, uint32_t addr) {
    return bench->desk->flash + (addr - DESK_FLASH_BASE);
}

struct redfu *bench_redfu(struct bench *bench) {
    struct redfu *redfu = redfui_new(&bench->transport);
    assert_non_null(redfu);
    return redfu;
}

bool bench_is_cancelled(void *ctx) {
    const struct bench *bench = ctx;
    return bench->armed && bench->cancel_at != 0 && bench->transfers + 1 >= bench->cancel_at;
}

unsigned bench_count(const struct bench *bench, unsigned from, uint8_t request) {
    unsigned count = 0;
    for (unsigned i = from; i < bench->log_count; i++) {
        bool is_class = (bench->log[i].bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS;
        count += is_class && bench->log[i].bRequest == request;
    }
    return count;
}

void bench_fill(struct bench *bench, uint8_t byte) {
    uint32_t settings = flash_sector_address(&desk_map, desk_map.settings_first);
    memset(bench_flash(bench, DESK_FLASH_BASE), byte, settings - DESK_FLASH_BASE);
    memset(bench_flash(bench, DESK_APPLICATION), byte, flash_end(&desk_map) - DESK_APPLICATION);
}

void bench_fail_next(struct bench *bench, enum flash_result result) {
    uint32_t last_sector = flash_sector_address(&desk_map, flash_sector_count(&desk_map) - 1);
    struct desk_status status = desk_command(bench->desk, DFUSE_CMD_ERASE, last_sector);
    assert_int_equal(status.state, DFU_STATE_DNLOAD_IDLE);
    assert_int_equal(desk_simple(bench->desk, DFU_ABORT), DESK_OK);
    bench->desk->fail_next = result;
}
