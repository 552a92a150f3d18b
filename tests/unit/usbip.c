// SPDX-License-Identifier: MIT
//
// The USB/IP face between a client (bytes as vhci_hcd sends them) and a scripted device: what reaches the device,
// how what it says comes back, and what is refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_device.h"
#include "vboard/host/usbip_internal.h"

enum { SUBMIT = 1, UNLINK = 2, RET_SUBMIT = 3, RET_UNLINK = 4, OUT = 0, IN = 1 };

struct bench {
    struct fake_device fake; // first: on_setup() finds the bench through it
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct usbip *usbip;
    int fd;
    char why[256];
    bool is_wrong;
    unsigned configurations; // SET_CONFIGURATION requests
    uint8_t last_out[8];     // the last request that was no reading
    uint8_t in[8192];        // from the face
    size_t in_len;
};

static const uint8_t device[18] = {18, 1,    0,    2,    0xef, 2, 1, 64, 0x83,
                                   4,  0x11, 0xdf, 0x34, 0x12, 0, 0, 0,  1};
static const uint8_t config[] = {
    9, 2, 53,   0, 1,  1,    0, 0x80, 50, // one interface
    9, 4, 0,    0, 5,  0xff, 1, 2,    0,  // five endpoints
    7, 5, 0x01, 2, 64, 0,    0, 7,    5,  0x81, 2, 64, 0,    0, 7,  5, 0x82, 3,
    8, 0, 4,    7, 5,  0x02, 3, 8,    0,  4,    7, 5,  0x83, 1, 64, 0, 1,
};

static void answer(struct fake_device *fake) {
    struct bench *b = (struct bench *)fake;
    struct usb_setup s = usb_setup_load(fake->setup);
    const uint8_t *data = NULL;
    unsigned len = 0;
    fake->in[0].stalls = false;
    if (!(s.bmRequestType & USB_DIR_IN)) {
        b->configurations += s.bmRequestType == 0 && s.bRequest == USB_SET_CONFIGURATION;
        memcpy(b->last_out, fake->setup, 8);
        return;
    }
    if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue == 0x0100) {
        data = device;
        len = sizeof device;
    } else if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue == 0x0200) {
        data = config;
        len = sizeof config;
    } else {
        fake->in[0].stalls = true;
        return;
    }
    fake_queue(fake, 0, data, len < s.wLength ? len : s.wLength, 64, false);
}

static void run(struct bench *b, uint64_t ps) {
    uint64_t until = timeline_now(&b->timeline) + ps;
    while (timeline_now(&b->timeline) < until) {
        (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
        b->is_wrong = !usbip_serve(b->usbip, b->why) || b->is_wrong;
    }
}

static void call(struct bench *b) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    b->fd = pair[0];
    b->in_len = 0;
    usbip_open(b->usbip, pair[1]);
}

static void put(struct bench *b, const void *bytes, size_t len) {
    assert_int_equal(send(b->fd, bytes, len, MSG_NOSIGNAL), len);
}

// What has come; false: the face closed the connection.
static bool take(struct bench *b) {
    ssize_t n = recv(b->fd, b->in, sizeof b->in, MSG_DONTWAIT);
    b->in_len = n > 0 ? (size_t)n : 0;
    return n != 0;
}

static void import(struct bench *b, const char *busid) {
    uint8_t request[40] = {0x01, 0x11, 0x80, 0x03};
    strcpy((char *)request + 8, busid);
    put(b, request, sizeof request);
    run(b, PS_PER_MS);
    (void)take(b);
}

static int set_up(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    fake_init(&b->fake, &b->timeline);
    b->fake.on_setup = answer;
    b->cable = cable_new(&b->timeline, &b->trace);
    b->fake.host = cable_connect_device(b->cable, &b->fake.wire);
    b->usbip = usbip_new(&b->timeline, b->cable, &b->trace);
    cable_plug(b->cable);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
    run(b, PS_PER_S);
    assert_int_equal(b->configurations, 1);
    call(b);
    *state = b;
    return 0;
}

