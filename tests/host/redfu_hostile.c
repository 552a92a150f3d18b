// SPDX-License-Identifier: MIT
//
// A device that answers anything: every operation ends, in bounded virtual time, inside its memory
// (the sanitizers watch), with a sentence for every failure. Seeds count from 1; a failing one is
// named and can be given as the argument to replay just that.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/transport.h"
#include "spec/dfu.h"
#include "spec/usb.h"

#define SEEDS            500u
// Twice the longest single wait (BUSY_MAX_MS of host/link.c), for each of a few operations.
#define OPERATION_MAX_US 200000000u
#define TRANSFERS_MAX    100000u

struct hostile {
    uint32_t seed;
    unsigned malice; // of 64 answers, how many are nonsense
    uint8_t state;
    uint64_t now_us;
    unsigned transfers;
    unsigned writes; // DNLOADs with data
};

static const char *const layouts[] = {
    "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg",
    "@F/0xFFFFF000/2*2Kg",
    "@F/0x08000000/65535*1 g",
    "@F/0x08000000/1*4095Mg",
    "@",
    "nothing at all",
};

static uint32_t next(struct hostile *device) { // xorshift32
    device->seed ^= device->seed << 13;
    device->seed ^= device->seed >> 17;
    device->seed ^= device->seed << 5;
    return device->seed;
}

static uint16_t give_string(struct hostile *device, uint8_t *data, uint16_t room) {
    const char *text = layouts[next(device) % 4 ? 0 : next(device) % 6];
    uint16_t len = 2;
    for (; text[len / 2 - 1] && len + 2 <= room; len = (uint16_t)(len + 2)) {
        store_le16(data + len, (uint8_t)text[len / 2 - 1]);
    }
    data[0] = next(device) % 8 ? (uint8_t)len : (uint8_t)next(device);
    data[1] = USB_DT_STRING;
    return len;
}

