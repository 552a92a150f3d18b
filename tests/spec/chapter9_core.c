// SPDX-License-Identifier: MIT
//
// Chapter 9 against core/, on the desk's port: every descriptor type and index.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/spec/chapter9.h"
#include "tests/unit/desk.h"

static enum chapter9_answer control(void *ctx, uint8_t address, const struct usb_setup *setup,
                                    uint8_t *data, uint16_t *moved) {
    struct desk *desk = ctx;
    if (address != desk->address) {
        return CHAPTER9_SILENCE;
    }
    uint16_t len = setup->wLength;
    enum desk_result result = desk_control(desk, setup->bmRequestType, setup->bRequest,
                                           setup->wValue, setup->wIndex, data, &len);
    *moved = len;
    assert_int_not_equal(result, DESK_TIMEOUT);
    return result == DESK_OK ? CHAPTER9_OK : CHAPTER9_STALL;
}

static void bus_reset(void *ctx) {
    struct desk *desk = ctx;
    desk->address = 0; // the core's doing
    usbd_bus_reset(&desk->bootloader.usbd);
}

static struct identity identity;

static int setup(void **state) {
    static struct chapter9 device;
    struct desk *desk = desk_new();
    identity = *desk->bootloader.descriptors.identity;
    desk->bootloader.descriptors.identity = &identity;
    device = (struct chapter9){
        .ctx = desk,
        .control = control,
        .bus_reset = bus_reset,
        .alternates = 3,
        .landing_page = "https://example.com/redfu",
        .is_webusb = true,
        .types = 256,
    };
    *state = &device;
    return 0;
}

static int teardown(void **state) {
    desk_free(((struct chapter9 *)*state)->ctx);
    return 0;
}

#define RULE(name)                                                                                 \
    static void name(void **state) {                                                               \
        chapter9_##name(*state);                                                                   \
    }
RULE(descriptors)
RULE(strings)
RULE(speeds)
RULE(addresses)
RULE(configurations)
RULE(interfaces)
RULE(requests)
RULE(platforms)

static void at_high_speed(void **state) {
    struct chapter9 *device = *state;
    device->is_high_speed = identity.is_high_speed = true;
    chapter9_speeds(device);
    chapter9_descriptors(device);
}

static void with_one_alternate_setting(void **state) {
    struct chapter9 *device = *state;
    struct desk *desk = device->ctx;
    identity.only_flash = true;
    bootloader_init(&desk->bootloader, &desk->port, &identity, desk->areas);
    device->alternates = 1;
    chapter9_descriptors(device);
    chapter9_strings(device);
    chapter9_interfaces(device);
}

static void without_a_landing_page(void **state) {
    struct chapter9 *device = *state;
    identity.landing_page = "";
    device->landing_page = NULL;
    chapter9_platforms(device);
}

static void with_a_landing_page_of_any_length(void **state) {
    static char page[8 + DESCRIPTORS_LANDING_PAGE_MAX + 1] = "https://";
    struct chapter9 *device = *state;
    identity.landing_page = page + 8;
    device->landing_page = page;
    for (unsigned i = 0; i < DESCRIPTORS_LANDING_PAGE_MAX; i++) {
        page[8 + i] = 'a';
        if (i % 40 == 0 || i + 1 == DESCRIPTORS_LANDING_PAGE_MAX) {
            chapter9_platforms(device);
        }
    }
}

static void without_webusb(void **state) {
    struct chapter9 *device = *state;
    device->is_webusb = identity.is_webusb = false;
    chapter9_platforms(device);
    uint8_t bytes[64];
    uint16_t moved;
    const struct usb_setup ask = {0xc0, DESCRIPTORS_WEBUSB_REQUEST, 1, 2, sizeof bytes};
    assert_int_equal(control(device->ctx, 0, &ask, bytes, &moved), CHAPTER9_STALL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(descriptors),
        TEST(strings),
        TEST(speeds),
        TEST(addresses),
        TEST(configurations),
        TEST(interfaces),
        TEST(requests),
        TEST(platforms),
        TEST(at_high_speed),
        TEST(with_one_alternate_setting),
        TEST(without_a_landing_page),
        TEST(with_a_landing_page_of_any_length),
        TEST(without_webusb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