static int set_up_imported(void **state) {
    (void)set_up(state);
    struct bench *b = *state;
    import(b, "1-1");
    assert_int_equal(b->in_len, 8 + 312);
    assert_true(usbip_is_imported(b->usbip));
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    (void)close(b->fd);
    usbip_free(b->usbip);
    cable_free(b->cable);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void put_header(struct bench *b, uint32_t command, uint32_t seqnum, uint32_t direction,
                       uint32_t endpoint, uint32_t flags, uint32_t length, const uint8_t *setup) {
    uint8_t header[USBIP_HEADER] = {0};
    store_be32(header, command);
    store_be32(header + 4, seqnum);
    store_be32(header + 8, usbip_devid(b->usbip));
    store_be32(header + 12, direction);
    store_be32(header + 16, endpoint);
    store_be32(header + 20, flags);
    store_be32(header + 24, length);
    store_be32(header + 32, 0xffffffff);
    if (setup) {
        memcpy(header + 40, setup, 8);
    }
    put(b, header, sizeof header);
}

// The first answer that has come.
static void returns(struct bench *b, uint32_t command, uint32_t seqnum, int status, uint32_t actual,
                    size_t payload) {
    assert_true(take(b));
    assert_int_equal(b->in_len, USBIP_HEADER + payload);
    assert_int_equal(load_be32(b->in), command);
    assert_int_equal(load_be32(b->in + 4), seqnum);
    assert_int_equal((int32_t)load_be32(b->in + 20), status);
    assert_int_equal(load_be32(b->in + 24), actual);
}

static void is_silent(struct bench *b) {
    assert_true(take(b));
    assert_int_equal(b->in_len, 0);
}

// ------------------------------------------------------------------------------------------------------

static void list_describes_the_device(void **state) {
    struct bench *b = *state;
    static const uint8_t request[8] = {0x01, 0x11, 0x80, 0x05};
    put(b, request, 3); // in pieces
    run(b, PS_PER_MS);
    put(b, request + 3, 5);
    run(b, PS_PER_MS);
    (void)take(b);
    assert_int_equal(b->in_len, 12 + 312 + 4);
    assert_memory_equal(b->in, "\x01\x11\x00\x05\0\0\0\0\0\0\0\x01", 12);
    assert_string_equal(b->in + 12 + 256, "1-1");
    assert_int_equal(load_be32(b->in + 0x12c), 1);
    assert_int_equal(load_be32(b->in + 0x130), 2);
    assert_int_equal(load_be32(b->in + 0x134), 2); // full speed
    assert_memory_equal(b->in + 0x138, "\x04\x83\xdf\x11\x12\x34\xef\x02\x01\x01\x01\x01", 12);
    assert_memory_equal(b->in + 0x144, "\xff\x01\x02\0", 4);
    assert_false(take(b)); // and the connection is closed
    cable_unplug(b->cable);
    (void)close(b->fd);
    call(b);
    put(b, request, 8);
    run(b, PS_PER_MS);
    (void)take(b);
    assert_int_equal(b->in_len, 12);
    assert_int_equal(load_be32(b->in + 8), 0);
}

static void import_is_for_one_client(void **state) {
    struct bench *b = *state;
    import(b, "2-2");
    assert_memory_equal(b->in, "\x01\x11\x00\x03\0\0\0\x04", 8); // no such device
    assert_false(take(b));
    (void)close(b->fd);
    call(b);
    import(b, "1-1");
    assert_int_equal(b->in_len, 8 + 312);
    assert_string_equal(b->in + 8 + 256, "1-1");
    int first = b->fd;
    call(b);
    import(b, "1-1");
    assert_memory_equal(b->in, "\x01\x11\x00\x03\0\0\0\x02", 8); // busy
    (void)close(b->fd);
    b->fd = first;
    assert_true(usbip_is_imported(b->usbip));
    (void)close(first);
    run(b, PS_PER_MS);
    assert_false(usbip_is_imported(b->usbip));
    call(b);
    import(b, "1-1");
    assert_int_equal(b->in_len, 8 + 312);
}

static void control_transfers_go_both_ways(void **state) {
    struct bench *b = *state;
    static const uint8_t read[8] = {0x80, 6, 0, 1, 0, 0, 64, 0};
    put_header(b, SUBMIT, 7, IN, 0, 0, 64, read);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 7, 0, 18, 18);
    assert_memory_equal(b->in + USBIP_HEADER, device, 18);
    static const uint8_t write[8] = {0x21, 1, 2, 0, 0, 0, 4, 0};
    put_header(b, SUBMIT, 8, OUT, 0, 0, 4, write);
    run(b, 5 * PS_PER_MS);
    is_silent(b); // its payload is to come
    put(b, "abcd", 4);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 8, 0, 4, 0);
    assert_memory_equal(b->last_out, write, 8);
    assert_memory_equal(b->fake.out[0].received, "abcd", 4);
    static const uint8_t unknown[8] = {0xc0, 9, 0, 0, 0, 0, 4, 0};
    put_header(b, SUBMIT, 9, IN, 0, 0, 4, unknown);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 9, -32, 0, 0);
}

