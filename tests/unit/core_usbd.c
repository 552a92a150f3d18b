// SPDX-License-Identifier: MIT
//
// Chapter 9 as a host sees it: descriptors, addresses, configurations, stalls that heal.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spec/dfu.h"
#include "tests/unit/desk.h"

static int setup(void **state) {
    *state = desk_new();
    return 0;
}

static int teardown(void **state) {
    desk_free(*state);
    return 0;
}

static enum desk_result in(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                           uint16_t index, uint8_t *data, uint16_t *len) {
    return desk_control(desk, (uint8_t)(USB_DIR_IN | type), request, value, index, data, len);
}

static enum desk_result out(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                            uint16_t index) {
    uint16_t len = 0;
    return desk_control(desk, type, request, value, index, NULL, &len);
}

static uint16_t descriptor(struct desk *desk, unsigned type, unsigned index, uint8_t *data,
                           uint16_t wanted) {
    uint16_t len = wanted;
    assert_int_equal(in(desk, 0, USB_GET_DESCRIPTOR, (uint16_t)(type << 8 | index),
                        type == USB_DT_STRING ? 0x0409 : 0, data, &len),
                     DESK_OK);
    return len;
}

static void string_at(struct desk *desk, unsigned index, char *text) {
    uint8_t data[255];
    uint16_t len = descriptor(desk, USB_DT_STRING, index, data, sizeof data);
    assert_int_equal(len, data[0]);
    assert_int_equal(data[1], USB_DT_STRING);
    for (unsigned i = 2; i < len; i += 2) {
        *text++ = (char)data[i];
        assert_int_equal(data[i + 1], 0);
    }
    *text = '\0';
}

static void the_device_descriptor_is_the_identity(void **state) {
    uint8_t data[64];
    assert_int_equal(descriptor(*state, USB_DT_DEVICE, 0, data, 64), 18);
    assert_memory_equal(data,
                        "\x12\x01\x10\x02\x00\x00\x00\x40\x83\x04\x11\xdf\x00\x01\x01\x02\x03", 17);
    assert_int_equal(data[17], 1);
    assert_int_equal(descriptor(*state, USB_DT_DEVICE, 0, data, 8), 8); // cut to wLength
}

static void the_configuration_says_DfuSe_with_2048_byte_blocks(void **state) {
    uint8_t data[255];
    uint16_t len = descriptor(*state, USB_DT_CONFIGURATION, 0, data, sizeof data);
    assert_int_equal(len, 9 + 3 * (9 + 9));
    assert_memory_equal(data, "\x09\x02\x3f\x00\x01\x01\x00\x80\x32", 9);
    // Each alternate setting has the functional descriptor behind it: fwupd passes over interface
    // descriptors that follow each other at once.
    for (uint8_t alternate = 0; alternate < 3; alternate++) {
        const uint8_t *at = data + 9 + 18 * alternate;
        const uint8_t interface[] = {9, 4, 0, alternate, 0, 0xfe, 1, 2, (uint8_t)(4 + alternate)};
        assert_memory_equal(at, interface, sizeof interface);
        assert_memory_equal(at + 9, "\x09\x21\x0b\xff\x00\x00\x08\x1a\x01", 9);
    }
    uint8_t alone[9];
    len = sizeof alone; // DFU 1.1 4.1.3: readable alone too
    assert_int_equal(
        in(*state, USB_RECIPIENT_INTERFACE, USB_GET_DESCRIPTOR, 0x2100, 0, alone, &len), DESK_OK);
    assert_memory_equal(alone, data + 18, 9);
}

static void strings_are_what_the_board_says(void **state) {
    char text[128];
    string_at(*state, 1, text);
    assert_string_equal(text, "redfu");
    string_at(*state, 3, text);
    assert_string_equal(text, "0123456789AB");
    string_at(*state, 4, text);
    assert_string_equal(text, "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
    string_at(*state, 5, text);
    assert_string_equal(text, "@Application  /0x0800C000/01*016Kg,01*064Kg,07*128Kg");
    string_at(*state, 6, text);
    assert_string_equal(text, "@Settings  /0x5E700000/01*032Ke");
    uint8_t data[4];
    assert_int_equal(descriptor(*state, USB_DT_STRING, 0, data, 4), 4);
    assert_memory_equal(data, "\x04\x03\x09\x04", 4);
}

static void every_status_a_host_can_see_has_a_sentence(void **state) {
    static const unsigned statuses[] = {
        DFU_STATUS_ERR_WRITE,  DFU_STATUS_ERR_ERASE,   DFU_STATUS_ERR_PROG,
        DFU_STATUS_ERR_VERIFY, DFU_STATUS_ERR_ADDRESS, DFU_STATUS_ERR_FIRMWARE,
        DFU_STATUS_ERR_FILE,   DFU_STATUS_ERR_NOTDONE, DFU_STATUS_ERR_STALLEDPKT};
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char text[128];
        string_at(*state, DESCRIPTORS_STATUS_STRING(statuses[i]), text);
        assert_true(strlen(text) > 10);
    }
}