// A device that mostly behaves, so that operations get far.
static uint16_t behave(struct hostile *device, const struct usb_setup *setup, uint8_t *data) {
    bool is_class = (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS;
    if (!is_class) {
        if (setup->bRequest == USB_GET_DESCRIPTOR) {
            return give_string(device, data, setup->wLength);
        }
        memset(data, 0, setup->wLength);
        return setup->wLength;
    }
    switch (setup->bRequest) {
    case DFU_GETSTATE:
        data[0] = device->state;
        return 1;
    case DFU_GETSTATUS:
        memset(data, 0, DFU_STATUS_LEN);
        data[4] = device->state;
        return DFU_STATUS_LEN;
    case DFU_DNLOAD:
        device->state = setup->wLength > 0 ? DFU_STATE_DNLOAD_IDLE : DFU_STATE_MANIFEST;
        return setup->wLength;
    case DFU_UPLOAD:
        device->state = DFU_STATE_UPLOAD_IDLE;
        memset(data, 0x5a, setup->wLength);
        return setup->wLength;
    default:
        device->state = DFU_STATE_IDLE;
        return 0;
    }
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    struct hostile *device = ctx;
    (void)handle;
    *moved = 0;
    assert_true(++device->transfers < TRANSFERS_MAX);
    device->now_us += 250;
    if (setup->bmRequestType == (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) &&
        setup->bRequest == DFU_DNLOAD && setup->wLength > 0) {
        device->writes++;
    }
    if (next(device) % 64 >= device->malice) {
        uint8_t nothing[1];
        *moved = behave(device, setup, data ? data : nothing);
        return TRANSPORT_OK;
    }
    static const enum transport_result results[] = {
        TRANSPORT_OK,    TRANSPORT_OK,      TRANSPORT_OK,   TRANSPORT_OK,
        TRANSPORT_STALL, TRANSPORT_TIMEOUT, TRANSPORT_GONE, TRANSPORT_FAILED,
    };
    enum transport_result result = results[next(device) % 8];
    if (result == TRANSPORT_TIMEOUT) {
        device->now_us += 1000ull * timeout_ms;
    }
    if (result == TRANSPORT_OK && (setup->bmRequestType & USB_DIR_IN)) {
        *moved = (uint16_t)(next(device) % (setup->wLength + 1u));
        for (unsigned i = 0; i < *moved; i++) {
            data[i] = (uint8_t)(next(device) % 4 ? next(device) % 16 : next(device));
        }
    }
    return result;
}

static enum transport_result open_device(void *ctx, const struct redfu_device *device,
                                         void **handle) {
    (void)device;
    *handle = ctx;
    return TRANSPORT_OK;
}

static void close_device(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
}

static enum transport_result claim(void *ctx, void *handle, uint8_t interface) {
    (void)ctx;
    (void)handle;
    (void)interface;
    return TRANSPORT_OK;
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    struct usb_setup setup = {USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, alternate, interface, 0};
    uint16_t moved;
    uint8_t nothing[1];
    return control(ctx, handle, &setup, nothing, &moved, 1000);
}

static enum transport_result reset(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
    return TRANSPORT_OK;
}

static bool present(void *ctx, void *handle) {
    (void)handle;
    return next(ctx) % 16 != 0;
}

static uint64_t now_us(void *ctx) {
    return ((struct hostile *)ctx)->now_us;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    ((struct hostile *)ctx)->now_us += 1000ull * ms;
}

static void end(void *ctx) {
    (void)ctx;
}

static struct redfu *redfu_on(struct hostile *device) {
    const struct transport transport = {
        .ctx = device,
        .open = open_device,
        .close = close_device,
        .claim = claim,
        .set_alternate = set_alternate,
        .control = control,
        .reset = reset,
        .present = present,
        .now_us = now_us,
        .sleep_ms = sleep_ms,
        .free = end,
    };
    struct redfu *redfu = redfui_new(&transport);
    assert_non_null(redfu);
    return redfu;
}

static uint64_t outcomes[256];

// Ends the process with the seed when an operation took too long.
static void judge(struct hostile *device, uint32_t seed, uint64_t start, enum redfu_result result,
                  const struct redfu_fault *fault) {
    outcomes[result]++;
    if (device->now_us - start > OPERATION_MAX_US) {
        fail_msg("redfu_hostile %u: an operation took %llu s", seed,
                 (unsigned long long)((device->now_us - start) / 1000000));
    }
    if (result != REDFU_OK && !fault->text[0]) {
        fail_msg("redfu_hostile %u: result %d without a sentence", seed, result);
    }
}

static void operate(struct redfu_session *session, struct hostile *device, uint32_t seed) {
    static const uint8_t bytes[9000] = {1, 2, 3};
    static uint8_t out[9000];
    const struct redfu_segment segment = {0x0800c000, sizeof bytes, bytes};
    const struct redfu_layout *layout;
    struct redfu_plan plan = {0};
    struct redfu_fault fault = {0};
    if (redfu_layout(session, 0, &layout, &fault) != REDFU_OK ||
        redfu_plan_write(layout, &segment, 1, &plan, &fault) != REDFU_OK) {
        return;
    }
    uint64_t start = device->now_us;
    judge(device, seed, start, redfu_write(session, 0, &plan, NULL, &fault), &fault);
    redfu_plan_free(&plan);
    start = device->now_us;
    judge(device, seed, start, redfu_settle(session, &fault), &fault);
    start = device->now_us;
    judge(device, seed, start, redfu_verify(session, 0, &segment, 1, NULL, &fault), &fault);
    start = device->now_us;
    judge(device, seed, start, redfu_read(session, 0, 0x08000001, sizeof out, out, NULL, &fault),
          &fault);
    start = device->now_us;
    judge(device, seed, start, redfu_run(session, 0, 0x0800c000, &fault), &fault);
}

static void meet(uint32_t seed) {
    struct hostile device = {.seed = seed * 2654435761u | 1, .malice = seed % 24};
    device.state = (uint8_t)(seed % 17);
    const struct redfu_device identity = {
        .kind = seed % 16 ? REDFU_KIND_DFUSE : REDFU_KIND_DFU,
        .alternate_count = (uint8_t)(1 + seed % 3),
        .alternate_strings = {4, 5, 6},
        .attributes = 0x0b,
        .transfer_bytes = seed % 5 ? 2048 : (uint16_t)(seed * 257),
        .dfu_version = DFUSE_VERSION,
    };
    struct redfu *redfu = redfu_on(&device);
    struct redfu_session *session;
    struct redfu_fault fault = {0};
    enum redfu_result result = redfu_open(redfu, &identity, &session, &fault);
    judge(&device, seed, 0, result, &fault);
    assert_int_equal(device.writes, 0);
    if (result == REDFU_OK) {
        operate(session, &device, seed);
        redfu_close(session);
    }
    redfu_free(redfu);
}

static void every_operation_ends_whatever_the_device_answers(void **unused) {
    (void)unused;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        meet(seed);
    }
    // The device behaves often enough for the way to be walked to its end, and badly enough.
    assert_true(outcomes[REDFU_OK] > SEEDS / 10);
    assert_true(outcomes[REDFU_UNPLUGGED] > SEEDS / 100);
    assert_true(outcomes[REDFU_DEVICE_ERROR] > SEEDS / 100);
    assert_true(outcomes[REDFU_STUCK] > 0);
}

int main(int argc, char **argv) {
    if (argc == 2) {
        meet((uint32_t)strtoul(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_ends_whatever_the_device_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
