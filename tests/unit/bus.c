// SPDX-License-Identifier: MIT
//
// Several cables on one bus: who gets the wires, when frames begin, whose turn it is to be enumerated,
// which address it gets.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_device.h"
#include "vboard/usb/bus.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/enumerate.h"

#define PORTS 3u
#define BYTES 4096u

struct port {
    struct fake_device fake; // first: answer() gets it
    struct bench *bench;
    struct cable *cable;
    struct enumerator *enumerator;
    unsigned ready, gone, failed;
    uint64_t ready_ps;
    struct cable_transfer bulk;
    uint8_t data[BYTES];
    uint64_t packets; // of transfers that are done
};

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct usb_bus *bus;
    struct port ports[PORTS];
};

static void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

// A device of few words: USB 1.1, no strings.
static void answer(struct fake_device *fake) {
    static const uint8_t device[] = {18, 1, 0x10, 1, 0, 0, 0, 64, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1};
    static const uint8_t config[] = {9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xff, 0, 0, 0};
    struct usb_setup s = usb_setup_load(fake->setup);
    if (s.bRequest != USB_GET_DESCRIPTOR) {
        return;
    }
    const uint8_t *data = s.wValue >> 8 == USB_DT_DEVICE ? device : config;
    unsigned len = data == device ? sizeof device : sizeof config;
    len = len < s.wLength ? len : s.wLength;
    fake_queue(fake, 0, data, len, 64, false);
}

static void on_ready(void *ctx, const struct usb_device *device) {
    struct port *port = ctx;
    (void)device;
    port->ready++;
    port->ready_ps = timeline_now(&port->bench->timeline);
}

static void on_gone(void *ctx) {
    ((struct port *)ctx)->gone++;
}

static void on_failed(void *ctx, const char *why) {
    (void)why;
    ((struct port *)ctx)->failed++;
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->bus = usb_bus_new(&b->timeline);
    for (unsigned i = 0; i < PORTS; i++) {
        struct port *port = &b->ports[i];
        port->bench = b;
        port->cable = cable_new_on(b->bus, &b->trace);
        fake_init(&port->fake, &b->timeline);
        port->fake.on_setup = answer;
        port->fake.host = cable_connect_device(port->cable, &port->fake.wire);
        struct enumerate_listener listener = {
            .ctx = port, .ready = on_ready, .gone = on_gone, .failed = on_failed};
        port->enumerator = enumerator_new(&b->timeline, port->cable, &b->trace, &listener);
    }
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    for (unsigned i = 0; i < PORTS; i++) {
        enumerator_free(b->ports[i].enumerator);
        cable_free(b->ports[i].cable);
    }
    usb_bus_free(b->bus);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void plug(struct port *port) {
    cable_plug(port->cable);
    port->fake.host->pullup(port->fake.host->ctx, USB_SPEED_FULL);
}

static void plug_all(struct bench *b) {
    for (unsigned i = 0; i < PORTS; i++) {
        plug(&b->ports[i]);
    }
    run_for(b, 2 * PS_PER_S);
    for (unsigned i = 0; i < PORTS; i++) {
        assert_int_equal(b->ports[i].ready, 1);
    }
}

static unsigned address_of(const struct port *port) {
    const struct usb_device *device = enumerator_device(port->enumerator);
    assert_non_null(device);
    return device->address;
}

static void again(struct cable_transfer *transfer, void *ctx) {
    struct port *port = ctx;
    port->packets += transfer->actual / 64;
    port->fake.out[1].received_len = 0;
    if (transfer->status == CABLE_OK) {
        cable_submit(port->cable, transfer);
    }
}

// Bulk OUT without end, at no cost of the controller's.
static void stream(struct port *port, enum usb_transfer_type type) {
    cable_set_transfer_cost(port->cable, 0);
    port->bulk = (struct cable_transfer){
        .type = type,
        .address = enumerator_device(port->enumerator)->address,
        .endpoint = 1,
        .packet_bytes = 64,
        .interval = 1,
        .data = port->data,
        .length = type == USB_XFER_BULK ? BYTES : 64,
        .done = again,
        .ctx = port,
    };
    cable_submit(port->cable, &port->bulk);
}

// So far, of the transfer under way too.
static uint64_t moved(const struct port *port) {
    return port->packets + port->bulk.actual / 64;
}

static void stop(struct port *port) {
    cable_cancel(port->cable, &port->bulk);
    port->fake.out[1].received_len = 0;
}

static void one_device_has_19_packets_a_frame_and_three_share_them(void **state) {
    struct bench *b = *state;
    plug_all(b);
    stream(&b->ports[1], USB_XFER_BULK);
    run_for(b, 500 * PS_PER_MS);
    stop(&b->ports[1]);
    assert_in_range(b->ports[1].packets, 500 * 19 - 38, 500 * 19);
    b->ports[1].packets = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        stream(&b->ports[i], USB_XFER_BULK);
    }
    run_for(b, 500 * PS_PER_MS);
    uint64_t sum = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        stop(&b->ports[i]);
        assert_in_range(b->ports[i].packets, 500 * 19 / PORTS - 200, 500 * 19 / PORTS + 200);
        sum += b->ports[i].packets;
    }
    assert_in_range(sum, 500 * 19 - 38, 500 * 19);
}