// A product's own texts may be any: 126 characters are what a string descriptor holds (USB 2.0 9.6.7).
static void texts_are_cut_where_their_descriptors_end(void **state) {
    struct desk *desk = *state;
    char text[301];
    struct identity identity = *desk->bootloader.descriptors.identity;
    for (unsigned i = 0; i < sizeof text - 1; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[sizeof text - 1] = '\0';
    struct descriptors descriptors;
    const unsigned lengths[] = {USB_STRING_CHARS_MAX - 1, USB_STRING_CHARS_MAX,
                                USB_STRING_CHARS_MAX + 1, 300};
    for (unsigned i = 0; i < 4; i++) {
        unsigned chars = lengths[i] < USB_STRING_CHARS_MAX ? lengths[i] : USB_STRING_CHARS_MAX;
        unsigned len = 0;
        identity.serial = text + 300 - lengths[i];
        descriptors_init(&descriptors, &identity, &desk->bootloader.dfu.media);
        const uint8_t *bytes = descriptors_get(&descriptors, USB_DT_STRING, 3, &len);
        assert_non_null(bytes);
        assert_int_equal(len, 2 + 2 * chars);
        assert_int_equal(bytes[0], len);
        for (unsigned c = 0; c < chars; c++) {
            assert_int_equal(load_le16(bytes + 2 + 2 * c), (uint8_t)identity.serial[c]);
        }
    }
    const unsigned pages[] = {DESCRIPTORS_LANDING_PAGE_MAX, DESCRIPTORS_LANDING_PAGE_MAX + 1, 300};
    for (unsigned i = 0; i < 3; i++) {
        const struct usb_setup setup = {USB_DIR_IN | USB_TYPE_VENDOR, DESCRIPTORS_WEBUSB_REQUEST,
                                        DESCRIPTORS_LANDING_PAGE, 2, 255};
        unsigned len = 0;
        identity.landing_page = text + 300 - pages[i];
        descriptors_init(&descriptors, &identity, &desk->bootloader.dfu.media);
        const uint8_t *bytes = descriptors_vendor(&descriptors, &setup, &len);
        assert_non_null(bytes);
        assert_int_equal(len, 255);
        assert_int_equal(bytes[0], 255);
        assert_memory_equal(bytes + 3, identity.landing_page, DESCRIPTORS_LANDING_PAGE_MAX);
    }
}

// A host that is shown half a layout would take what is missing for absent.
static void a_layout_that_no_string_holds_is_refused_and_not_cut(void **state) {
    struct desk *desk = *state;
    static const struct flash_run many[] = {{1, 16384}, {1, 16384}, {1, 16384}, {1, 16384},
                                            {1, 16384}, {1, 16384}, {1, 16384}, {1, 16384},
                                            {1, 16384}, {1, 16384}, {1, 16384}, {1, 16384}};
    // "@Internal Flash  /0x08000000" and nine characters a run: 127 of eleven.
    for (unsigned runs = 10; runs <= 12; runs++) {
        const struct flash_map map = {DESK_FLASH_BASE, many, runs, 1, 3};
        struct port port = desk->port;
        struct media media = desk->bootloader.dfu.media;
        struct descriptors descriptors;
        unsigned len = 0;
        port.map = &map;
        media.port = &port;
        descriptors_init(&descriptors, desk->bootloader.descriptors.identity, &media);
        const uint8_t *bytes =
            descriptors_get(&descriptors, USB_DT_STRING, DESCRIPTORS_ALTERNATE_STRING, &len);
        if (runs == 10) {
            assert_non_null(bytes);
            assert_int_equal(len, 2 + 2 * (28 + 9 * 10));
        } else {
            assert_null(bytes);
        }
    }
}

static void a_descriptor_that_is_a_multiple_of_64_bytes_ends_in_an_empty_packet(void **state) {
    struct desk *desk = *state;
    uint8_t data[255];
    // 31 characters make 64 bytes; the identity is the desk's, so put one there for this test.
    struct identity identity = *desk->bootloader.descriptors.identity;
    identity.product_name = "0123456789012345678901234567890";
    desk->bootloader.descriptors.identity = &identity;
    assert_int_equal(descriptor(desk, USB_DT_STRING, 2, data, 255), 64);
    assert_int_equal(descriptor(desk, USB_DT_STRING, 2, data, 64), 64);
}

static void what_does_not_exist_stalls_and_the_next_request_works(void **state) {
    struct desk *desk = *state;
    static const uint16_t values[] = {0x0600, 0x0700, 0x0f01, 0x0301 + 99, 0x0101, 0x0201, 0x4200};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t data[64];
        uint16_t len = sizeof data;
        assert_int_equal(in(desk, 0, USB_GET_DESCRIPTOR, values[i], 0, data, &len), DESK_STALL);
        assert_int_equal(descriptor(desk, USB_DT_DEVICE, 0, data, 18), 18);
    }
}

