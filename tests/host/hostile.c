// SPDX-License-Identifier: MIT
//
// The hostile device as a transport, and the operations it meets.

#undef NDEBUG
#include "tests/host/hostile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/transport.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "spec/region_hash.h"
#include "spec/usb.h"

// Twice the longest single wait (BUSY_MAX_MS of host/link.c), for each of a few steps.
#define OPERATION_MAX_US 200000000u
#define TRANSFERS_MAX    200000u
#define TEXT_MAX         126u

static const char *const layouts[] = {
    "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg",
    "@Settings  /0x5E700000/01*032Ke",
    "@F/0xFFFFF000/2*2Kg",
    "@F/0x08000000/65535*1 g",
    "@F/0x08000000/1*4095Mg",
    "@Internal Flash   /0x08000000/04*016Kg,01*064Kg,07*128Kg/0x1FFF7800/01*512 e",
    "@",
    "nothing at all",
};
#define LAYOUT_COUNT (sizeof layouts / sizeof layouts[0])

static uint32_t next(struct hostile *device) {
    if (device->at) {
        return device->at < device->end ? *device->at++ : 0;
    }
    device->seed ^= device->seed << 13; // xorshift32
    device->seed ^= device->seed >> 17;
    device->seed ^= device->seed << 5;
    return device->seed >> 8;
}

static bool is_malicious(struct hostile *device) {
    return device->at ? next(device) % 4 == 3 : next(device) % 64 < device->malice;
}

// A layout, one of the list or one that the stream spells.
static uint16_t give_string(struct hostile *device, uint8_t *data, uint16_t room) {
    char spelt[TEXT_MAX + 1];
    const char *text = layouts[0];
    uint32_t choice = next(device) % 32;
    if (choice == 31) {
        size_t len = next(device) % TEXT_MAX;
        for (size_t i = 0; i < len; i++) {
            spelt[i] = (char)(next(device) | 1); // never the end
        }
        spelt[len] = '\0';
        text = spelt;
    } else if (choice > 23) {
        text = layouts[choice % LAYOUT_COUNT];
    }
    uint16_t len = 2;
    for (; text[len / 2 - 1] && len + 2 <= room; len = (uint16_t)(len + 2)) {
        store_le16(data + len, (uint8_t)text[len / 2 - 1]);
    }
    data[0] = choice != 30 ? (uint8_t)len : (uint8_t)next(device);
    data[1] = USB_DT_STRING;
    return len;
}

static uint16_t give_sums(struct hostile *device, uint16_t room, uint8_t *data) {
    if (room >= REGION_HASH_HEADER_LEN) {
        store_le32(data, REGION_HASH_MARK);
        store_le32(data + 4, next(device) % 2);
    }
    for (uint16_t i = REGION_HASH_HEADER_LEN; i < room; i++) {
        data[i] = (uint8_t)next(device);
    }
    return room;
}

// A device that mostly behaves, so that operations get far.
static enum transport_result behave(struct hostile *device, const struct usb_setup *setup,
                                    uint8_t *data, uint16_t *moved) {
    unsigned type = setup->bmRequestType & USB_TYPE_MASK;
    *moved = setup->wLength;
    if (type == USB_TYPE_STANDARD && setup->bRequest == USB_GET_DESCRIPTOR) {
        *moved = give_string(device, data, setup->wLength);
        return TRANSPORT_OK;
    }
    if (type == USB_TYPE_VENDOR) {
        bool is_asked = device->sums_up && setup->bRequest == REGION_HASH_REQUEST;
        if (is_asked && setup->bmRequestType & USB_DIR_IN) {
            *moved = give_sums(device, setup->wLength, data);
        }
        return is_asked ? TRANSPORT_OK : TRANSPORT_STALL;
    }
    if (type != USB_TYPE_CLASS) {
        return TRANSPORT_OK;
    }
    switch (setup->bRequest) {
    case DFU_GETSTATE:
        data[0] = device->state;
        break;
    case DFU_GETSTATUS:
        memset(data, 0, DFU_STATUS_LEN);
        data[4] = device->state;
        *moved = DFU_STATUS_LEN;
        break;
    case DFU_DNLOAD:
        device->state = setup->wLength > 0 ? DFU_STATE_DNLOAD_IDLE : DFU_STATE_MANIFEST;
        break;
    case DFU_UPLOAD:
        device->state = DFU_STATE_UPLOAD_IDLE;
        memset(data, 0x5a, setup->wLength);
        break;
    default:
        device->state = DFU_STATE_IDLE;
    }
    return TRANSPORT_OK;
}

