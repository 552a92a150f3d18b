// SPDX-License-Identifier: MIT
//
// Enumeration against a scripted device: what is asked, what is tolerated, how failures read.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_device.h"
#include "vboard/usb/enumerate.h"

struct bench {
    struct fake_device fake; // first: on_setup() finds the bench through it
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct enumerator *enumerator;
    unsigned ready, gone, failed, resets_done;
    bool reset_ok;
    char why[256];
    // What the device says.
    uint8_t device[18];
    uint8_t mps0;
    bool refuses_configuration, refuses_64, changes_serial;
    unsigned refused_addresses;
    bool is_nonsense;
    unsigned asked[16]; // GET_DESCRIPTOR by type
    unsigned addresses;
};

static const uint8_t config[] = {9, 2, 18, 0, 1, 7, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xff, 0, 0, 0};
static const uint8_t bos[] = {5, 15, 12, 0, 1, 7, 16, 2, 0, 0, 0, 0};

static void answer(struct fake_device *fake) {
    struct bench *b = (struct bench *)fake;
    struct usb_setup s = usb_setup_load(fake->setup);
    uint8_t device[18];
    if (s.bRequest == USB_SET_ADDRESS) {
        b->addresses++;
        if (b->refused_addresses > 0) {
            b->refused_addresses--;
            fake->in[0].stalls = true;
        }
        return;
    }
    if (s.bRequest == USB_SET_CONFIGURATION) {
        fake->in[0].stalls = b->refuses_configuration;
        return;
    }
    b->asked[s.wValue >> 8 & 15]++;
    const uint8_t *data = NULL;
    unsigned len = 0;
    static const uint8_t languages[] = {4, 3, 0x07, 0x04};
    // "Az", U+00E9, U+20AC, U+1F600, a lone surrogate
    static const uint8_t text[] = {16,   3,    'A',  0,    'z',  0,    0xe9, 0,
                                   0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8};
    static uint8_t serial[] = {4, 3, '1', 0};
    switch (s.wValue >> 8) {
    case USB_DT_DEVICE:
        memcpy(device, b->device, 18);
        device[7] = b->is_nonsense ? 17 : b->mps0;
        data = device;
        len = 18;
        fake->in[0].stalls = b->refuses_64 && s.wLength == 64;
        break;
    case USB_DT_CONFIGURATION:
        data = config;
        len = sizeof config;
        break;
    case USB_DT_BOS:
        data = bos;
        len = sizeof bos;
        break;
    case USB_DT_STRING:
        serial[2] = b->changes_serial ? '2' : '1';
        data = (s.wValue & 0xff) == 0 ? languages : (s.wValue & 0xff) == 3 ? serial : text;
        len = data[0];
        if ((s.wValue & 0xff) != 0) {
            assert_int_equal(s.wIndex, 0x0407);
        }
        break;
    default:
        fake->in[0].stalls = true;
        return;
    }
    len = len < s.wLength ? len : s.wLength;
    fake_queue(fake, 0, data, len, b->mps0, len < s.wLength && len % b->mps0 == 0);
}

static void on_ready(void *ctx, const struct usb_device *device) {
    struct bench *b = ctx;
    b->ready++;
    assert_ptr_equal(device, enumerator_device(b->enumerator));
}

static void on_gone(void *ctx) {
    ((struct bench *)ctx)->gone++;
}

static void on_failed(void *ctx, const char *why) {
    struct bench *b = ctx;
    b->failed++;
    (void)snprintf(b->why, sizeof b->why, "%s", why);
}

