// SPDX-License-Identifier: MIT
//
// The cable against a scripted device: bytes, ends of transfers, timing and trace.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_device.h"
#include "vboard/usb/cable.h"

struct bench {
    struct timeline timeline;
    struct trace trace;
    char *text;
    size_t text_len;
    struct cable *cable;
    struct fake_device fake;
    unsigned attached, detached;
};

struct request {
    struct cable_transfer transfer;
    unsigned done;
    uint64_t done_ps;
    struct bench *bench;
    uint8_t data[8192];
    bool again; // submits itself again when done
};

static void on_attached(void *ctx, enum usb_speed speed) {
    assert_int_equal(speed, USB_SPEED_FULL);
    ((struct bench *)ctx)->attached++;
}

static void on_detached(void *ctx) {
    ((struct bench *)ctx)->detached++;
}

static void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.file = open_memstream(&b->text, &b->text_len);
    b->trace.complaints = NULL;
    b->cable = cable_new(&b->timeline, &b->trace);
    fake_init(&b->fake, &b->timeline);
    b->fake.host = cable_connect_device(b->cable, &b->fake.wire);
    cable_listen(b->cable, &(struct cable_listener){b, on_attached, on_detached});
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    cable_free(b->cable);
    fclose(b->trace.file);
    b->trace.file = NULL;
    free(b->text);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void attach(struct bench *b) {
    cable_plug(b->cable);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
    run_for(b, PS_PER_MS);
    assert_true(cable_is_attached(b->cable));
    cable_bus_reset(b->cable, NULL, NULL);
    run_for(b, 51 * PS_PER_MS);
}

static void done(struct cable_transfer *transfer, void *ctx) {
    struct request *r = ctx;
    assert_ptr_equal(transfer, &r->transfer);
    r->done++;
    r->done_ps = timeline_now(&r->bench->timeline);
    if (r->again) {
        cable_submit(r->bench->cable, &r->transfer);
    }
}

static struct request *control(struct bench *b, uint8_t type, uint8_t req, uint16_t value,
                               uint16_t index, uint16_t len) {
    struct request *r = calloc(1, sizeof *r);
    struct usb_setup s = {type, req, value, index, len};
    r->bench = b;
    r->transfer = (struct cable_transfer){
        .type = USB_XFER_CONTROL,
        .in = type & USB_DIR_IN,
        .packet_bytes = 64,
        .data = r->data,
        .length = len,
        .done = done,
        .ctx = r,
    };
    usb_setup_store(&s, r->transfer.setup);
    return r;
}

static struct request *pipe_request(struct bench *b, enum usb_transfer_type type, unsigned ep,
                                    bool in, uint32_t len) {
    struct request *r = calloc(1, sizeof *r);
    r->bench = b;
    r->transfer = (struct cable_transfer){
        .type = type,
        .endpoint = (uint8_t)ep,
        .in = in,
        .packet_bytes = 64,
        .interval = 1,
        .data = r->data,
        .length = len,
        .done = done,
        .ctx = r,
    };
    return r;
}

static void fill(uint8_t *data, unsigned len) {
    for (unsigned i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static void queue_answer(struct fake_device *fake) {
    uint8_t data[200];
    fill(data, sizeof data);
    fake_queue(fake, 0, data, sizeof data, 64, false);
}

static void control_in_gathers_packets_until_the_short_one(void **state) {
    struct bench *b = *state;
    attach(b);
    b->fake.on_setup = queue_answer;
    struct request *r = control(b, 0xc0, 1, 2, 3, 1000);
    cable_submit(b->cable, &r->transfer);
    assert_int_equal(r->done, 0);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->transfer.status, CABLE_OK);
    assert_int_equal(r->transfer.actual, 200);
    uint8_t want[200];
    fill(want, sizeof want);
    assert_memory_equal(r->data, want, sizeof want);
    assert_int_equal(b->fake.out[0].empty_packets, 1); // the status stage
    free(r);
}

static void queue_exact(struct fake_device *fake) {
    uint8_t data[128];
    fill(data, sizeof data);
    fake_queue(fake, 0, data, sizeof data, 64, false);
}

static void control_in_stops_at_wlength_without_an_empty_packet(void **state) {
    struct bench *b = *state;
    attach(b);
    b->fake.on_setup = queue_exact;
    struct request *r = control(b, 0xc0, 1, 0, 0, 128);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_OK);
    assert_int_equal(r->transfer.actual, 128);
    assert_int_equal(b->fake.in[0].attempts, 2);
    free(r);
}