static void an_interrupt_endpoint_is_served_in_each_frame_of_a_full_bus(void **state) {
    struct bench *b = *state;
    plug_all(b);
    stream(&b->ports[0], USB_XFER_BULK);
    stream(&b->ports[1], USB_XFER_BULK);
    stream(&b->ports[2], USB_XFER_INTERRUPT);
    run_for(b, 200 * PS_PER_MS);
    for (unsigned i = 0; i < PORTS; i++) {
        stop(&b->ports[i]);
    }
    assert_in_range(b->ports[2].packets, 198, 201);
}

static void two_single_transfers_do_not_wait_for_each_others_controller_cost(void **state) {
    struct bench *b = *state;
    plug_all(b);
    for (unsigned i = 0; i < 2; i++) {
        stream(&b->ports[i], USB_XFER_BULK);
        cable_cancel(b->ports[i].cable, &b->ports[i].bulk);
        cable_set_transfer_cost(b->ports[i].cable, 250 * PS_PER_US);
        b->ports[i].bulk.length = 64;
        b->ports[i].packets = 0;
        cable_submit(b->ports[i].cable, &b->ports[i].bulk);
    }
    // Each takes 250 us and 52 us (77 bytes) on the wires; one after the other it would be two in 604 us.
    run_for(b, 400 * PS_PER_US);
    assert_int_equal(b->ports[0].packets, 1);
    assert_int_equal(b->ports[1].packets, 1);
    assert_true(b->ports[0].fake.out[1].last_ps < b->ports[1].fake.out[1].last_ps);
    stop(&b->ports[0]);
    stop(&b->ports[1]);
}

static void frames_begin_for_all_ports_at_once(void **state) {
    struct bench *b = *state;
    plug_all(b);
    unsigned sofs[PORTS];
    for (unsigned i = 0; i < PORTS; i++) {
        sofs[i] = b->ports[i].fake.sofs;
    }
    run_for(b, 100 * PS_PER_MS + 1);
    for (unsigned i = 0; i < PORTS; i++) {
        assert_in_range(b->ports[i].fake.sofs - sofs[i], 100, 101);
        assert_int_equal(b->ports[i].fake.last_frame, b->ports[0].fake.last_frame);
    }
}

static void a_port_that_suspends_leaves_the_others_running(void **state) {
    struct bench *b = *state;
    plug_all(b);
    stream(&b->ports[0], USB_XFER_BULK);
    stream(&b->ports[1], USB_XFER_BULK);
    run_for(b, 10 * PS_PER_MS + 30 * PS_PER_US);   // in the middle of a packet
    unsigned suspends = b->ports[0].fake.suspends; // one while it waited for its first reset
    cable_suspend(b->ports[0].cable);
    uint64_t before = moved(&b->ports[0]);
    uint64_t others = moved(&b->ports[1]);
    run_for(b, 100 * PS_PER_MS);
    assert_int_equal(b->ports[0].fake.suspends, suspends + 1);
    assert_int_equal(moved(&b->ports[0]), before);
    assert_in_range(moved(&b->ports[1]) - others, 100 * 19 - 20, 101 * 19);
    cable_resume(b->ports[0].cable);
    run_for(b, 100 * PS_PER_MS);
    assert_true(b->ports[0].packets > before + 500);
    stop(&b->ports[0]);
    stop(&b->ports[1]);
}

static void unplugging_one_ends_its_transfers_alone(void **state) {
    struct bench *b = *state;
    plug_all(b);
    stream(&b->ports[0], USB_XFER_BULK);
    stream(&b->ports[1], USB_XFER_BULK);
    run_for(b, 10 * PS_PER_MS + 30 * PS_PER_US);
    cable_unplug(b->ports[0].cable);
    assert_int_equal(b->ports[0].bulk.status, CABLE_GONE);
    assert_int_equal(b->ports[0].gone, 1);
    assert_int_equal(b->ports[1].gone, 0);
    uint64_t before = moved(&b->ports[1]);
    run_for(b, 100 * PS_PER_MS);
    assert_in_range(moved(&b->ports[1]) - before, 100 * 19 - 20, 101 * 19);
    stop(&b->ports[1]);
}

static void devices_are_enumerated_one_after_the_other(void **state) {
    struct bench *b = *state;
    plug_all(b);
    assert_true(b->ports[0].ready_ps + 100 * PS_PER_MS < b->ports[1].ready_ps);
    assert_true(b->ports[1].ready_ps + 100 * PS_PER_MS < b->ports[2].ready_ps);
}

static void
one_that_is_unplugged_while_it_waits_or_is_asked_does_not_hold_up_the_next(void **state) {
    struct bench *b = *state;
    for (unsigned i = 0; i < PORTS; i++) {
        plug(&b->ports[i]);
    }
    run_for(b, 180 * PS_PER_MS); // port 0 in its first reset or read
    cable_unplug(b->ports[1].cable);
    cable_unplug(b->ports[0].cable);
    run_for(b, PS_PER_S);
    assert_int_equal(b->ports[0].ready + b->ports[1].ready, 0);
    assert_int_equal(b->ports[2].ready, 1);
}