static void on_reset(void *ctx, bool ok) {
    struct bench *b = ctx;
    b->resets_done++;
    b->reset_ok = ok;
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.complaints = NULL;
    b->cable = cable_new(&b->timeline, &b->trace);
    fake_init(&b->fake, &b->timeline);
    b->fake.on_setup = answer;
    b->fake.host = cable_connect_device(b->cable, &b->fake.wire);
    b->enumerator = enumerator_new(&b->timeline, b->cable, &b->trace,
                                   &(struct enumerate_listener){b, on_ready, on_gone, on_failed});
    b->mps0 = 64;
    static const uint8_t device[18] = {18,   1,    0x00, 0x02, 0, 0, 0, 64, 0x83,
                                       0x04, 0x11, 0xdf, 0,    1, 1, 2, 3,  1};
    memcpy(b->device, device, 18);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    enumerator_free(b->enumerator);
    cable_free(b->cable);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

static void plug(struct bench *b) {
    cable_plug(b->cable);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
}

static void a_device_becomes_what_an_operating_system_shows(void **state) {
    struct bench *b = *state;
    plug(b);
    assert_false(enumerator_is_busy(b->enumerator));
    run_for(b, 50 * PS_PER_MS);
    assert_true(enumerator_is_busy(b->enumerator));
    assert_int_equal(b->fake.resets, 0); // debounce: 100 ms
    run_for(b, PS_PER_S);
    assert_int_equal(b->ready, 1);
    const struct usb_device *d = enumerator_device(b->enumerator);
    assert_int_equal(d->address, 1);
    assert_int_equal(b->fake.address, 1);
    assert_int_equal(b->fake.resets, 2);
    assert_int_equal(d->configuration, 7);
    assert_int_equal(d->descriptors_len, 18 + sizeof config);
    assert_memory_equal(d->descriptors, b->device, 18);
    assert_memory_equal(d->descriptors + 18, config, sizeof config);
    assert_string_equal(d->manufacturer, "Az\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd");
    assert_string_equal(d->serial, "1");
    assert_int_equal(b->asked[USB_DT_DEVICE_QUALIFIER], 3); // stalled, tolerated
    assert_int_equal(b->asked[USB_DT_BOS], 0);
    assert_int_equal(d->bos_len, 0);
}

static void small_endpoint_zero_and_bos(void **state) {
    struct bench *b = *state;
    b->mps0 = 8;
    b->device[2] = 0x10;
    plug(b);
    run_for(b, PS_PER_S);
    assert_int_equal(b->ready, 1);
    const struct usb_device *d = enumerator_device(b->enumerator);
    assert_int_equal(d->bos_len, sizeof bos);
    assert_memory_equal(d->bos, bos, sizeof bos);
    assert_int_equal(d->device_descriptor[7], 8);
}

static void a_silent_device_fails_after_four_tries_with_a_sentence(void **state) {
    struct bench *b = *state;
    b->fake.setup_silences = 100000;
    plug(b);
    run_for(b, 10 * PS_PER_S);
    assert_int_equal(b->failed, 1);
    assert_int_equal(b->fake.resets, 4);
    assert_non_null(strstr(b->why, "SET_ADDRESS was not answered"));
    assert_false(enumerator_is_busy(b->enumerator));
    assert_null(enumerator_device(b->enumerator));
}

static void a_device_that_only_naks_runs_into_the_time_limit(void **state) {
    struct bench *b = *state;
    b->fake.in[0].naks = 10000000;
    plug(b);
    run_for(b, 15 * PS_PER_S);
    assert_int_equal(b->failed, 0); // 5 s a request
    run_for(b, 30 * PS_PER_S);
    assert_int_equal(b->failed, 1);
    assert_non_null(strstr(b->why, "NAKed for 5 s"));
}

static void a_nonsense_packet_size_is_refused(void **state) {
    struct bench *b = *state;
    b->is_nonsense = true;
    plug(b);
    run_for(b, 10 * PS_PER_S);
    assert_int_equal(b->failed, 1);
    assert_non_null(strstr(b->why, "nonsense"));
    assert_int_equal(b->ready, 0);
}

static void the_old_scheme_saves_a_device_that_refuses_64_bytes(void **state) {
    struct bench *b = *state;
    b->refuses_64 = true;
    plug(b);
    run_for(b, 3 * PS_PER_S);
    assert_int_equal(b->ready, 1);
    assert_int_equal(b->fake.resets, 3);
}

static void set_address_is_tried_twice(void **state) {
    struct bench *b = *state;
    b->refused_addresses = 1;
    plug(b);
    run_for(b, 2 * PS_PER_S);
    assert_int_equal(b->ready, 1);
    assert_int_equal(b->addresses, 2);
    assert_int_equal(b->fake.resets, 2);
}

static void a_refused_configuration_leaves_the_device_unconfigured(void **state) {
    struct bench *b = *state;
    b->refuses_configuration = true;
    plug(b);
    run_for(b, 2 * PS_PER_S);
    assert_int_equal(b->ready, 1);
    assert_int_equal(enumerator_device(b->enumerator)->configuration, 0);
}

static void unplugged_while_enumerating_is_neither_ready_nor_failed(void **state) {
    struct bench *b = *state;
    // Cut at every 10 ms of the whole sequence.
    for (unsigned cut = 0; cut < 40; cut++) {
        unsigned ready = b->ready, gone = b->gone;
        plug(b);
        run_for(b, PS_PER_MS + cut * 10 * PS_PER_MS);
        bool was_ready = b->ready > ready;
        cable_unplug(b->cable);
        run_for(b, PS_PER_S);
        assert_int_equal(b->failed, 0);
        assert_int_equal(b->gone - gone, was_ready);
        assert_int_equal(b->ready - ready, was_ready);
        assert_false(enumerator_is_busy(b->enumerator));
    }
    assert_in_range(b->ready, 1, 39); // the cuts covered both
}

static void a_new_attach_gets_a_new_address(void **state) {
    struct bench *b = *state;
    for (unsigned i = 1; i <= 3; i++) {
        plug(b);
        run_for(b, PS_PER_S);
        assert_int_equal(enumerator_device(b->enumerator)->address, i);
        cable_unplug(b->cable);
        run_for(b, PS_PER_MS);
        assert_int_equal(b->gone, i);
    }
}

static void reset_brings_the_same_device_back_unnoticed(void **state) {
    struct bench *b = *state;
    plug(b);
    run_for(b, PS_PER_S);
    enumerator_reset_device(b->enumerator, on_reset, b);
    assert_non_null(enumerator_device(b->enumerator));
    run_for(b, PS_PER_S);
    assert_int_equal(b->resets_done, 1);
    assert_true(b->reset_ok);
    assert_int_equal(b->fake.address, 1);
    assert_int_equal(b->ready, 1);
    assert_int_equal(b->gone, 0);
}

static void reset_to_other_descriptors_is_another_device(void **state) {
    struct bench *b = *state;
    plug(b);
    run_for(b, PS_PER_S);
    b->changes_serial = true;
    enumerator_reset_device(b->enumerator, on_reset, b);
    run_for(b, PS_PER_S);
    assert_int_equal(b->resets_done, 1);
    assert_false(b->reset_ok);
    assert_int_equal(b->gone, 1);
    assert_int_equal(b->ready, 2);
    assert_string_equal(enumerator_device(b->enumerator)->serial, "2");
}

static void reset_of_a_device_that_dies_is_gone(void **state) {
    struct bench *b = *state;
    plug(b);
    run_for(b, PS_PER_S);
    enumerator_reset_device(b->enumerator, on_reset, b);
    run_for(b, 20 * PS_PER_MS);
    cable_unplug(b->cable);
    assert_int_equal(b->resets_done, 1);
    assert_false(b->reset_ok);
    assert_int_equal(b->gone, 1);
    enumerator_reset_device(b->enumerator, on_reset, b); // nobody there
    run_for(b, PS_PER_MS);
    assert_int_equal(b->resets_done, 2);
    assert_false(b->reset_ok);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_device_becomes_what_an_operating_system_shows),
        TEST(small_endpoint_zero_and_bos),
        TEST(a_silent_device_fails_after_four_tries_with_a_sentence),
        TEST(a_device_that_only_naks_runs_into_the_time_limit),
        TEST(a_nonsense_packet_size_is_refused),
        TEST(the_old_scheme_saves_a_device_that_refuses_64_bytes),
        TEST(set_address_is_tried_twice),
        TEST(a_refused_configuration_leaves_the_device_unconfigured),
        TEST(unplugged_while_enumerating_is_neither_ready_nor_failed),
        TEST(a_new_attach_gets_a_new_address),
        TEST(reset_brings_the_same_device_back_unnoticed),
        TEST(reset_to_other_descriptors_is_another_device),
        TEST(reset_of_a_device_that_dies_is_gone),
    };
    return cmocka_run_group_tests_name("enumerate", tests, NULL, NULL);
}
