// SPDX-License-Identifier: MIT
//
// Chapter 9 against redfu-boot as built, over vboard's cable, on both USB cores, and at high speed.

#include "tests/board/host.h"
#include "tests/spec/chapter9.h"

// Longer than any answer takes; a device that is elsewhere ends it at once.
#define ANSWER_MAX_PS (100 * PS_PER_MS)

static enum chapter9_answer control(void *ctx, uint8_t address, const struct usb_setup *setup,
                                    uint8_t *data, uint16_t *moved) {
    struct bench *bench = ctx;
    uint32_t bytes;
    enum cable_status status =
        bench_transfer_to(bench, address, setup, data, &bytes, ANSWER_MAX_PS);
    *moved = (uint16_t)bytes;
    switch (status) {
    case CABLE_OK:
        return CHAPTER9_OK;
    case CABLE_STALL:
        return CHAPTER9_STALL;
    case CABLE_NO_ANSWER:
        return CHAPTER9_SILENCE;
    default:
        fail_msg("the cable says %d", (int)status);
        return CHAPTER9_SILENCE;
    }
}

static void bus_reset(void *ctx) {
    struct bench *bench = ctx;
    cable_bus_reset(bench->cable, NULL, NULL);
    bench_run_ms(bench, 60); // the reset takes 50
}

static int setup(void **state) {
    static struct chapter9 device;
    struct bench *bench = bench_new(bench_board->wiring.hse_hz);
    cable_set_transfer_cost(bench->cable, 0); // thousands of requests
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    assert_int_equal(bench->device->speed,
                     bench_board->wiring.has_ulpi_phy ? USB_SPEED_HIGH : USB_SPEED_FULL);
    device = (struct chapter9){
        .ctx = bench,
        .control = control,
        .bus_reset = bus_reset,
        .alternates = 3,
        .is_webusb = true,
        .is_high_speed = bench_board->wiring.has_ulpi_phy,
        .types = 256,
    };
    *state = &device;
    return 0;
}

static int teardown(void **state) {
    bench_free(((struct chapter9 *)*state)->ctx);
    return 0;
}

static int on_otg_hs(void **state) {
    (void)state;
    bench_board = &boards[1];
    return 0;
}

static int at_high_speed(void **state) {
    (void)state;
    bench_board = board_find("stm3240g-eval");
    return bench_board && bench_board->wiring.has_ulpi_phy ? 0 : -1;
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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(descriptors),    TEST(strings),    TEST(speeds),   TEST(addresses),
        TEST(configurations), TEST(interfaces), TEST(requests), TEST(platforms),
    };
    int failed = cmocka_run_group_tests_name("OTG_FS", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("OTG_HS", tests, on_otg_hs, NULL);
    return failed + cmocka_run_group_tests_name("high speed", tests, at_high_speed, NULL);
}