static void control_out_carries_exact_bytes_and_ends_with_an_empty_in(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 2048);
    fill(r->data, 2048);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 10 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_OK);
    assert_int_equal(b->fake.out[0].received_len, 2048);
    assert_memory_equal(b->fake.out[0].received, r->data, 2048);
    assert_int_equal(b->fake.in[0].attempts, 1);
    assert_int_equal(b->fake.out[0].empty_packets, 0);
    free(r);
}

static void more_than_asked_is_babble(void **state) {
    struct bench *b = *state;
    attach(b);
    b->fake.on_setup = queue_answer;
    struct request *r = control(b, 0xc0, 1, 0, 0, 100);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->transfer.status, CABLE_BABBLE);
    free(r);
}

static void stall_ends_the_transfer_and_the_next_setup_works(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    b->fake.in[0].naks = 3;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 275 * PS_PER_US); // the SETUP is through
    b->fake.in[0].stalls = true;
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_STALL);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_OK);
    free(r);
}

static void three_silences_in_a_row_are_no_answer(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    b->fake.setup_silences = 2;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_OK);
    b->fake.setup_silences = 3;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->done, 2);
    assert_int_equal(r->transfer.status, CABLE_NO_ANSWER);
    assert_int_equal(b->fake.setup_silences, 0);
    free(r);
}

static void a_held_stage_costs_about_one_try_a_frame(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    b->fake.in[0].naks = 1000000;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 4 * PS_PER_S);
    assert_int_equal(r->done, 0);
    assert_in_range(b->fake.in[0].attempts, 4000, 4020);
    free(r);
}

static void a_device_that_becomes_ready_is_asked_within_two_retry_steps(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    b->fake.in[0].naks = 1000000;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 100 * PS_PER_MS + 333 * PS_PER_US);
    b->fake.in[0].naks = 0;
    uint64_t armed = timeline_now(&b->timeline);
    b->fake.host->ready(b->fake.host->ctx);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    assert_true(b->fake.in[0].last_ps > armed);
    assert_true(b->fake.in[0].last_ps - armed < 20 * PS_PER_US);
    free(r);
}

static void bulk_moves_19_packets_a_frame(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = pipe_request(b, USB_XFER_BULK, 1, false, 64 * 100);
    fill(r->data, 6400);
    cable_set_transfer_cost(b->cable, 0);
    run_for(b, PS_PER_MS - timeline_now(&b->timeline) % PS_PER_MS);
    cable_submit(b->cable, &r->transfer);
    unsigned before = b->fake.sofs;
    run_for(b, 20 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    assert_memory_equal(b->fake.out[1].received, r->data, 6400);
    // 100 packets at 19 a frame: the last one goes in the sixth frame.
    uint64_t took = r->done_ps - (timeline_now(&b->timeline) - 20 * PS_PER_MS);
    assert_in_range(took / PS_PER_US, 5000, 6000);
    assert_in_range(b->fake.sofs - before, 19, 21);
    free(r);
}

static void queue_64(struct fake_device *fake) {
    uint8_t data[64];
    fill(data, 64);
    fake_queue(fake, 0, data, 64, 64, false);
}

static void thirteen_single_packet_control_transfers_fit_a_frame(void **state) {
    struct bench *b = *state;
    attach(b);
    b->fake.on_setup = queue_64;
    cable_set_transfer_cost(b->cable, 0);
    struct request *r = control(b, 0xc0, 1, 0, 0, 64);
    r->again = true;
    run_for(b, PS_PER_MS - timeline_now(&b->timeline) % PS_PER_MS);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 100 * PS_PER_MS);
    // USB 2.0 table 5-2: 13; a transfer may straddle frames here, so up to 13.7 on average.
    assert_in_range(r->done, 1280, 1380);
    r->again = false;
    cable_cancel(b->cable, &r->transfer);
    free(r);
}

