// SPDX-License-Identifier: MIT
//
// capture/: what is written is what another reader (pcap_read.c) reads.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/pcapng.h"
#include "capture/usbmon.h"
#include "tests/unit/pcap_read.h"

static char path[] = "/tmp/capture-test-XXXXXX";
static int fd;

static int set_up(void **state) {
    (void)state;
    strcpy(path, "/tmp/capture-test-XXXXXX");
    fd = mkstemp(path);
    return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    (void)close(fd);
    return unlink(path);
}

static void put(struct pcapng *pcapng, const struct usbmon_event *event, const uint8_t *data) {
    uint8_t header[USBMON_HEADER_MAX];
    size_t len = usbmon_header(event, header);
    pcapng_packet(pcapng, event->ns, header, len, data, usbmon_has_data(event) ? event->len : 0);
}

static void reads(struct pcap_capture *capture) {
    const char *reason;
    if (!pcap_read(capture, path, &reason)) {
        fail_msg("not a capture: %s", reason);
    }
}

static void a_capture_without_packets_is_whole(void **state) {
    (void)state;
    struct pcapng pcapng;
    struct pcap_capture capture;
    pcapng_begin(&pcapng, fd, USBMON_LINK_TYPE, "test", "a name");
    assert_true(pcapng_end(&pcapng));
    reads(&capture);
    assert_int_equal(capture.link_type, 220);
    assert_string_equal(capture.interface, "a name");
    assert_int_equal(capture.count, 0);
    pcap_forget(&capture);
}

static void a_control_write_has_setup_and_data_with_its_submission(void **state) {
    (void)state;
    static const uint8_t setup[8] = {0x21, 1, 2, 0, 0, 0, 5, 0};
    static const uint8_t data[5] = {1, 2, 3, 4, 5}; // a length that needs padding
    struct pcapng pcapng;
    struct pcap_capture capture;
    struct usbmon_event event = {
        .id = 0x123456789Aull,
        .ns = 5000000123456789ull, // more than 2^52
        .type = USB_XFER_CONTROL,
        .bus = 1,
        .address = 7,
        .status = USBMON_SUBMITTED,
        .setup = setup,
        .len = 5,
    };
    pcapng_begin(&pcapng, fd, USBMON_LINK_TYPE, "test", "if");
    put(&pcapng, &event, data);
    event.is_end = true;
    event.setup = NULL;
    event.status = USBMON_STALL;
    event.len = 0;
    put(&pcapng, &event, data);
    assert_true(pcapng_end(&pcapng));
    reads(&capture);
    assert_int_equal(capture.count, 2);
    const struct pcap_packet *submission = &capture.packets[0];
    assert_int_equal(submission->event, 'S');
    assert_true(submission->id == 0x123456789Aull);
    assert_true(submission->ns == 5000000123456789ull);
    assert_int_equal(submission->xfer_type, 2);
    assert_int_equal(submission->epnum, 0);
    assert_int_equal(submission->devnum, 7);
    assert_int_equal(submission->busnum, 1);
    assert_int_equal(submission->status, -115);
    assert_int_equal(submission->flag_setup, 0);
    assert_int_equal(submission->flag_data, 0);
    assert_memory_equal(submission->setup, setup, 8);
    assert_int_equal(submission->length, 5);
    assert_int_equal(submission->data_len, 5);
    assert_memory_equal(submission->data, data, 5);
    assert_int_equal(capture.packets[1].event, 'C');
    assert_int_equal(capture.packets[1].status, -32);
    assert_int_equal(capture.packets[1].flag_setup, '-');
    assert_int_equal(capture.packets[1].flag_data, '>');
    assert_int_equal(capture.packets[1].data_len, 0);
    pcap_forget(&capture);
}

static void a_read_has_its_data_with_its_end(void **state) {
    (void)state;
    static const uint8_t data[3] = {9, 8, 7};
    struct pcapng pcapng;
    struct pcap_capture capture;
    struct usbmon_event event = {
        .id = 1, .type = USB_XFER_BULK, .bus = 1, .endpoint = 2, .in = true, .len = 512};
    pcapng_begin(&pcapng, fd, USBMON_LINK_TYPE, "test", "if");
    put(&pcapng, &event, data);
    event.is_end = true;
    event.len = 3;
    put(&pcapng, &event, data);
    (void)pcapng_end(&pcapng);
    reads(&capture);
    assert_int_equal(capture.packets[0].xfer_type, 3);
    assert_int_equal(capture.packets[0].epnum, 0x82);
    assert_int_equal(capture.packets[0].length, 512); // wanted
    assert_int_equal(capture.packets[0].flag_data, '<');
    assert_int_equal(capture.packets[0].data_len, 0);
    assert_int_equal(capture.packets[1].length, 3);
    assert_memory_equal(capture.packets[1].data, data, 3);
    pcap_forget(&capture);
}

static void other_types_have_usbmons_numbers(void **state) {
    (void)state;
    struct pcapng pcapng;
    struct pcap_capture capture;
    static const uint8_t data[4] = {1, 2, 3, 4};
    struct usbmon_event event = {.type = USB_XFER_INTERRUPT, .endpoint = 1, .len = 4};
    pcapng_begin(&pcapng, fd, USBMON_LINK_TYPE, "test", "if");
    put(&pcapng, &event, data);
    event.type = USB_XFER_ISOCHRONOUS;
    put(&pcapng, &event, data);
    (void)pcapng_end(&pcapng);
    reads(&capture);
    assert_int_equal(capture.packets[0].xfer_type, 1);
    assert_int_equal(capture.packets[1].xfer_type, 0);
    // One descriptor of 16 bytes before the data.
    assert_int_equal(capture.packets[1].isochronous_descriptors, 1);
    assert_int_equal(capture.packets[1].data_len, 20);
    assert_memory_equal(capture.packets[1].data + 16, data, 4);
    pcap_forget(&capture);
}

static void a_full_device_is_told_of(void **state) {
    (void)state;
    struct pcapng pcapng;
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    pcapng_begin(&pcapng, full, USBMON_LINK_TYPE, "test", "if");
    assert_false(pcapng_end(&pcapng));
    assert_int_equal(pcapng.error, ENOSPC);
    close(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_capture_without_packets_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_control_write_has_setup_and_data_with_its_submission,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_has_its_data_with_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_types_have_usbmons_numbers, set_up, tear_down),
        cmocka_unit_test(a_full_device_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