static void configurations_1_1_0_1(void **state) {
    static const uint8_t order[] = {1, 1, 0, 1};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(out(*state, 0, USB_SET_CONFIGURATION, order[i], 0), DESK_OK);
        uint8_t value = 0xff;
        uint16_t len = 1;
        assert_int_equal(in(*state, 0, USB_GET_CONFIGURATION, 0, 0, &value, &len), DESK_OK);
        assert_int_equal(value, order[i]);
    }
    assert_int_equal(out(*state, 0, USB_SET_CONFIGURATION, 2, 0), DESK_STALL);
}

static void before_configuration_the_interface_is_not_there(void **state) {
    struct desk *desk = *state;
    assert_int_equal(out(desk, 0, USB_SET_CONFIGURATION, 0, 0), DESK_OK);
    assert_int_equal(out(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 0, 0), DESK_STALL);
    assert_int_equal(desk_getstatus(desk).result, DESK_STALL);
    assert_int_equal(out(desk, 0, USB_SET_CONFIGURATION, 1, 0), DESK_OK);
    assert_int_equal(out(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 0, 0), DESK_OK);
    assert_int_equal(out(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 3, 0), DESK_STALL);
    assert_int_equal(out(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 0, 1), DESK_STALL);
}

static void status_of_device_interface_and_endpoint_zero(void **state) {
    for (uint8_t recipient = 0; recipient < 3; recipient++) {
        uint8_t data[2] = {0xff, 0xff};
        uint16_t len = 2;
        assert_int_equal(in(*state, recipient, USB_GET_STATUS, 0, 0, data, &len), DESK_OK);
        assert_memory_equal(data, "\0\0", 2);
    }
    uint8_t data[2];
    uint16_t len = 2;
    assert_int_equal(in(*state, USB_RECIPIENT_ENDPOINT, USB_GET_STATUS, 0, 0x81, data, &len),
                     DESK_STALL);
    assert_int_equal(out(*state, USB_RECIPIENT_ENDPOINT, USB_CLEAR_FEATURE, 0, 0), DESK_OK);
}

static void a_bus_reset_brings_address_and_configuration_to_zero(void **state) {
    struct desk *desk = *state;
    usbd_bus_reset(&desk->bootloader.usbd);
    uint8_t value;
    uint16_t len = 1;
    assert_int_equal(in(desk, 0, USB_GET_CONFIGURATION, 0, 0, &value, &len), DESK_STALL);
    assert_int_equal(out(desk, 0, USB_SET_CONFIGURATION, 1, 0), DESK_STALL);
    assert_int_equal(out(desk, 0, USB_SET_ADDRESS, 128, 0), DESK_STALL);
    assert_int_equal(out(desk, 0, USB_SET_ADDRESS, 127, 0), DESK_OK);
    assert_int_equal(desk->address, 127);
}

static void requests_in_the_wrong_direction_are_refused(void **state) {
    struct desk *desk = *state;
    uint8_t data[64] = {0};
    uint16_t len = 2;
    assert_int_equal(in(desk, 0, USB_SET_ADDRESS, 9, 0, data, &len), DESK_STALL);
    len = 18;
    assert_int_equal(desk_control(desk, 0, USB_GET_DESCRIPTOR, 0x0100, 0, data, &len), DESK_STALL);
    assert_int_equal(out(desk, 0, USB_SET_DESCRIPTOR, 0x0100, 0), DESK_STALL);
    assert_int_equal(out(desk, USB_TYPE_VENDOR, 1, 0, 0), DESK_STALL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(the_device_descriptor_is_the_identity),
        TEST(the_configuration_says_DfuSe_with_2048_byte_blocks),
        TEST(strings_are_what_the_board_says),
        TEST(every_status_a_host_can_see_has_a_sentence),
        TEST(texts_are_cut_where_their_descriptors_end),
        TEST(a_layout_that_no_string_holds_is_refused_and_not_cut),
        TEST(a_descriptor_that_is_a_multiple_of_64_bytes_ends_in_an_empty_packet),
        TEST(what_does_not_exist_stalls_and_the_next_request_works),
        TEST(configurations_1_1_0_1),
        TEST(before_configuration_the_interface_is_not_there),
        TEST(status_of_device_interface_and_endpoint_zero),
        TEST(a_bus_reset_brings_address_and_configuration_to_zero),
        TEST(requests_in_the_wrong_direction_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
