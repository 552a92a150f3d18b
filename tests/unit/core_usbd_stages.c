// SPDX-License-Identifier: MIT
//
// The stages of a control transfer (USB 2.0 8.5.3) packet by packet, with a handler of the test's own: answers put
// off, refused later, and packets that no host should send.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/usbd.h"

#define OUT_REQUEST 1u
#define IN_REQUEST  2u

// The port's end: what was queued, armed and refused since the last SETUP.
struct line {
    struct usbd usbd;
    unsigned sent; // packets
    uint8_t packet[PORT_EP0_BYTES];
    unsigned packet_len;
    unsigned armed, stalls;
    // The handler.
    enum usbd_answer answer, on_received;
    uint8_t taken[256];
    unsigned received, received_len, finished, resets, acknowledged;
};

static void usb_address(void *ctx, uint8_t address) {
    (void)ctx, (void)address;
}

static void ep0_send(void *ctx, const uint8_t *data, unsigned len) {
    struct line *line = ctx;
    line->sent++;
    line->packet_len = len;
    if (len > 0) {
        memcpy(line->packet, data, len);
    }
}

static void ep0_receive(void *ctx) {
    ((struct line *)ctx)->armed++;
}

static void ep0_stall(void *ctx) {
    ((struct line *)ctx)->stalls++;
}

static enum usbd_answer request(void *ctx, const struct usb_setup *setup, struct usbd_data *data) {
    struct line *line = ctx;
    if (!(setup->bmRequestType & USB_DIR_IN)) {
        data->receive = line->taken;
        data->capacity = sizeof line->taken;
    }
    return line->answer;
}

static enum usbd_answer received(void *ctx, const struct usb_setup *setup, unsigned len) {
    struct line *line = ctx;
    (void)setup;
    line->received++;
    line->received_len = len;
    return line->on_received;
}

static void sent(void *ctx, const struct usb_setup *setup) {
    (void)setup;
    ((struct line *)ctx)->acknowledged++;
}

static void finished(void *ctx, const struct usb_setup *setup) {
    (void)setup;
    ((struct line *)ctx)->finished++;
}

static void reset(void *ctx) {
    ((struct line *)ctx)->resets++;
}

static bool set_alternate(void *ctx, unsigned alternate) {
    (void)ctx;
    return alternate == 0;
}

static const uint8_t *descriptor(void *ctx, unsigned type, unsigned index, unsigned *len) {
    (void)ctx, (void)type, (void)index, (void)len;
    return NULL;
}

static const struct usbd_handler handler = {request, received,      sent,      finished,
                                            reset,   set_alternate, descriptor};
static struct line line;
static struct port port = {.ctx = &line,
                           .usb_address = usb_address,
                           .ep0_send = ep0_send,
                           .ep0_receive = ep0_receive,
                           .ep0_stall = ep0_stall};

static int start(void **state) {
    memset(&line, 0, sizeof line);
    line.answer = USBD_ACCEPT;
    line.on_received = USBD_ACCEPT;
    usbd_init(&line.usbd, &port, &handler, &line);
    *state = &line;
    return 0;
}

static void setup(struct line *l, uint8_t direction, uint8_t what, uint16_t len) {
    const struct usb_setup packet = {(uint8_t)(direction | USB_TYPE_VENDOR), what, 0, 0, len};
    uint8_t bytes[USB_SETUP_LEN];
    usb_setup_store(&packet, bytes);
    l->sent = l->armed = l->stalls = 0;
    usbd_setup(&l->usbd, bytes);
}

static void assert_next_request_works(struct line *l) {
    l->answer = USBD_ACCEPT;
    l->on_received = USBD_ACCEPT;
    l->received = l->finished = 0;
    setup(l, 0, OUT_REQUEST, 3);
    usbd_out(&l->usbd, (const uint8_t *)"abc", 3);
    assert_int_equal(l->received, 1);
    assert_int_equal(l->received_len, 3);
    assert_int_equal(l->sent, 1);
    assert_int_equal(l->packet_len, 0);
    usbd_in_done(&l->usbd);
    assert_int_equal(l->finished, 1);
    assert_int_equal(l->stalls, 0);
}

// --- OUT -----------------------------------------------------------------------------------------

static void more_bytes_than_wLength_promised_are_refused_and_not_stored(void **state) {
    struct line *l = *state;
    uint8_t bytes[PORT_EP0_BYTES];
    memset(bytes, 0x77, sizeof bytes);
    setup(l, 0, OUT_REQUEST, 10);
    usbd_out(&l->usbd, bytes, 11);
    assert_int_equal(l->stalls, 1);
    assert_int_equal(l->taken[0], 0);
    // In the second packet, too.
    setup(l, 0, OUT_REQUEST, 70);
    usbd_out(&l->usbd, bytes, sizeof bytes);
    assert_int_equal(l->stalls, 0);
    usbd_out(&l->usbd, bytes, 7);
    assert_int_equal(l->stalls, 1);
    assert_int_equal(l->taken[63], 0x77);
    assert_int_equal(l->taken[64], 0);
    assert_int_equal(l->received, 0);
    assert_next_request_works(l);
}

