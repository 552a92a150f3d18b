// SPDX-License-Identifier: MIT
//
// The usbredir face between a peer (libusbredirparser's other side, as QEMU has it) and a scripted
// device: what reaches the device, and how what it says comes back.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <usbredirparser.h>

#include "tests/unit/fake_device.h"
#include "vboard/host/usbredir.h"

#define SETUPS_MAX 64
#define BULK_OUT   0x01
#define BULK_IN    0x81
#define EVENTS_IN  0x82
#define EVENTS_OUT 0x02

struct bench {
    struct fake_device fake; // first: on_setup() finds the bench through it
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct usbredir *redir;
    struct usbredirparser *guest;
    int fd;
    char why[256];
    // What the device saw.
    uint8_t setups[SETUPS_MAX][8];
    uint8_t addresses[SETUPS_MAX]; // at which it was asked
    unsigned setup_count;
    bool refuses_address, refuses_configuration;
    // What the guest heard.
    unsigned connects, disconnects, views, configuration_statuses, controls, bulks, interrupts,
        receiving_statuses, iso_statuses;
    struct usb_redir_device_connect_header connect;
    struct usb_redir_ep_info_header endpoints;
    struct usb_redir_interface_info_header interfaces;
    struct usb_redir_configuration_status_header configuration;
    struct usb_redir_alt_setting_status_header alternate;
    struct usb_redir_control_packet_header control;
    struct usb_redir_bulk_packet_header bulk;
    struct usb_redir_interrupt_packet_header interrupt;
    uint8_t receiving_status, iso_status;
    unsigned views_before_status;
    uint64_t id;
    uint8_t data[8192];
    int data_len;
};

static const uint8_t device[18] = {18, 1, 0, 2, 0, 0, 0, 64, 0x83, 4, 0x11, 0xdf};
static const uint8_t config[] = {
    9, 2, 46,   0, 1,  1,    0, 0x80, 50, // one interface
    9, 4, 0,    0, 4,  0xff, 1, 2,    0,  // four endpoints
    7, 5, 0x01, 2, 64, 0,    0, 7,    5,  0x81, 2, 64, 0, 0,
    7, 5, 0x82, 3, 8,  0,    4, 7,    5,  0x02, 3, 8,  0, 4,
};

static void answer(struct fake_device *fake) {
    struct bench *b = (struct bench *)fake;
    struct usb_setup s = usb_setup_load(fake->setup);
    assert_true(b->setup_count < SETUPS_MAX);
    b->addresses[b->setup_count] = fake->address;
    memcpy(b->setups[b->setup_count++], fake->setup, 8);
    unsigned len = 0;
    const uint8_t *data = NULL;
    if (s.bmRequestType == 0x00) {
        fake->in[0].stalls = (s.bRequest == USB_SET_ADDRESS && b->refuses_address) ||
                             (s.bRequest == USB_SET_CONFIGURATION && b->refuses_configuration);
        return;
    }
    if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue == 0x0100) {
        data = device;
        len = sizeof device;
    } else if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue == 0x0200) {
        data = config;
        len = sizeof config;
    } else if (s.bRequest == USB_GET_CONFIGURATION || s.bRequest == USB_GET_INTERFACE) {
        static const uint8_t value = 7;
        data = &value;
        len = 1;
    } else if (s.bmRequestType & 0x80) {
        fake->in[0].stalls = true;
        return;
    }
    len = len < s.wLength ? len : s.wLength;
    fake_queue(fake, 0, data, len, 64, false);
}

// -- The guest's side

static void keep(struct bench *b, uint64_t id, uint8_t *data, int len) {
    b->id = id;
    assert_in_range(len, 0, sizeof b->data);
    if (len > 0) {
        memcpy(b->data, data, (size_t)len);
    }
    b->data_len = len;
    usbredirparser_free_packet_data(b->guest, data);
}

static int guest_read(void *ctx, uint8_t *data, int count) {
    ssize_t got = recv(((struct bench *)ctx)->fd, data, (size_t)count, MSG_DONTWAIT);
    return got > 0 ? (int)got : got < 0 && errno == EAGAIN ? 0 : -1;
}