static void addresses_and_odd_requests_are_refused(void **state) {
    struct bench *b = *state;
    static const struct {
        uint32_t direction, endpoint, length;
        uint8_t setup[8];
        int status;
    } cases[] = {
        {OUT, 0, 0, {0, 5, 9, 0, 0, 0, 0, 0}, -22},    // SET_ADDRESS
        {IN, 0, 4, {0x80, 6, 0, 1, 0, 0, 64, 0}, -22}, // no room for 64 bytes
        {IN, 0, 4, {0x21, 1, 0, 0, 0, 0, 4, 0}, -22},  // out, by a request that goes in
        {IN, 7, 64, {0}, -2},                          // no such endpoint
        {IN, 77, 64, {0}, -2},                         // nor number
        {IN, 3, 64, {0}, -22},                         // isochronous
        {IN, 1, USBIP_BYTES_MAX + 1, {0}, -12},        // too much
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_header(b, SUBMIT, i, cases[i].direction, cases[i].endpoint, 0, cases[i].length,
                   cases[i].setup);
        run(b, 2 * PS_PER_MS);
        returns(b, RET_SUBMIT, i, cases[i].status, 0, 0);
    }
    put_header(b, SUBMIT, 90, OUT, 9, 0, 5, NULL); // a payload that nobody takes
    put(b, "12345", 5);
    run(b, PS_PER_MS);
    returns(b, RET_SUBMIT, 90, -2, 0, 0);
    assert_false(b->is_wrong);
    assert_int_equal(b->fake.address, b->usbip->device->address);
    assert_int_equal(trace_complaints(&b->trace, "isochronous"), 1);
}

static void bulk_and_interrupt_data_arrive(void **state) {
    struct bench *b = *state;
    uint8_t data[200];
    for (unsigned i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    put_header(b, SUBMIT, 1, OUT, 1, 0, sizeof data, NULL);
    put(b, data, sizeof data);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 1, 0, sizeof data, 0);
    assert_int_equal(b->fake.out[1].received_len, sizeof data);
    assert_memory_equal(b->fake.out[1].received, data, sizeof data);
    put_header(b, SUBMIT, 2, OUT, 1, 0x40, 64, NULL); // URB_ZERO_PACKET
    put(b, data, 64);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 2, 0, 64, 0);
    assert_int_equal(b->fake.out[1].empty_packets, 1);
    fake_queue(&b->fake, 1, data, 100, 64, false);
    put_header(b, SUBMIT, 3, IN, 1, 0, 512, NULL);
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 3, 0, 100, 100);
    assert_memory_equal(b->in + USBIP_HEADER, data, 100);
    fake_queue(&b->fake, 1, data, 10, 64, false);
    put_header(b, SUBMIT, 4, IN, 1, 1, 512, NULL); // URB_SHORT_NOT_OK
    run(b, 5 * PS_PER_MS);
    returns(b, RET_SUBMIT, 4, -121, 10, 10);
    put_header(b, SUBMIT, 5, IN, 2, 0, 8, NULL);
    run(b, 20 * PS_PER_MS);
    fake_queue(&b->fake, 2, data, 8, 8, false);
    run(b, 20 * PS_PER_MS);
    returns(b, RET_SUBMIT, 5, 0, 8, 8);
}