static void a_short_packet_before_wLength_is_refused(void **state) {
    struct line *l = *state;
    static const unsigned lengths[] = {0, 1, 63};
    uint8_t bytes[PORT_EP0_BYTES] = {0};
    for (unsigned i = 0; i < 3; i++) {
        setup(l, 0, OUT_REQUEST, 100);
        usbd_out(&l->usbd, bytes, lengths[i]);
        assert_int_equal(l->stalls, 1);
        assert_int_equal(l->armed, 1); // for the first packet, no more
        assert_int_equal(l->received, 0);
    }
    assert_next_request_works(l);
}

static void packets_outside_of_a_data_stage_change_nothing(void **state) {
    struct line *l = *state;
    uint8_t bytes[PORT_EP0_BYTES];
    memset(bytes, 0x77, sizeof bytes);
    usbd_out(&l->usbd, bytes, sizeof bytes); // before any SETUP
    usbd_in_done(&l->usbd);
    l->answer = USBD_STALL;
    setup(l, 0, OUT_REQUEST, 64);
    usbd_out(&l->usbd, bytes, sizeof bytes); // of a request that was refused
    usbd_in_done(&l->usbd);
    l->answer = USBD_LATER;
    setup(l, USB_DIR_IN, IN_REQUEST, 64);
    usbd_out(&l->usbd, bytes, sizeof bytes); // while the answer is not known yet
    usbd_in_done(&l->usbd);
    assert_true(usbd_is_waiting_for_data(&l->usbd));
    assert_int_equal(l->taken[0], 0);
    assert_int_equal(l->received, 0);
    assert_int_equal(l->acknowledged, 0);
    assert_int_equal(l->finished, 0);
    assert_int_equal(l->sent, 0);
    assert_int_equal(l->armed, 0);
    assert_next_request_works(l);
}

// --- Answers put off -----------------------------------------------------------------------------

static void only_a_request_that_brings_data_can_be_answered_later(void **state) {
    struct line *l = *state;
    l->answer = USBD_LATER;
    setup(l, 0, OUT_REQUEST, 8);
    assert_int_equal(l->stalls, 1);
    setup(l, 0, OUT_REQUEST, 0);
    assert_int_equal(l->stalls, 1);
    setup(l, USB_DIR_IN, IN_REQUEST, 0);
    assert_int_equal(l->stalls, 1);
    assert_false(usbd_is_waiting_for_data(&l->usbd));
    setup(l, USB_DIR_IN, IN_REQUEST, 8);
    assert_int_equal(l->stalls, 0);
    assert_true(usbd_is_waiting_for_data(&l->usbd));
}

static void an_answer_put_off_can_be_given_or_refused_once(void **state) {
    struct line *l = *state;
    for (unsigned refuses = 0; refuses < 2; refuses++) {
        l->answer = USBD_LATER;
        setup(l, USB_DIR_IN, IN_REQUEST, 8);
        for (unsigned i = 0; i < 2; i++) {
            if (refuses) {
                usbd_stall(&l->usbd);
            } else {
                usbd_send(&l->usbd, (const uint8_t *)"12345678", 8);
            }
            assert_false(usbd_is_waiting_for_data(&l->usbd));
        }
        assert_int_equal(l->stalls, refuses);
        assert_int_equal(l->sent, 1 - refuses);
        // The other one comes too late.
        usbd_send(&l->usbd, (const uint8_t *)"abcdefgh", 8);
        usbd_stall(&l->usbd);
        assert_int_equal(l->stalls, refuses);
        assert_int_equal(l->sent, 1 - refuses);
        assert_next_request_works(l);
    }
}

static void an_answer_for_a_host_that_has_gone_on_is_dropped(void **state) {
    struct line *l = *state;
    for (unsigned refuses = 0; refuses < 2; refuses++) {
        l->answer = USBD_LATER;
        setup(l, USB_DIR_IN, IN_REQUEST, 8);
        l->answer = USBD_ACCEPT;
        setup(l, 0, OUT_REQUEST, 3);
        if (refuses) {
            usbd_stall(&l->usbd);
        } else {
            usbd_send(&l->usbd, (const uint8_t *)"12345678", 8);
        }
        assert_int_equal(l->stalls, 0);
        assert_int_equal(l->sent, 0);
        usbd_out(&l->usbd, (const uint8_t *)"abc", 3); // the one under way goes on
        assert_int_equal(l->sent, 1);
        assert_int_equal(l->packet_len, 0);
        usbd_bus_reset(&l->usbd);
    }
    assert_int_equal(l->resets, 2);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(more_bytes_than_wLength_promised_are_refused_and_not_stored),
        TEST(a_short_packet_before_wLength_is_refused),
        TEST(packets_outside_of_a_data_stage_change_nothing),
        TEST(only_a_request_that_brings_data_can_be_answered_later),
        TEST(an_answer_put_off_can_be_given_or_refused_once),
        TEST(an_answer_for_a_host_that_has_gone_on_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