static enum transport_result misbehave(struct hostile *device, const struct usb_setup *setup,
                                       uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
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
            uint32_t what = next(device);
            data[i] = (uint8_t)(what % 4 ? what / 4 % 16 : next(device));
        }
    }
    return result;
}

static bool is_class(const struct usb_setup *setup, uint8_t request) {
    return (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS && setup->bRequest == request;
}

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    struct hostile *device = ctx;
    uint8_t nothing[1];
    (void)handle;
    *moved = 0;
    data = data ? data : nothing;
    device->transfers++;
    assert(device->transfers < TRANSFERS_MAX);
    assert(timeout_ms > 0);
    device->now_us += 250;
    if (is_class(setup, DFU_DNLOAD) && setup->wLength > 0) {
        device->writes++;
        assert(!device->has_failed); // a write after an error
    }
    enum transport_result result = is_malicious(device)
                                       ? misbehave(device, setup, data, moved, timeout_ms)
                                       : behave(device, setup, data, moved);
    if (is_class(setup, DFU_DNLOAD)) {
        device->has_failed |= result != TRANSPORT_OK;
    } else if (is_class(setup, DFU_GETSTATUS)) {
        bool is_told = result == TRANSPORT_OK && *moved == DFU_STATUS_LEN && data[0] != 0;
        // A STALL is asked again (STATUS_STALLS_MAX).
        device->has_failed |= is_told || (result != TRANSPORT_OK && result != TRANSPORT_STALL);
    }
    return result;
}

// Descriptors from the stream, through what takes them apart.
static enum transport_result list(void *ctx, struct redfu_device **devices, size_t *count) {
    struct hostile *device = ctx;
    uint8_t extra[32];
    *count = 1;
    *devices = calloc(1, sizeof **devices);
    assert(*devices);
    struct redfu_device *one = *devices;
    one->attributes = 0x0f;
    one->transfer_bytes = 2048;
    one->dfu_version = next(device) % 4 == 3 ? 0x0110 : DFUSE_VERSION;
    one->vendor = next(device) % 8 == 7 ? 0x0483 : 0x1209;
    one->product = 0xdf11;
    one->alternate_count = (uint8_t)(1 + next(device) % 3);
    one->alternate_strings[0] = 4;
    one->alternate_strings[1] = 5;
    one->alternate_strings[2] = 6;
    one->serial_string = 3;
    (void)snprintf(one->path, sizeof one->path, "1-1");
    if (next(device) % 8 == 7) {
        for (size_t i = 0; i < sizeof extra; i++) {
            extra[i] = (uint8_t)next(device);
        }
        redfui_take_functional(one, extra, next(device) % (sizeof extra + 1));
    } else if (next(device) % 8 == 7) {
        one->transfer_bytes = (uint16_t)(next(device) * 257);
    }
    redfui_decide_kind(one, next(device) % 16 == 15 ? DFU_PROTOCOL_RUNTIME : DFU_PROTOCOL_DFU);
    return TRANSPORT_OK;
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
    return control(ctx, handle, &setup, NULL, &moved, 1000);
}

static enum transport_result reset(void *ctx, void *handle) {
    (void)ctx;
    (void)handle;
    return TRANSPORT_OK;
}

static bool present(void *ctx, void *handle) {
    (void)handle;
    return next(ctx) % 16 != 15;
}

static void explain(void *ctx, const struct redfu_device *device, enum transport_result why,
                    struct redfu_fault *fault) {
    (void)ctx;
    (void)device;
    (void)why;
    (void)snprintf(fault->text, sizeof fault->text, "hostile");
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
    struct redfu *redfu = redfui_new(&transport);
    assert(redfu);
    return redfu;
}

// --- Operations ----------------------------------------------------------------------------------

static void begin(struct hostile *device) {
    device->has_failed = false;
    device->limit_us = device->now_us + OPERATION_MAX_US;
}

static void judge(struct hostile *device, enum redfu_result result,
                  const struct redfu_fault *fault) {
    device->outcomes[result]++;
    assert(device->now_us < device->limit_us); // an operation took too long
    assert(result == REDFU_OK || fault->text[0]);
    assert(result == REDFU_OK || fault->result == result);
    begin(device);
}

static uint8_t bytes[0x9000];