static void unlinked_urb_is_not_answered(void **state) {
    struct bench *b = *state;
    b->fake.in[1].naks = 1000000;
    put_header(b, SUBMIT, 20, IN, 1, 0, 64, NULL);
    run(b, 5 * PS_PER_MS);
    is_silent(b);
    assert_true(usbip_is_busy(b->usbip));
    put_header(b, UNLINK, 21, OUT, 0, 20, 0, NULL); // unlink_seqnum is where flags are
    run(b, 5 * PS_PER_MS);
    returns(b, RET_UNLINK, 21, -104, 0, 0);
    assert_false(usbip_is_busy(b->usbip));
    put_header(b, UNLINK, 22, OUT, 0, 20, 0, NULL); // it is not there any more
    run(b, 5 * PS_PER_MS);
    returns(b, RET_UNLINK, 22, 0, 0, 0);
}

static void port_reset_resets_and_configures_again(void **state) {
    struct bench *b = *state;
    static const uint8_t reset[8] = {0x23, 3, 4, 0, 1, 0, 0, 0};
    unsigned resets = b->fake.resets;
    put_header(b, SUBMIT, 30, OUT, 0, 0, 0, reset);
    run(b, PS_PER_S);
    returns(b, RET_SUBMIT, 30, 0, 0, 0);
    assert_true(b->fake.resets > resets);
    assert_int_equal(b->configurations, 2);
    assert_int_equal(b->fake.address, b->usbip->device->address);
}

static void pulled_cable_ends_the_connection(void **state) {
    struct bench *b = *state;
    b->fake.in[1].naks = 1000000;
    put_header(b, SUBMIT, 40, IN, 1, 0, 64, NULL);
    run(b, 5 * PS_PER_MS);
    cable_unplug(b->cable);
    run(b, 5 * PS_PER_MS);
    assert_false(usbip_is_imported(b->usbip));
    assert_false(b->is_wrong);
    cable_plug(b->cable);
    run(b, PS_PER_S);
    (void)close(b->fd);
    call(b);
    import(b, "1-1");
    assert_int_equal(b->in_len, 8 + 312);
}

static void what_is_no_usbip_ends_the_connection(void **state) {
    struct bench *b = *state;
    uint8_t other[USBIP_HEADER] = {0, 0, 0, SUBMIT, 0, 0, 0, 1, 0, 9, 0, 9};
    put(b, other, sizeof other);
    run(b, PS_PER_MS);
    assert_true(b->is_wrong);
    assert_non_null(strstr(b->why, "a request for another device"));
    assert_false(usbip_is_imported(b->usbip));
    (void)close(b->fd);
    b->is_wrong = false;
    call(b);
    put(b, "GET / HTTP/1.1\r\n\r\n", 18);
    run(b, PS_PER_MS);
    assert_true(b->is_wrong);
    (void)close(b->fd);
    call(b);
    import(b, "1-1");
    put_header(b, 9, 1, 0, 0, 0, 0, NULL);
    run(b, PS_PER_MS);
    assert_non_null(strstr(b->why, "neither CMD_SUBMIT nor CMD_UNLINK"));
    (void)close(b->fd);
    call(b);
    import(b, "1-1");
    put_header(b, SUBMIT, 1, OUT, 1, 0, 0x7fffffff, NULL);
    run(b, PS_PER_MS);
    assert_non_null(strstr(b->why, "more than 16 MB"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IMPORTED(name) cmocka_unit_test_setup_teardown(name, set_up_imported, tear_down)
        TEST(list_describes_the_device),
        TEST(import_is_for_one_client),
        IMPORTED(control_transfers_go_both_ways),
        IMPORTED(addresses_and_odd_requests_are_refused),
        IMPORTED(bulk_and_interrupt_data_arrive),
        IMPORTED(unlinked_urb_is_not_answered),
        IMPORTED(port_reset_resets_and_configures_again),
        IMPORTED(pulled_cable_ends_the_connection),
        IMPORTED(what_is_no_usbip_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