static void one_that_does_not_answer_is_given_up_and_the_next_comes(void **state) {
    struct bench *b = *state;
    b->ports[0].fake.setup_silences = 1000;
    for (unsigned i = 0; i < PORTS; i++) {
        plug(&b->ports[i]);
    }
    run_for(b, 10 * PS_PER_S);
    assert_int_equal(b->ports[0].failed, 1);
    assert_int_equal(b->ports[1].ready, 1);
    assert_int_equal(b->ports[2].ready, 1);
}

static void no_two_devices_ever_have_one_address(void **state) {
    struct bench *b = *state;
    plug_all(b);
    unsigned kept = address_of(&b->ports[1]);
    bool has_wrapped = false;
    unsigned last = address_of(&b->ports[2]);
    for (unsigned i = 0; i < 130; i++) {
        cable_unplug(b->ports[2].cable);
        run_for(b, PS_PER_MS);
        plug(&b->ports[2]);
        run_for(b, PS_PER_S);
        unsigned address = address_of(&b->ports[2]);
        assert_in_range(address, 1, USB_ADDRESS_MAX);
        assert_int_not_equal(address, kept);
        assert_int_not_equal(address, address_of(&b->ports[0]));
        has_wrapped = has_wrapped || address < last;
        last = address;
    }
    assert_true(has_wrapped);
    assert_int_equal(address_of(&b->ports[1]), kept);
}

static bool reset_ok;
static unsigned resets;

static void reset_done(void *ctx, bool ok) {
    (void)ctx;
    reset_ok = ok;
    resets++;
}

static void a_reset_of_one_device_waits_for_an_enumeration_under_way(void **state) {
    struct bench *b = *state;
    resets = 0;
    plug(&b->ports[0]);
    run_for(b, PS_PER_S);
    plug(&b->ports[1]);
    run_for(b, 200 * PS_PER_MS);
    enumerator_reset_device(b->ports[0].enumerator, reset_done, NULL);
    assert_int_equal(b->ports[0].fake.resets, 2);
    run_for(b, PS_PER_S);
    assert_int_equal(b->ports[1].ready, 1);
    assert_int_equal(resets, 1);
    assert_true(reset_ok);
    assert_int_equal(b->ports[0].gone, 0);
    assert_true(b->ports[0].fake.resets > 2);
}

static void count(struct cable_transfer *transfer, void *ctx) {
    unsigned *done = ctx;
    transfer->line[0] = 100 + (*done)++; // its place among those done
}

static void of_one_instant_the_smaller_line_is_first(void **state) {
    struct bench *b = *state;
    struct port *port = &b->ports[0];
    static const uint32_t lines[4][CABLE_LINE_LEN] = {{7, 9}, {7, 8, 5}, {7, 8}, {7, 8}};
    struct cable_transfer transfers[4];
    unsigned done = 0;
    plug(port);
    run_for(b, PS_PER_S);
    for (unsigned i = 0; i < 4; i++) {
        transfers[i] = (struct cable_transfer){.type = USB_XFER_BULK,
                                               .address = (uint8_t)address_of(port),
                                               .endpoint = 1,
                                               .packet_bytes = 64,
                                               .data = port->data,
                                               .length = 64,
                                               .done = count,
                                               .ctx = &done};
        memcpy(transfers[i].line, lines[i], sizeof lines[i]);
        cable_submit(port->cable, &transfers[i]);
    }
    // A moment later nobody is overtaken any more.
    run_for(b, PS_PER_US);
    struct cable_transfer late = transfers[2];
    late.line[0] = 1;
    cable_submit(port->cable, &late);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(done, 5);
    assert_int_equal(transfers[2].line[0], 100);
    assert_int_equal(transfers[3].line[0], 101);
    assert_int_equal(transfers[1].line[0], 102);
    assert_int_equal(transfers[0].line[0], 103);
    assert_int_equal(late.line[0], 104);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_device_has_19_packets_a_frame_and_three_share_them),
        TEST(an_interrupt_endpoint_is_served_in_each_frame_of_a_full_bus),
        TEST(two_single_transfers_do_not_wait_for_each_others_controller_cost),
        TEST(frames_begin_for_all_ports_at_once),
        TEST(a_port_that_suspends_leaves_the_others_running),
        TEST(unplugging_one_ends_its_transfers_alone),
        TEST(devices_are_enumerated_one_after_the_other),
        TEST(one_that_is_unplugged_while_it_waits_or_is_asked_does_not_hold_up_the_next),
        TEST(one_that_does_not_answer_is_given_up_and_the_next_comes),
        TEST(no_two_devices_ever_have_one_address),
        TEST(a_reset_of_one_device_waits_for_an_enumeration_under_way),
        TEST(of_one_instant_the_smaller_line_is_first),
    };
    return cmocka_run_group_tests_name("unit/bus", tests, NULL, NULL);
}
