// SPDX-License-Identifier: MIT
//
// The board data of boards/stm32f4-product in the image as built: its numbers and names, one alternate
// setting, a pull-up that follows VBUS.

#include <string.h>

#include "tests/board/host.h"

#define OTG_FS_GOTGCTL 0x50000000u
#define GOTGCTL_BSVLD  (1u << 19) // RM0090 34.16.2: the core sees a session

static struct board product;

static int setup(void **state) {
    product = boards[0];
    product.name = "stm32f4-product"; // where the images are
    bench_board = &product;
    *state = bench_new(8000000);
    return 0;
}

static int teardown(void **state) {
    bench_free(*state);
    return 0;
}

static void numbers_and_names_are_the_boards(void **state) {
    struct bench *bench = *state;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    const struct usb_device *device = bench->device;
    assert_memory_equal(device->device_descriptor + 8, "\x09\x12\x02\x00\x03\x02", 6);
    assert_string_equal(device->manufacturer, "Example Ltd");
    assert_string_equal(device->product, "Widget (update mode)");
    assert_int_equal(strlen(device->serial), 12);
    uint8_t bytes[255];
    // MS OS 2.0: the board's GUID.
    const struct usb_setup set = {0xc0, 'M', 0, 7, sizeof bytes};
    uint32_t moved = 0;
    assert_int_equal(bench_transfer(bench, &set, bytes, &moved, PS_PER_S), CABLE_OK);
    assert_int_equal(moved, 162);
    assert_memory_equal(bytes + 82, "{\0006\0C\0002\0A\0", 10);
    // WebUSB: its page, behind https://.
    const struct usb_setup page = {0xc0, 'W', 1, 2, sizeof bytes};
    assert_int_equal(bench_transfer(bench, &page, bytes, &moved, PS_PER_S), CABLE_OK);
    assert_memory_equal(bytes, "\x1c\3\1example.com/widget/update", 28);
    assert_int_equal(moved, 28);
}

static void there_is_one_alternate_setting_and_it_loads(void **state) {
    struct bench *bench = *state;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    assert_int_equal(bench->device->descriptors_len, 18 + 9 + 18);
    for (uint16_t alternate = 1; alternate < 4; alternate++) {
        assert_int_equal(bench_control(bench, 0x01, USB_SET_INTERFACE, alternate, NULL, 0), -1);
    }
    assert_int_equal(bench_control(bench, 0x01, USB_SET_INTERFACE, 0, NULL, 0), 0);
    bench_board = &boards[0]; // its application does
    struct image image;
    bench_image(&image, "blink-0.1.bin");
    bench_dfu_load(bench, &image);
    bench_dfu_leave(bench);
    bench_assert_flash_holds(bench, &image);
    bench_assert_application_runs(bench, BLINK_0_1_EDGES);
}

static bool sees_a_session(struct bench *bench) {
    return chip_peek_register(bench->chip, OTG_FS_GOTGCTL) & GOTGCTL_BSVLD;
}

static void the_pull_up_follows_vbus(void **state) {
    struct bench *bench = *state;
    cable_unplug(bench->cable);
    chip_power_on(bench->chip);
    bench_run_ms(bench, 1000);
    assert_false(sees_a_session(bench));
    assert_null(bench->device);
    for (unsigned i = 0; i < 2; i++) {
        cable_plug(bench->cable);
        bench_wait_for_device(bench);
        assert_true(sees_a_session(bench));
        cable_unplug(bench->cable);
        bench_run_ms(bench, 100);
        assert_false(sees_a_session(bench));
        assert_null(bench->device);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(numbers_and_names_are_the_boards),
        TEST(there_is_one_alternate_setting_and_it_loads),
        TEST(the_pull_up_follows_vbus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