static void a_transfer_starts_after_the_controller_cost(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    uint64_t start = timeline_now(&b->timeline);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_in_range((r->done_ps - start) / PS_PER_US, 270, 320);
    free(r);
}

static void cancel_in_the_middle_reports_once_and_leaves_the_pipe_usable(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 2048);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 800 * PS_PER_US);
    assert_true(b->fake.out[0].received_len > 0 && b->fake.out[0].received_len < 2048);
    cable_cancel(b->cable, &r->transfer);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->transfer.status, CABLE_CANCELLED);
    assert_false(cable_is_busy(b->cable));
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    struct request *next = control(b, 0x40, 2, 0, 0, 0);
    cable_submit(b->cable, &next->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(next->transfer.status, CABLE_OK);
    assert_int_equal(b->fake.setup[1], 2);
    free(r);
    free(next);
}

static void bulk_toggles_alternate_and_a_reset_restarts_them(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = pipe_request(b, USB_XFER_BULK, 2, false, 64);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->fake.out[2].toggle, 1);
    cable_bus_reset(b->cable, NULL, NULL);
    run_for(b, 60 * PS_PER_MS);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->fake.out[2].received_len, 128); // DATA0 again, taken
    b->fake.out[2].toggle = 0;
    cable_reset_toggle(b->cable, 2, false);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->fake.out[2].received_len, 192);
    free(r);
}

static void a_repeated_in_packet_is_dropped(void **state) {
    struct bench *b = *state;
    attach(b);
    uint8_t data[150];
    fill(data, sizeof data);
    fake_queue(&b->fake, 1, data, sizeof data, 64, false);
    b->fake.in[1].repeats_toggle = true;
    struct request *r = pipe_request(b, USB_XFER_BULK, 1, true, 512);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(r->transfer.status, CABLE_OK);
    assert_int_equal(r->transfer.actual, 150);
    assert_memory_equal(r->data, data, 150);
    free(r);
}

static void bulk_out_ends_with_an_empty_packet_when_asked(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = pipe_request(b, USB_XFER_BULK, 1, false, 128);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->fake.out[1].empty_packets, 0);
    r->transfer.zero_packet = true;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->fake.out[1].empty_packets, 1);
    assert_int_equal(b->fake.out[1].received_len, 256);
    assert_int_equal(r->done, 2);
    free(r);
}

static void an_interrupt_endpoint_is_asked_once_an_interval(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = pipe_request(b, USB_XFER_INTERRUPT, 3, true, 8);
    r->transfer.interval = 10;
    cable_submit(b->cable, &r->transfer);
    run_for(b, 1000 * PS_PER_MS);
    assert_in_range(b->fake.in[3].attempts, 99, 101);
    uint8_t data[3] = {1, 2, 3};
    fake_queue(&b->fake, 3, data, 3, 64, false);
    b->fake.host->ready(b->fake.host->ctx);
    run_for(b, 11 * PS_PER_MS);
    assert_int_equal(r->transfer.actual, 3);
    free(r);
}

static void at_high_speed_bulk_is_as_fast_as_the_standard_says(void **state) {
    struct bench *b = *state;
    b->fake.is_high_speed = true;
    attach(b);
    assert_int_equal(cable_speed(b->cable), USB_SPEED_HIGH);
    struct request *r = pipe_request(b, USB_XFER_BULK, 2, false, sizeof r->data);
    r->transfer.packet_bytes = 512;
    cable_set_transfer_cost(b->cable, 0);
    unsigned sofs = b->fake.sofs;
    unsigned frame = b->fake.last_frame;
    while (b->fake.sofs == sofs) {
        run_for(b, PS_PER_NS);
    }
    uint64_t began = timeline_now(&b->timeline);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 10 * PS_PER_MS);
    assert_int_equal(b->fake.sofs - sofs, 81);
    assert_int_equal((b->fake.last_frame - frame) & 0x3fff,
                     81); // 3 bits of microframe, 11 of frame
    assert_int_equal(r->done, 1);
    assert_int_equal(b->fake.out[2].received_len, sizeof r->data);
    // USB 2.0 table 5-10: 13 transactions of 512 bytes a microframe, so three of the 16 wait.
    assert_in_range(r->done_ps - began, 145 * PS_PER_US, 160 * PS_PER_US);
    free(r);
}

