// SPDX-License-Identifier: MIT
//
// Anything that a usbredir peer may send, against the face and the cable, with a device that says
// anything. Found here is what a sanitizer finds, an assertion, or a time that does not end; and
// that every request a connected peer may ask for is answered at most once.
//
// The input is a program of small steps, so that the fuzzer gets behind the packet headers:
// packets of each type with the lengths they should have, raw bytes, time passing, the cable
// pulled and put in, the device stalling, staying silent or falling asleep.

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <usbredirproto.h>

#include "tests/fuzz/odd_device.h"
#include "vboard/host/usbredir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 256u

struct bench {
    struct odd_device odd;
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct usbredir *redir;
    int fd; // the peer's end; -1: none
};

static uint8_t byte(struct bench *b) {
    return odd_byte(&b->odd);
}

static void drain(struct bench *b) {
    uint8_t bytes[4096];
    while (recv(b->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

static void serve(struct bench *b, bool reads) {
    char why[256];
    enum usbredir_result result = usbredir_serve(b->redir, why);
    if (b->fd >= 0 && reads) {
        drain(b);
    }
    if (result == USBREDIR_LEFT || result == USBREDIR_MALFORMED) {
        if (usbredir_fd(b->redir) != -1 || strlen(why) == 0) {
            abort();
        }
        if (b->fd >= 0) {
            (void)close(b->fd);
            b->fd = -1;
        }
    }
}

static void put(struct bench *b, const void *bytes, size_t len) {
    if (b->fd >= 0) {
        (void)send(b->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void put_packet(struct bench *b, uint32_t type, const void *header, uint32_t header_len,
                       uint32_t data_len) {
    uint8_t bytes[16 + 64 + 256 + 64];
    static const uint8_t zeros[256];
    data_len = data_len < sizeof zeros ? data_len : sizeof zeros;
    store_le32(bytes, type);
    store_le32(bytes + 4, header_len + data_len);
    store_le32(bytes + 8, byte(b) & 15u); // few ids, so that cancels meet something
    store_le32(bytes + 12, 0);
    memcpy(bytes + 16, header, header_len);
    memcpy(bytes + 16 + header_len, zeros, data_len);
    put(b, bytes, 16 + header_len + data_len);
}

static void connect_peer(struct bench *b) {
    int pair[2];
    if (b->fd >= 0 || usbredir_fd(b->redir) >= 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return;
    }
    b->fd = pair[0];
    if (!usbredir_open(b->redir, pair[1])) {
        abort();
    }
}

static void hello(struct bench *b) {
    uint8_t packet[12 + 68] = {0}; // before the peer's capabilities are known, ids have 32 bits
    store_le32(packet + 4, 68);
    store_le32(packet + 12 + 64, 0xfe & ~(uint32_t)(byte(b) & 0x18));
    memcpy(packet + 12, "fuzz", 4);
    put(b, packet, sizeof packet);
}

static void control(struct bench *b, uint8_t type, uint8_t request, uint16_t value,
                    uint16_t length) {
    struct usb_redir_control_packet_header header = {.endpoint = type & 0x80,
                                                     .requesttype = type,
                                                     .request = request,
                                                     .value = value,
                                                     .index = byte(b),
                                                     .length = length};
    put_packet(b, usb_redir_control_packet, &header, sizeof header, type & 0x80 ? 0 : length);
}

// To one of the configuration's endpoints, as a rule with a packet of its type.
static void data_packet(struct bench *b) {
    static const uint8_t endpoints[] = {0x01, 0x81, 0x02, 0x82, 0x83, 0x00, 0x80, 0x05};
    uint8_t how = byte(b);
    uint8_t endpoint = endpoints[how & 7];
    uint8_t length = byte(b);
    uint32_t data = endpoint & 0x80 ? 0 : length;
    bool is_interrupt = (endpoint & 0x0f) == 2;
    if (how & 0x10) {
        is_interrupt = !is_interrupt;
    }
    if (!is_interrupt) {
        struct usb_redir_bulk_packet_header header = {
            .endpoint = endpoint, .length = length, .length_high = how & 0x20 ? 0x11 : 0};
        put_packet(b, usb_redir_bulk_packet, &header, sizeof header, data);
    } else if (endpoint & 0x80) {
        struct usb_redir_start_interrupt_receiving_header header = {.endpoint = endpoint};
        put_packet(b, usb_redir_start_interrupt_receiving, &header, sizeof header, 0);
    } else {
        struct usb_redir_interrupt_packet_header header = {.endpoint = endpoint, .length = length};
        put_packet(b, usb_redir_interrupt_packet, &header, sizeof header, data);
    }
}

// A packet of any type a peer may send, with arbitrary contents.
static void any_packet(struct bench *b) {
    static const struct {
        uint8_t type, len;
    } packets[] = {
        {usb_redir_reset, 0},
        {usb_redir_set_configuration, 1},
        {usb_redir_get_configuration, 0},
        {usb_redir_set_alt_setting, 2},
        {usb_redir_get_alt_setting, 1},
        {usb_redir_start_iso_stream, 3},
        {usb_redir_stop_iso_stream, 1},
        {usb_redir_start_interrupt_receiving, 1},
        {usb_redir_stop_interrupt_receiving, 1},
        {usb_redir_alloc_bulk_streams, 8},
        {usb_redir_free_bulk_streams, 4},
        {usb_redir_cancel_data_packet, 0},
        {usb_redir_filter_reject, 0},
        {usb_redir_filter_filter, 4},
        {usb_redir_device_disconnect_ack, 0},
        {usb_redir_control_packet, 10},
        {usb_redir_iso_packet, 4},
    };
    size_t which = byte(b) % (sizeof packets / sizeof packets[0]);
    uint8_t header[16];
    for (unsigned i = 0; i < packets[which].len; i++) {
        header[i] = byte(b);
    }
    put_packet(b, packets[which].type, header, packets[which].len, 0);
}

static void raw_bytes(struct bench *b) {
    uint8_t bytes[64];
    unsigned len = byte(b) % sizeof bytes;
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = byte(b);
    }
    put(b, bytes, len);
}

static void pass(struct bench *b, uint64_t ps) {
    for (unsigned ep = 0; ep < 16; ep++) {
        b->odd.fake.out[ep].received_len = 0;
    }
    (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

static void set_configuration(struct bench *b, uint8_t value) {
    struct usb_redir_set_configuration_header header = {.configuration = value};
    put_packet(b, usb_redir_set_configuration, &header, sizeof header, 0);
}

// A device shown to a peer, and configured by it.
static void begin(struct bench *b, bool is_configured) {
    b->odd.is_plain = true;
    connect_peer(b);
    hello(b);
    cable_plug(b->cable);
    b->odd.fake.host->pullup(b->odd.fake.host->ctx, USB_SPEED_FULL);
    serve(b, true);
    pass(b, 200 * PS_PER_MS); // debounce and reset
    serve(b, true);
    if (is_configured) {
        control(b, 0x80, USB_GET_DESCRIPTOR, 0x0200, ODD_CONFIG_BYTES);
        serve(b, true);
        pass(b, 10 * PS_PER_MS);
        set_configuration(b, 1);
        serve(b, true);
        pass(b, 10 * PS_PER_MS);
        serve(b, true);
    }
    b->odd.is_plain = false;
}

static void step(struct bench *b) {
    switch (byte(b) & 15) {
    case 0:
        raw_bytes(b);
        break;
    case 1:
        connect_peer(b);
        hello(b);
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
        control(b, 0x80, USB_GET_DESCRIPTOR, 0x0100, byte(b));
        break;
    case 7:
        control(b, 0x80, USB_GET_DESCRIPTOR, 0x0200, ODD_CONFIG_BYTES);
        break;
    case 8:
        set_configuration(b, byte(b) & 1);
        break;
    case 9:
        control(b, byte(b), byte(b), byte(b), byte(b));
        break;
    case 10:
    case 11:
        data_packet(b);
        break;
    case 12:
        any_packet(b);
        break;
    case 13:
        pass(b, 200 * PS_PER_MS); // debounce and reset
        break;
    default:
        pass(b, (1 + byte(b) % 8u) * PS_PER_MS);
        break;
    }
    serve(b, b->odd.at >= b->odd.end || (*b->odd.at & 0x80) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bench
        bench; // 1.3 MB of scripted device: made anew each time, it is most of the run
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
    b->redir = usbredir_new(&b->timeline, b->cable, &b->trace);
    // Most inputs begin where it is interesting.
    unsigned how = byte(b) & 3u;
    if (how > 0) {
        begin(b, how > 1);
    }
    for (unsigned i = 0; i < STEPS_MAX && b->odd.at < b->odd.end; i++) {
        step(b);
    }
    if (b->fd >= 0) {
        (void)close(b->fd);
    }
    usbredir_free(b->redir);
    cable_free(b->cable);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    return 0;
}