static int guest_write(void *ctx, uint8_t *data, int count) {
    return (int)send(((struct bench *)ctx)->fd, data, (size_t)count, MSG_NOSIGNAL);
}

static void guest_log(void *ctx, int level, const char *msg) {
    (void)ctx;
    if (level <= usbredirparser_error) {
        fail_msg("the guest's parser: %s", msg);
    }
}

static void guest_hello(void *ctx, struct usb_redir_hello_header *hello) {
    (void)ctx;
    assert_string_equal(hello->version, "vboard");
}

static void guest_connect(void *ctx, struct usb_redir_device_connect_header *header) {
    struct bench *b = ctx;
    b->connects++;
    b->connect = *header;
}

static void guest_disconnect(void *ctx) {
    ((struct bench *)ctx)->disconnects++;
}

static void guest_interfaces(void *ctx, struct usb_redir_interface_info_header *header) {
    ((struct bench *)ctx)->interfaces = *header;
}

static void guest_endpoints(void *ctx, struct usb_redir_ep_info_header *header) {
    struct bench *b = ctx;
    b->views++;
    b->endpoints = *header;
}

static void guest_configuration(void *ctx, uint64_t id,
                                struct usb_redir_configuration_status_header *header) {
    struct bench *b = ctx;
    b->configuration_statuses++;
    b->configuration = *header;
    b->views_before_status = b->views;
    b->id = id;
}

static void guest_alternate(void *ctx, uint64_t id,
                            struct usb_redir_alt_setting_status_header *header) {
    struct bench *b = ctx;
    b->alternate = *header;
    b->id = id;
}

static void guest_receiving(void *ctx, uint64_t id,
                            struct usb_redir_interrupt_receiving_status_header *header) {
    struct bench *b = ctx;
    (void)id;
    b->receiving_statuses++;
    b->receiving_status = header->status;
}

static void guest_iso(void *ctx, uint64_t id, struct usb_redir_iso_stream_status_header *header) {
    struct bench *b = ctx;
    (void)id;
    b->iso_statuses++;
    b->iso_status = header->status;
}

static void guest_control(void *ctx, uint64_t id, struct usb_redir_control_packet_header *header,
                          uint8_t *data, int len) {
    struct bench *b = ctx;
    b->controls++;
    b->control = *header;
    keep(b, id, data, len);
}

static void guest_bulk(void *ctx, uint64_t id, struct usb_redir_bulk_packet_header *header,
                       uint8_t *data, int len) {
    struct bench *b = ctx;
    b->bulks++;
    b->bulk = *header;
    keep(b, id, data, len);
}

static void guest_interrupt(void *ctx, uint64_t id,
                            struct usb_redir_interrupt_packet_header *header, uint8_t *data,
                            int len) {
    struct bench *b = ctx;
    b->interrupts++;
    b->interrupt = *header;
    keep(b, id, data, len);
}

static void start_guest(struct bench *b) {
    uint32_t caps[USB_REDIR_CAPS_SIZE] = {0};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    b->fd = pair[0];
    b->guest = usbredirparser_create();
    b->guest->priv = b;
    b->guest->log_func = guest_log;
    b->guest->read_func = guest_read;
    b->guest->write_func = guest_write;
    b->guest->hello_func = guest_hello;
    b->guest->device_connect_func = guest_connect;
    b->guest->device_disconnect_func = guest_disconnect;
    b->guest->interface_info_func = guest_interfaces;
    b->guest->ep_info_func = guest_endpoints;
    b->guest->configuration_status_func = guest_configuration;
    b->guest->alt_setting_status_func = guest_alternate;
    b->guest->interrupt_receiving_status_func = guest_receiving;
    b->guest->iso_stream_status_func = guest_iso;
    b->guest->control_packet_func = guest_control;
    b->guest->bulk_packet_func = guest_bulk;
    b->guest->interrupt_packet_func = guest_interrupt;
    // QEMU's.
    usbredirparser_caps_set_cap(caps, usb_redir_cap_connect_device_version);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_filter);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_device_disconnect_ack);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_ep_info_max_packet_size);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_64bits_ids);
    usbredirparser_caps_set_cap(caps, usb_redir_cap_32bits_bulk_length);
    usbredirparser_init(b->guest, "guest", caps, USB_REDIR_CAPS_SIZE, 0);
    assert_true(usbredir_open(b->redir, pair[1]));
}