static void at_high_speed_an_interval_is_a_power_of_two_of_microframes(void **state) {
    struct bench *b = *state;
    b->fake.is_high_speed = true;
    attach(b);
    struct request *r = pipe_request(b, USB_XFER_INTERRUPT, 3, true, 8);
    r->transfer.interval = 5; // 16 microframes: 2 ms
    cable_submit(b->cable, &r->transfer);
    run_for(b, 200 * PS_PER_MS);
    assert_in_range(b->fake.in[3].attempts, 99, 101);
    free(r);
}

static void unplugging_ends_transfers_as_gone(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 2048);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 800 * PS_PER_US);
    cable_unplug(b->cable);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->transfer.status, CABLE_GONE);
    assert_int_equal(b->detached, 1);
    assert_false(b->fake.has_vbus);
    unsigned sofs = b->fake.sofs;
    run_for(b, 10 * PS_PER_MS);
    assert_int_equal(b->fake.sofs, sofs);
    // A transfer to nobody ends too, later.
    cable_submit(b->cable, &r->transfer);
    assert_int_equal(r->done, 1);
    run_for(b, PS_PER_MS);
    assert_int_equal(r->done, 2);
    assert_int_equal(r->transfer.status, CABLE_GONE);
    free(r);
}

static void a_blink_of_the_pullup_is_not_a_disconnect(void **state) {
    struct bench *b = *state;
    attach(b);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_NONE);
    run_for(b, PS_PER_US);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
    run_for(b, PS_PER_MS);
    assert_int_equal(b->detached, 0);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_NONE);
    run_for(b, 10 * PS_PER_US);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
    run_for(b, PS_PER_MS);
    assert_int_equal(b->detached, 1);
    assert_int_equal(b->attached, 2);
}

static void suspend_reaches_the_device_after_3_ms_and_stops_sofs(void **state) {
    struct bench *b = *state;
    attach(b);
    unsigned before = b->fake.suspends; // an unreset port is idle too
    cable_suspend(b->cable);
    unsigned sofs = b->fake.sofs;
    run_for(b, 2900 * PS_PER_US);
    assert_int_equal(b->fake.suspends, before);
    run_for(b, 200 * PS_PER_US);
    assert_int_equal(b->fake.suspends, before + 1);
    struct request *r = control(b, 0x40, 1, 0, 0, 0);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 50 * PS_PER_MS);
    assert_int_equal(b->fake.sofs, sofs);
    assert_int_equal(r->done, 0);
    b->fake.host->wakeup(b->fake.host->ctx);
    run_for(b, 30 * PS_PER_MS);
    assert_int_equal(b->fake.resumes, 1);
    assert_in_range(b->fake.sofs - sofs, 9, 12);
    assert_int_equal(r->transfer.status, CABLE_OK);
    free(r);
}

static void reset_done(void *ctx) {
    ++*(unsigned *)ctx;
}

static void bus_reset_takes_50_ms_and_cancels(void **state) {
    struct bench *b = *state;
    attach(b);
    struct request *r = control(b, 0x40, 1, 0, 0, 2048);
    cable_submit(b->cable, &r->transfer);
    run_for(b, 800 * PS_PER_US);
    unsigned over = 0, resets = b->fake.resets;
    cable_bus_reset(b->cable, reset_done, &over);
    assert_int_equal(r->transfer.status, CABLE_CANCELLED);
    run_for(b, 49 * PS_PER_MS);
    assert_int_equal(over, 0);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(over, 1);
    assert_int_equal(b->fake.resets, resets + 1);
    free(r);
}

// A configuration with interface 0 as DFU and interface 1 as something else, DfuSe.
static const uint8_t dfu_config[] = {9, 2,    36,   0, 2, 1, 0, 0x80, 50,   9,    4, 0,
                                     0, 0,    0xfe, 1, 2, 0, 9, 0x21, 0x0b, 0xff, 0, 0,
                                     8, 0x1a, 1,    9, 4, 1, 0, 0,    0xff, 0,    0, 0};