static void write_and_more(struct redfu_session *session, struct hostile *device,
                           const struct redfu_layout *layout) {
    const struct redfu_segment segments[] = {{0x0800c000, 9000, bytes},
                                             {0x08010100, 300, bytes + 0x8000}};
    struct redfu_fault fault = {0};
    struct redfu_plan plan;
    uint32_t how = next(device);
    const struct redfu_prepare prepare = {
        .full = how % 4 == 1, .keep = how % 4 == 2, .no_reading = how % 8 == 4};
    if (redfu_plan_write(layout, segments, 2, &plan, &fault) != REDFU_OK) {
        return;
    }
    begin(device);
    enum redfu_result result = redfu_prepare(session, 0, &prepare, &plan, NULL, &fault);
    judge(device, result, &fault);
    if (result == REDFU_OK) {
        assert(redfu_plan_time_us(session, &plan, true) < 1000ull * OPERATION_MAX_US);
        result = redfu_write(session, 0, &plan, NULL, &fault);
        judge(device, result, &fault);
    }
    if (result == REDFU_OK) {
        result = redfu_sums_up(session)
                     ? redfu_verify_sums(session, 0, plan.image, plan.image_count, NULL, &fault)
                     : redfu_verify(session, 0, plan.image, plan.image_count, NULL, &fault);
        judge(device, result, &fault);
    }
    redfu_plan_free(&plan);
    if (result == REDFU_OK) {
        judge(device, redfu_settle(session, &fault), &fault);
        bool is_whole;
        judge(device, redfu_await_whole(session, &is_whole, &fault), &fault);
    }
}

static void operate_dfuse(struct redfu_session *session, struct hostile *device) {
    static uint8_t out[9000];
    const struct redfu_segment segment = {0x0800c000, 5000, bytes};
    const struct redfu_layout *layout;
    struct redfu_fault fault = {0};
    struct redfu_plan plan = {0};
    struct redfu_settings settings;
    begin(device);
    if (redfu_layout(session, 0, &layout, &fault) != REDFU_OK) {
        return;
    }
    write_and_more(session, device, layout);
    begin(device);
    judge(device, redfu_verify(session, 0, &segment, 1, NULL, &fault), &fault);
    judge(device, redfu_read(session, 0, 0x08000001, sizeof out, out, NULL, &fault), &fault);
    if (redfu_plan_erase(layout, 0x0800c000, 1, &plan, &fault) == REDFU_OK) {
        judge(device, redfu_write(session, 0, &plan, NULL, &fault), &fault);
    }
    redfu_plan_free(&plan);
    enum redfu_result result = redfu_settings_read(session, &settings, &fault);
    judge(device, result, &fault);
    if (result == REDFU_OK) {
        redfu_settings_free(&settings);
    }
    judge(device, redfu_run(session, 0, 0x0800c000, &fault), &fault);
}

static void operate_plain(struct redfu *redfu, struct redfu_session *session,
                          struct hostile *device) {
    struct redfu_fault fault = {0};
    uint8_t *got;
    uint32_t len;
    begin(device);
    judge(device, redfu_download(session, 0, bytes, 5000, NULL, &fault), &fault);
    judge(device, redfu_upload(session, 0, &got, &len, NULL, &fault), &fault);
    free(got);
    judge(device, redfu_reset(redfu, session, &fault), &fault);
}

void hostile_meet(struct hostile *device) {
    struct redfu *redfu = redfu_on(device);
    struct redfu_device *devices;
    struct redfu_session *session;
    struct redfu_fault fault = {0};
    size_t count;
    begin(device);
    judge(device, redfu_list(redfu, &devices, &count, &fault), &fault);
    enum redfu_kind kind = devices[0].kind;
    if (kind == REDFU_KIND_RUNTIME) {
        struct redfu_device found;
        judge(device, redfu_detach(redfu, &devices[0], &found, &fault), &fault);
    }
    enum redfu_result result = redfu_open(redfu, &devices[0], &session, &fault);
    judge(device, result, &fault);
    redfu_list_free(devices);
    assert(device->writes == 0);
    if (result == REDFU_OK) {
        struct redfu_start start;
        (void)redfu_start(session, &start);
        assert(device->writes == 0);
        if (kind == REDFU_KIND_DFU) {
            operate_plain(redfu, session, device);
        } else {
            operate_dfuse(session, device);
        }
        redfu_close(session);
    }
    redfu_free(redfu);
}