static void end_guest(struct bench *b) {
    usbredirparser_destroy(b->guest);
    b->guest = NULL;
    close(b->fd);
}

static enum usbredir_result turn(struct bench *b) {
    enum usbredir_result result = USBREDIR_OK;
    if (b->guest) {
        while (usbredirparser_has_data_to_write(b->guest)) {
            assert_int_equal(usbredirparser_do_write(b->guest), 0);
        }
    }
    result = usbredir_serve(b->redir, b->why);
    if (b->guest) {
        (void)usbredirparser_do_read(b->guest);
    }
    return result;
}

static void run_ms(struct bench *b, unsigned ms) {
    for (unsigned i = 0; i < ms; i++) {
        assert_int_equal(turn(b), USBREDIR_OK);
        (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
    }
    assert_int_equal(turn(b), USBREDIR_OK);
}

static struct bench *start(void) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    fake_init(&b->fake, &b->timeline);
    b->fake.on_setup = answer;
    b->cable = cable_new(&b->timeline, &b->trace);
    b->fake.host = cable_connect_device(b->cable, &b->fake.wire);
    b->redir = usbredir_new(&b->timeline, b->cable, &b->trace);
    start_guest(b);
    cable_plug(b->cable);
    b->fake.host->pullup(b->fake.host->ctx, USB_SPEED_FULL);
    return b;
}

static void finish(struct bench *b) {
    if (b->guest) {
        end_guest(b);
    }
    usbredir_free(b->redir);
    cable_free(b->cable);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
}

// Debounce (100 ms) and reset (50 ms), then the guest knows.
static struct bench *start_connected(void) {
    struct bench *b = start();
    run_ms(b, 160);
    assert_int_equal(b->connects, 1);
    return b;
}

static void control(struct bench *b, uint64_t id, uint8_t type, uint8_t request, uint16_t value,
                    uint16_t length, uint8_t *data) {
    struct usb_redir_control_packet_header header = {
        .endpoint = type & 0x80,
        .requesttype = type,
        .request = request,
        .value = value,
        .length = length,
    };
    usbredirparser_send_control_packet(b->guest, id, &header, data, data ? length : 0);
}

static void set_configuration(struct bench *b, uint8_t value) {
    struct usb_redir_set_configuration_header header = {.configuration = value};
    usbredirparser_send_set_configuration(b->guest, 99, &header);
}

static struct bench *start_configured(void) {
    struct bench *b = start_connected();
    control(b, 1, 0x80, USB_GET_DESCRIPTOR, 0x0200, sizeof config, NULL);
    run_ms(b, 10);
    set_configuration(b, 1);
    run_ms(b, 5);
    assert_int_equal(b->configuration.status, usb_redir_success);
    return b;
}

static void asked(struct bench *b, unsigned i, uint8_t address, uint8_t type, uint8_t request,
                  uint16_t value) {
    assert_true(i < b->setup_count);
    assert_int_equal(b->addresses[i], address);
    assert_int_equal(b->setups[i][0], type);
    assert_int_equal(b->setups[i][1], request);
    assert_int_equal(load_le16(b->setups[i] + 2), value);
}

// -- The tests

static void guest_hears_of_a_device_after_debounce_and_a_reset(void **state) {
    (void)state;
    struct bench *b = start();
    run_ms(b, 99);
    assert_int_equal(b->fake.resets, 0);
    run_ms(b, 50);
    assert_int_equal(b->connects, 0);
    run_ms(b, 3);
    assert_int_equal(b->fake.resets, 1);
    assert_int_equal(b->connects, 1);
    assert_int_equal(b->connect.speed, usb_redir_speed_full);
    assert_int_equal(b->setup_count, 0); // the device was asked nothing
    assert_int_equal(b->endpoints.type[0], usb_redir_type_control);
    assert_int_equal(b->endpoints.type[17], usb_redir_type_invalid);
    finish(b);
}