static void answer_dfu(struct fake_device *fake) {
    static const uint8_t idle[6] = {0, 0, 0, 0, 2, 0};
    static const uint8_t busy[6] = {0, 1, 0, 0, 4, 0};
    if (fake->setup[0] == 0x80 && fake->setup[1] == 6) {
        fake_queue(fake, 0, dfu_config, sizeof dfu_config, 64, false);
    } else if (fake->setup[0] == 0xa1 && fake->setup[1] == 3) {
        fake_queue(fake, 0, fake->out[0].received_len > 0 ? busy : idle, 6, 64, false);
    }
}

static void expect_line(struct bench *b, const char *line) {
    fflush(b->trace.file);
    if (strstr(b->text, line) == NULL) {
        fail_msg("no \"%s\" in the trace:\n%s", line, b->text);
    }
}

static void do_control(struct bench *b, struct request *r) {
    cable_submit(b->cable, &r->transfer);
    run_for(b, 20 * PS_PER_MS);
    assert_int_equal(r->done, 1);
    free(r);
}

static void dfu_requests_are_decoded_only_on_a_dfu_interface(void **state) {
    struct bench *b = *state;
    attach(b);
    expect_line(b, " usb attach speed=full\n");
    expect_line(b, " usb reset\n");
    b->fake.on_setup = answer_dfu;
    do_control(b, control(b, 0xa1, 3, 0, 0, 6));
    expect_line(b, " usb setup type=0xa1 req=3 value=0x0000 index=0 len=6\n");
    expect_line(b, " usb done type=0xa1 req=3 len=6\n"); // nothing known of the interface yet
    do_control(b, control(b, 0x80, 6, 0x0200, 0, 64));
    do_control(b, control(b, 0xa1, 3, 0, 0, 6));
    expect_line(b, " usb getstatus status=OK poll=0 state=dfuIDLE\n");
    struct request *r = control(b, 0x21, 1, 0, 0, 5);
    memcpy(r->data, "\x41\x00\xc0\x00\x08", 5);
    do_control(b, r);
    expect_line(b, " usb dnload block=0 len=5 command=erase address=0x0800c000 "
                   "state=dfuDNLOAD-SYNC\n");
    do_control(b, control(b, 0xa1, 3, 0, 0, 6));
    expect_line(b, " usb getstatus status=OK poll=1 state=dfuDNBUSY\n");
    do_control(b, control(b, 0x21, 1, 2, 0, 2048));
    expect_line(b, " usb dnload block=2 len=2048\n"); // after dfuDNBUSY nobody knows
    do_control(b, control(b, 0x21, 6, 0, 1, 0));      // interface 1 is not DFU
    expect_line(b, " usb done type=0x21 req=6 len=0\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(control_in_gathers_packets_until_the_short_one),
        TEST(control_in_stops_at_wlength_without_an_empty_packet),
        TEST(control_out_carries_exact_bytes_and_ends_with_an_empty_in),
        TEST(more_than_asked_is_babble),
        TEST(stall_ends_the_transfer_and_the_next_setup_works),
        TEST(three_silences_in_a_row_are_no_answer),
        TEST(a_held_stage_costs_about_one_try_a_frame),
        TEST(a_device_that_becomes_ready_is_asked_within_two_retry_steps),
        TEST(bulk_moves_19_packets_a_frame),
        TEST(thirteen_single_packet_control_transfers_fit_a_frame),
        TEST(a_transfer_starts_after_the_controller_cost),
        TEST(cancel_in_the_middle_reports_once_and_leaves_the_pipe_usable),
        TEST(bulk_toggles_alternate_and_a_reset_restarts_them),
        TEST(a_repeated_in_packet_is_dropped),
        TEST(bulk_out_ends_with_an_empty_packet_when_asked),
        TEST(an_interrupt_endpoint_is_asked_once_an_interval),
        TEST(at_high_speed_bulk_is_as_fast_as_the_standard_says),
        TEST(at_high_speed_an_interval_is_a_power_of_two_of_microframes),
        TEST(unplugging_ends_transfers_as_gone),
        TEST(a_blink_of_the_pullup_is_not_a_disconnect),
        TEST(suspend_reaches_the_device_after_3_ms_and_stops_sofs),
        TEST(bus_reset_takes_50_ms_and_cancels),
        TEST(dfu_requests_are_decoded_only_on_a_dfu_interface),
    };
    return cmocka_run_group_tests_name("cable", tests, NULL, NULL);
}
