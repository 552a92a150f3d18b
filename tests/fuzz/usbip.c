// SPDX-License-Identifier: MIT
//
// Anything that a USB/IP client may send, against the face, the enumerator and the cable, with a device that says
// anything. Found here is what a sanitizer finds, an assertion, or a time that does not end.
//
// The input is a program of small steps: calls, URBs with the lengths they should have, raw bytes, time
// passing, the cable pulled and put in, the device stalling, staying silent or falling asleep.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/odd_device.h"
#include "vboard/host/usbip_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 128u

struct bench {
    struct odd_device odd;
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct usbip *usbip;
    int fd; // the client's end; -1: none
};

static uint8_t byte(struct bench *b) {
    return odd_byte(&b->odd);
}

static void serve(struct bench *b) {
    char why[256] = "";
    uint8_t bytes[4096];
    if (!usbip_serve(b->usbip, why) && why[0] == '\0') {
        abort();
    }
    while (b->fd >= 0) {
        ssize_t n = recv(b->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0) {
            (void)close(b->fd);
            b->fd = -1;
        }
        if (n <= 0) {
            return;
        }
    }
}

static void put(struct bench *b, const void *bytes, size_t len) {
    if (b->fd >= 0) {
        (void)send(b->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void call(struct bench *b) {
    int pair[2];
    if (b->fd < 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0) {
        b->fd = pair[0];
        usbip_open(b->usbip, pair[1]);
    }
}

static void import(struct bench *b) {
    static const uint8_t request[40] = {0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1'};
    call(b);
    put(b, request, sizeof request);
}

static void urb(struct bench *b) {
    static const uint32_t commands[] = {1, 1, 1, 1, 1, 1, 2, 0};
    uint8_t header[USBIP_HEADER] = {0};
    static const uint8_t payload[1024];
    uint8_t how = byte(b);
    uint32_t length = byte(b) * (how & 0x80 ? 4u : 1u);
    uint32_t direction = how >> 3 & 1;
    store_be32(header, commands[how & 7]);
    store_be32(header + 4, byte(b) & 15u); // few numbers, so that unlinks meet something
    store_be32(header + 8, b->usbip->device ? usbip_devid(b->usbip) : 0);
    store_be32(header + 12, direction);
    store_be32(header + 16, byte(b) & 3u);
    store_be32(header + 20, byte(b) & 0x4fu);
    store_be32(header + 24, length);
    store_be32(header + 32, byte(b) & 1u ? 0xffffffff : byte(b));
    for (unsigned i = 40; i < USBIP_HEADER; i++) {
        header[i] = byte(b);
    }
    if (how & 0x10) { // a request that fits
        header[40] = direction ? 0x80 : 0x21;
        header[46] = (uint8_t)length;
        header[47] = (uint8_t)(length >> 8);
    }
    put(b, header, sizeof header);
    if (direction == 0 && commands[how & 7] == 1) {
        put(b, payload, length);
    }
}

static void pass(struct bench *b, uint64_t ps) {
    for (unsigned ep = 0; ep < 16; ep++) {
        b->odd.fake.out[ep].received_len = 0;
    }
    (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

static void step(struct bench *b) {
    uint8_t raw[64];
    switch (byte(b) & 15) {
    case 0:
        for (unsigned i = 0; i < sizeof raw; i++) {
            raw[i] = byte(b);
        }
        put(b, raw, raw[0] & 63u);
        break;
    case 1:
        import(b);
        break;
    case 2:
        if (b->fd >= 0) {
            (void)close(b->fd);
            b->fd = -1;
        }
        break;
    case 3:
        cable_unplug(b->cable);
        break;
    case 4:
        cable_plug(b->cable);
        break;
    case 5:
        odd_disturb(&b->odd);
        break;
    case 6:
        call(b);
        put(b, "\x01\x11\x80\x05\0\0\0\0", 8);
        break;
    case 7:
        pass(b, 300 * PS_PER_MS); // debounce, reset, enumeration
        break;
    case 8:
    case 9:
        pass(b, (1 + byte(b) % 8u) * PS_PER_MS);
        break;
    default:
        urb(b);
        break;
    }
    serve(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bench bench; // megabytes of scripted device
    struct bench *b = &bench;
    b->odd.at = data;
    b->odd.end = data + size;
    b->fd = -1;
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    fake_init(&b->odd.fake, &b->timeline);
    odd_start(&b->odd);
    b->cable = cable_new(&b->timeline, &b->trace);
    b->odd.fake.host = cable_connect_device(b->cable, &b->odd.fake.wire);
    b->usbip = usbip_new(&b->timeline, b->cable, &b->trace);
    b->odd.is_plain = true;
    cable_plug(b->cable);
    b->odd.fake.host->pullup(b->odd.fake.host->ctx, USB_SPEED_FULL);
    if (byte(b) & 3) { // most inputs begin where it is interesting
        pass(b, 500 * PS_PER_MS);
        import(b);
        serve(b);
    }
    b->odd.is_plain = false;
    for (unsigned i = 0; i < STEPS_MAX && b->odd.at < b->odd.end; i++) {
        step(b);
    }
    if (b->fd >= 0) {
        (void)close(b->fd);
    }
    usbip_free(b->usbip);
    cable_free(b->cable);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    return 0;
}