static void first_reading_is_at_address_0_and_the_address_comes_before_the_next(void **state) {
    (void)state;
    struct bench *b = start_connected();
    control(b, 5, 0x80, USB_GET_DESCRIPTOR, 0x0100, 64, NULL);
    run_ms(b, 5);
    assert_int_equal(b->control.status, usb_redir_success);
    assert_int_equal(b->id, 5);
    assert_int_equal(b->data_len, 18);
    assert_memory_equal(b->data, device, 18);
    usbredirparser_send_reset(b->guest);
    run_ms(b, 60);
    assert_int_equal(b->fake.resets, 2);
    control(b, 6, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    control(b, 7, 0x80, USB_GET_DESCRIPTOR, 0x0200, 9, NULL);
    run_ms(b, 10);
    asked(b, 0, 0, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    asked(b, 1, 0, 0x00, USB_SET_ADDRESS, 1);
    asked(b, 2, 1, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    asked(b, 3, 1, 0x80, USB_GET_DESCRIPTOR, 0x0200);
    assert_int_equal(b->setup_count, 4);
    assert_int_equal(b->controls, 3);
    // The next reset takes the address away; two readings of 64 bytes give it again.
    usbredirparser_send_reset(b->guest);
    run_ms(b, 60);
    control(b, 8, 0x80, USB_GET_DESCRIPTOR, 0x0100, 64, NULL);
    run_ms(b, 5);
    control(b, 9, 0x80, USB_GET_DESCRIPTOR, 0x0100, 64, NULL);
    run_ms(b, 10);
    asked(b, 4, 0, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    asked(b, 5, 0, 0x00, USB_SET_ADDRESS, 1);
    asked(b, 6, 1, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    finish(b);
}

// A request that the guest sends at once waits for the end of the reset (50 ms) and the 10 ms behind it.
static void nothing_is_asked_of_a_device_that_recovers_from_a_reset(void **state) {
    (void)state;
    struct bench *b = start_connected();
    usbredirparser_send_reset(b->guest);
    control(b, 1, 0x80, USB_GET_DESCRIPTOR, 0x0100, 64, NULL);
    run_ms(b, 59);
    assert_int_equal(b->fake.resets, 2);
    assert_int_equal(b->setup_count, 0);
    run_ms(b, 2);
    asked(b, 0, 0, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    assert_int_equal(b->id, 1);
    // Without the first reading it is SET_ADDRESS that waits.
    usbredirparser_send_reset(b->guest);
    control(b, 2, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 59);
    assert_int_equal(b->setup_count, 1);
    run_ms(b, 5);
    asked(b, 1, 0, 0x00, USB_SET_ADDRESS, 1);
    asked(b, 2, 1, 0x80, USB_GET_DESCRIPTOR, 0x0100);
    assert_int_equal(b->id, 2);
    finish(b);
}

static void device_without_address_fails_what_waited_for_it(void **state) {
    (void)state;
    struct bench *b = start_connected();
    b->refuses_address = true;
    control(b, 1, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 5);
    control(b, 2, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 5);
    assert_int_equal(b->controls, 2);
    assert_int_equal(b->control.status, usb_redir_ioerror);
    assert_int_equal(b->setup_count, 1);
    // Another reset, another chance.
    b->refuses_address = false;
    usbredirparser_send_reset(b->guest);
    run_ms(b, 60);
    control(b, 3, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 10);
    assert_int_equal(b->control.status, usb_redir_success);
    finish(b);
}

static void guest_cannot_give_an_address_itself(void **state) {
    (void)state;
    struct bench *b = start_connected();
    control(b, 1, 0x00, USB_SET_ADDRESS, 77, 0, NULL);
    run_ms(b, 10);
    assert_int_equal(b->control.status, usb_redir_inval);
    assert_int_equal(b->setup_count, 0);
    finish(b);
}

static void configuration_packets_become_requests_and_tell_the_endpoints(void **state) {
    (void)state;
    struct bench *b = start_configured();
    asked(b, 2, 1, 0x00, USB_SET_CONFIGURATION, 1);
    assert_int_equal(b->configuration.configuration, 1);
    assert_int_equal(b->id, 99);
    assert_int_equal(b->views_before_status, 2); // ep_info came before the status
    assert_int_equal(b->interfaces.interface_count, 1);
    assert_int_equal(b->interfaces.interface_class[0], 0xff);
    assert_int_equal(b->endpoints.type[1], usb_redir_type_bulk);
    assert_int_equal(b->endpoints.type[17], usb_redir_type_bulk);
    assert_int_equal(b->endpoints.max_packet_size[17], 64);
    assert_int_equal(b->endpoints.type[18], usb_redir_type_interrupt);
    assert_int_equal(b->endpoints.interval[18], 4);
    assert_int_equal(b->endpoints.type[3], usb_redir_type_invalid);

    usbredirparser_send_get_configuration(b->guest, 100);
    run_ms(b, 5);
    asked(b, 3, 1, 0x80, USB_GET_CONFIGURATION, 0);
    assert_int_equal(b->configuration.configuration, 7); // what the device said
    struct usb_redir_set_alt_setting_header alternate = {.interface = 0, .alt = 0};
    usbredirparser_send_set_alt_setting(b->guest, 101, &alternate);
    run_ms(b, 5);
    asked(b, 4, 1, 0x01, USB_SET_INTERFACE, 0);
    assert_int_equal(b->alternate.status, usb_redir_success);
    struct usb_redir_get_alt_setting_header which = {.interface = 0};
    usbredirparser_send_get_alt_setting(b->guest, 102, &which);
    run_ms(b, 5);
    asked(b, 5, 1, 0x81, USB_GET_INTERFACE, 0);
    assert_int_equal(b->alternate.alt, 7);

    b->refuses_configuration = true;
    set_configuration(b, 2);
    run_ms(b, 5);
    assert_int_equal(b->configuration.status, usb_redir_stall);
    assert_int_equal(b->configuration.configuration, 1); // the old one is in force
    assert_int_equal(b->endpoints.type[1], usb_redir_type_bulk);
    finish(b);
}

static void stall_comes_back_as_a_stall(void **state) {
    (void)state;
    struct bench *b = start_configured();
    control(b, 3, 0x80, USB_GET_DESCRIPTOR, 0x0600, 10, NULL);
    run_ms(b, 5);
    assert_int_equal(b->control.status, usb_redir_stall);
    assert_int_equal(b->data_len, 0);
    finish(b);
}

static void control_out_carries_its_data(void **state) {
    (void)state;
    struct bench *b = start_configured();
    uint8_t data[100];
    memset(data, 0x5a, sizeof data);
    control(b, 3, 0x21, 1, 2, sizeof data, data);
    run_ms(b, 5);
    assert_int_equal(b->control.status, usb_redir_success);
    assert_int_equal(b->control.length, 100);
    assert_int_equal(b->fake.out[0].received_len, 100);
    assert_memory_equal(b->fake.out[0].received, data, 100);
    finish(b);
}

static void bulk_moves_both_ways_and_a_halt_cleared_restarts_its_toggle(void **state) {
    (void)state;
    struct bench *b = start_configured();
    uint8_t data[200];
    for (unsigned i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    struct usb_redir_bulk_packet_header header = {.endpoint = BULK_OUT, .length = sizeof data};
    usbredirparser_send_bulk_packet(b->guest, 10, &header, data, sizeof data);
    run_ms(b, 5);
    assert_int_equal(b->bulk.status, usb_redir_success);
    assert_int_equal(b->bulk.length, sizeof data);
    assert_int_equal(b->fake.out[1].received_len, sizeof data);
    assert_memory_equal(b->fake.out[1].received, data, sizeof data);

    fake_queue(&b->fake, 1, data, 70, 64, false);
    header = (struct usb_redir_bulk_packet_header){.endpoint = BULK_IN, .length = 512};
    usbredirparser_send_bulk_packet(b->guest, 11, &header, NULL, 0);
    run_ms(b, 5);
    assert_int_equal(b->bulks, 2);
    assert_int_equal(b->id, 11);
    assert_int_equal(b->data_len, 70); // a short packet ends it
    assert_memory_equal(b->data, data, 70);

    // One packet has gone since: DATA1 is next, unless the halt is cleared.
    fake_queue(&b->fake, 1, data, 3, 64, false);
    header.length = 64;
    usbredirparser_send_bulk_packet(b->guest, 12, &header, NULL, 0);
    run_ms(b, 5);
    struct usb_redir_control_packet_header clear = {
        .requesttype = 0x02, .request = USB_CLEAR_FEATURE, .index = BULK_IN};
    usbredirparser_send_control_packet(b->guest, 13, &clear, NULL, 0);
    run_ms(b, 5);
    b->fake.in[1].toggle = 0;
    fake_queue(&b->fake, 1, data, 5, 64, false);
    usbredirparser_send_bulk_packet(b->guest, 14, &header, NULL, 0);
    run_ms(b, 5);
    assert_int_equal(b->id, 14);
    assert_int_equal(b->data_len, 5);
    finish(b);
}

static void endpoints_that_are_not_there_are_refused(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_bulk_packet_header header = {.endpoint = 0x85, .length = 64};
    usbredirparser_send_bulk_packet(b->guest, 1, &header, NULL, 0);
    run_ms(b, 2);
    assert_int_equal(b->bulk.status, usb_redir_inval);
    header.endpoint = EVENTS_IN; // of another type
    b->bulk.status = 0;
    usbredirparser_send_bulk_packet(b->guest, 2, &header, NULL, 0);
    run_ms(b, 2);
    assert_int_equal(b->bulk.status, usb_redir_inval);
    header = (struct usb_redir_bulk_packet_header){
        .endpoint = BULK_IN, .length = 0, .length_high = 0x20}; // 2 MB
    usbredirparser_send_bulk_packet(b->guest, 3, &header, NULL, 0);
    run_ms(b, 2);
    assert_int_equal(b->bulk.status, usb_redir_ioerror);
    struct usb_redir_start_iso_stream_header iso = {.endpoint = 0x83};
    usbredirparser_send_start_iso_stream(b->guest, 4, &iso);
    run_ms(b, 2);
    assert_int_equal(b->iso_statuses, 1);
    assert_int_equal(trace_complaints(&b->trace, "isochronous"), 1);
    assert_int_equal(b->iso_status, usb_redir_inval);
    finish(b);
}

static void too_many_requests_are_refused_and_the_others_go_on(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_bulk_packet_header header = {.endpoint = BULK_IN, .length = 64};
    for (unsigned i = 0; i < USBREDIR_REQUESTS_MAX + 1; i++) { // the device has nothing to say
        usbredirparser_send_bulk_packet(b->guest, 1000 + i, &header, NULL, 0);
    }
    run_ms(b, 2);
    assert_int_equal(b->bulks, 1);
    assert_int_equal(b->id, 1000 + USBREDIR_REQUESTS_MAX);
    assert_int_equal(b->bulk.status, usb_redir_ioerror);
    assert_true(usbredir_is_busy(b->redir));
    uint8_t byte = 1;
    fake_queue(&b->fake, 1, &byte, 1, 64, false);
    run_ms(b, 5);
    assert_int_equal(b->id, 1000);
    assert_int_equal(b->bulk.status, usb_redir_success);
    finish(b);
}

static void cancelled_transfer_is_answered_once(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_bulk_packet_header header = {.endpoint = BULK_IN, .length = 64};
    usbredirparser_send_bulk_packet(b->guest, 20, &header, NULL, 0);
    run_ms(b, 5);
    assert_int_equal(b->bulks, 0);
    usbredirparser_send_cancel_data_packet(b->guest, 20);
    usbredirparser_send_cancel_data_packet(b->guest, 20);
    usbredirparser_send_cancel_data_packet(b->guest, 21); // never was
    run_ms(b, 5);
    assert_int_equal(b->bulks, 1);
    assert_int_equal(b->bulk.status, usb_redir_cancelled);
    finish(b);
}

static void interrupt_packets_are_sent_as_they_come(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_start_interrupt_receiving_header begin = {.endpoint = EVENTS_IN};
    usbredirparser_send_start_interrupt_receiving(b->guest, 30, &begin);
    run_ms(b, 20);
    assert_int_equal(b->receiving_statuses, 1);
    assert_int_equal(b->receiving_status, usb_redir_success);
    assert_int_equal(b->interrupts, 0);
    uint8_t event[] = {1, 2, 3};
    fake_queue(&b->fake, 2, event, 3, 8, false);
    fake_queue(&b->fake, 2, event, 2, 8, false);
    run_ms(b, 20);
    assert_int_equal(b->interrupts, 2);
    assert_int_equal(b->interrupt.endpoint, EVENTS_IN);
    assert_int_equal(b->data_len, 2);
    struct usb_redir_stop_interrupt_receiving_header end = {.endpoint = EVENTS_IN};
    usbredirparser_send_stop_interrupt_receiving(b->guest, 31, &end);
    run_ms(b, 5);
    fake_queue(&b->fake, 2, event, 3, 8, false);
    run_ms(b, 20);
    assert_int_equal(b->interrupts, 2);
    assert_int_equal(b->receiving_statuses, 2);

    struct usb_redir_interrupt_packet_header out = {.endpoint = EVENTS_OUT, .length = 3};
    usbredirparser_send_interrupt_packet(b->guest, 32, &out, event, 3);
    run_ms(b, 20);
    assert_int_equal(b->interrupts, 3);
    assert_int_equal(b->interrupt.status, usb_redir_success);
    assert_int_equal(b->fake.out[2].received_len, 3);
    finish(b);
}

static void unplugged_device_comes_back_only_after_the_guest_agreed(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_bulk_packet_header header = {.endpoint = BULK_IN, .length = 64};
    usbredirparser_send_bulk_packet(b->guest, 40, &header, NULL, 0);
    run_ms(b, 5);
    cable_unplug(b->cable);
    cable_plug(b->cable);
    // The guest does not look for a while, so it does not agree either (its parser does that by
    // itself, on reading the disconnect). What it still asks of the device is dropped.
    unsigned setups = b->setup_count;
    control(b, 41, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    assert_int_equal(usbredirparser_do_write(b->guest), 0);
    for (unsigned ms = 0; ms < 300; ms++) {
        assert_int_equal(usbredir_serve(b->redir, b->why), USBREDIR_OK);
        (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
    }
    assert_int_equal(turn(b), USBREDIR_OK);
    assert_int_equal(b->bulk.status, usb_redir_ioerror);
    assert_int_equal(b->disconnects, 1);
    assert_int_equal(b->connects, 1);
    assert_int_equal(b->setup_count, setups);
    run_ms(b, 200);
    assert_int_equal(b->connects, 2);
    assert_int_equal(b->setup_count, setups);
    control(b, 42, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 10);
    assert_int_equal(b->control.status, usb_redir_success);
    finish(b);
}

static void guest_that_leaves_may_come_again(void **state) {
    (void)state;
    struct bench *b = start_configured();
    struct usb_redir_bulk_packet_header header = {.endpoint = BULK_IN, .length = 64};
    usbredirparser_send_bulk_packet(b->guest, 40, &header, NULL, 0);
    run_ms(b, 5);
    unsigned suspends = b->fake.suspends;
    end_guest(b);
    assert_int_equal(turn(b), USBREDIR_LEFT);
    assert_int_equal(usbredir_fd(b->redir), -1);
    assert_false(cable_is_busy(b->cable));
    run_ms(b, 10);
    assert_int_equal(b->fake.suspends, suspends + 1);
    start_guest(b);
    run_ms(b, 200);
    assert_int_equal(b->connects, 2);
    control(b, 42, 0x80, USB_GET_DESCRIPTOR, 0x0100, 18, NULL);
    run_ms(b, 10);
    assert_int_equal(b->control.status, usb_redir_success);
    finish(b);
}

static void what_is_not_usbredir_ends_the_connection_with_a_sentence(void **state) {
    (void)state;
    struct bench *b = start_connected();
    static const uint8_t nonsense[16] = {0xff, 0xff, 0xff, 0xff};
    assert_int_equal(send(b->fd, nonsense, sizeof nonsense, 0), sizeof nonsense);
    assert_int_equal(turn(b), USBREDIR_MALFORMED);
    assert_non_null(strstr(b->why, "not usbredir"));
    assert_int_equal(usbredir_fd(b->redir), -1);
    run_ms(b, 10);
    finish(b);
}

static void guest_that_refuses_the_device_is_reported(void **state) {
    (void)state;
    struct bench *b = start_connected();
    usbredirparser_send_filter_reject(b->guest);
    assert_int_equal(turn(b), USBREDIR_REFUSED);
    assert_non_null(strstr(b->why, "speed"));
    run_ms(b, 5);
    finish(b);
}

static void guest_that_reads_nothing_is_not_read_from(void **state) {
    (void)state;
    struct bench *b = start_configured();
    // Header, then usb_redir_control_packet_header: endpoint 0x80 contradicts requesttype 0, so
    // each is refused at once.
    uint8_t packet[26] = {usb_redir_control_packet, 0, 0, 0, 10, [16] = 0x80};
    unsigned sent = 0;
    while ((usbredir_wants(b->redir) & POLLIN) && sent < 1000000) {
        if (send(b->fd, packet, sizeof packet, MSG_DONTWAIT) == (ssize_t)sizeof packet) {
            sent++;
        } else {
            assert_int_equal(usbredir_serve(b->redir, b->why), USBREDIR_OK);
        }
    }
    assert_in_range(sent, USBREDIR_UNSENT_PACKETS_MAX, 100000);
    // It takes them at last.
    run_ms(b, 100);
    assert_true(b->controls > USBREDIR_UNSENT_PACKETS_MAX);
    assert_true(usbredir_wants(b->redir) & POLLIN);
    finish(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_hears_of_a_device_after_debounce_and_a_reset),
        cmocka_unit_test(first_reading_is_at_address_0_and_the_address_comes_before_the_next),
        cmocka_unit_test(nothing_is_asked_of_a_device_that_recovers_from_a_reset),
        cmocka_unit_test(device_without_address_fails_what_waited_for_it),
        cmocka_unit_test(guest_cannot_give_an_address_itself),
        cmocka_unit_test(configuration_packets_become_requests_and_tell_the_endpoints),
        cmocka_unit_test(stall_comes_back_as_a_stall),
        cmocka_unit_test(control_out_carries_its_data),
        cmocka_unit_test(bulk_moves_both_ways_and_a_halt_cleared_restarts_its_toggle),
        cmocka_unit_test(endpoints_that_are_not_there_are_refused),
        cmocka_unit_test(too_many_requests_are_refused_and_the_others_go_on),
        cmocka_unit_test(cancelled_transfer_is_answered_once),
        cmocka_unit_test(interrupt_packets_are_sent_as_they_come),
        cmocka_unit_test(unplugged_device_comes_back_only_after_the_guest_agreed),
        cmocka_unit_test(guest_that_leaves_may_come_again),
        cmocka_unit_test(what_is_not_usbredir_ends_the_connection_with_a_sentence),
        cmocka_unit_test(guest_that_refuses_the_device_is_reported),
        cmocka_unit_test(guest_that_reads_nothing_is_not_read_from),
    };
    return cmocka_run_group_tests_name("usbredir", tests, NULL, NULL);
}
