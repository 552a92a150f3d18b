// SPDX-License-Identifier: MIT
//
// A settings page as full of small values as it gets, on the image as built: whatever walks through all of it
// must neither outlast a host's patience nor the watchdog.

#include "tests/board/host.h"

#include <string.h>

#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/settings_list.h"
#include "tests/board/pages.h"
#include "vboard/chip/chip_state.h"

#define FIRST_KEY       0x100u
#define VALUES          990u
#define ALTERNATE       2u
// dfu-util's for any control transfer, and what USB 2.0 9.2.6 allows.
#define PATIENCE_PS     (5 * PS_PER_S)
#define OPTION_WDG_SW   (1u << 5) // FLASH_OPTCR, RM0090 3.9.10: IWDG runs from the reset on
#define RECORD_LEN      (SETTINGS_LIST_HEAD + 2u)
#define RECORDS_A_BLOCK (SETTINGS_LIST_BLOCK / RECORD_LEN)

static struct settings settings;
static struct settings_flash pages;

static struct bench *bench_full(void) {
    struct bench *bench = bench_new(8000000);
    bench_place_application(bench, "blink-0.1.bin");
    pages = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    assert_int_equal(settings_open(&settings, &pages), SETTINGS_OK);
    assert_int_equal(settings_wait(&settings, settings_turnover(&settings)), SETTINGS_OK);
    for (unsigned i = 0; i < VALUES; i++) {
        uint8_t value[2] = {1, 0};
        enum settings_result set =
            settings_set(&settings, (uint16_t)(FIRST_KEY + i), value, sizeof value);
        assert_int_equal(settings_wait(&settings, set), SETTINGS_OK);
    }
    chip_flash_changed(bench->chip);
    chip_set_pin(bench->chip, "PA0", 1);
    return bench;
}

// The list as a host reads it, values alone.
static unsigned read_values(struct bench *bench, uint8_t *out) {
    unsigned len = 0;
    int moved = SETTINGS_LIST_BLOCK;
    for (uint16_t block = 2; moved == SETTINGS_LIST_BLOCK; block++) {
        moved = bench_control(bench, 0xa1, DFU_UPLOAD, block, out + len, SETTINGS_LIST_BLOCK);
        assert_true(moved >= 0);
        len += (unsigned)moved;
    }
    return len;
}

static void use_settings(struct bench *bench) {
    const struct usb_setup setup = {USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, ALTERNATE, 0, 0};
    uint32_t moved;
    assert_int_equal(bench_transfer(bench, &setup, NULL, &moved, PATIENCE_PS), CABLE_OK);
}

static void its_values_are_all_changed_within_a_hosts_patience(void **state) {
    (void)state;
    static uint8_t list[8 * SETTINGS_LIST_BLOCK];
    struct bench *bench = bench_full();
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    use_settings(bench);
    for (unsigned from = 0; from < VALUES; from += RECORDS_A_BLOCK) {
        uint8_t block[SETTINGS_LIST_BLOCK];
        unsigned count = VALUES - from < RECORDS_A_BLOCK ? VALUES - from : RECORDS_A_BLOCK;
        for (unsigned i = 0; i < count; i++) {
            store_le32(block + i * RECORD_LEN,
                       (FIRST_KEY + from + i) | 2u << 16 | (uint32_t)SETTINGS_LIST_VALUE << 24);
            store_le16(block + i * RECORD_LEN + SETTINGS_LIST_HEAD, 2);
        }
        const struct usb_setup dnload = {0x21, DFU_DNLOAD, 2, 0, (uint16_t)(count * RECORD_LEN)};
        const struct usb_setup getstatus = {0xa1, DFU_GETSTATUS, 0, 0, DFU_STATUS_LEN};
        uint32_t moved;
        uint8_t status[DFU_STATUS_LEN];
        assert_int_equal(bench_transfer(bench, &dnload, block, &moved, PATIENCE_PS), CABLE_OK);
        do {
            assert_int_equal(bench_transfer(bench, &getstatus, status, &moved, PATIENCE_PS),
                             CABLE_OK);
            assert_int_equal(status[0], DFU_STATUS_OK);
            bench_run_ms(bench, load_le24(status + 1));
        } while (status[4] != DFU_STATE_DNLOAD_IDLE);
    }
    assert_int_equal(bench_control(bench, 0x21, DFU_ABORT, 0, NULL, 0), 0);
    assert_true(read_values(bench, list) >= VALUES * RECORD_LEN);
    assert_int_equal(settings_open(&settings, &pages), SETTINGS_OK);
    for (unsigned i = 0; i < VALUES; i++) {
        uint8_t value[2];
        uint32_t len;
        assert_int_equal(
            settings_get(&settings, (uint16_t)(FIRST_KEY + i), value, sizeof value, &len),
            SETTINGS_OK);
        assert_int_equal(load_le16(value), 2);
    }
    print_message("board.full_store: %u values changed: %u turnovers\n", VALUES,
                  (unsigned)settings_turnovers(&settings));
    bench_free(bench);
}

static void the_watchdog_is_fed_while_it_is_walked_through(void **state) {
    (void)state;
    static uint8_t list[8 * SETTINGS_LIST_BLOCK];
    struct bench *bench = bench_full();
    bench->chip->flash.option &= ~OPTION_WDG_SW;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    use_settings(bench);
    assert_true(read_values(bench, list) >= VALUES * RECORD_LEN);
    bench_run_ms(bench, 1000);
    assert_non_null(bench->device);
    uint8_t report[BOOT_REPORT_LEN];
    assert_int_equal(bench_control(bench, 0xc0, BOOT_REPORT_REQUEST, 0, report, sizeof report),
                     sizeof report);
    assert_int_equal(report[5], BOOT_REASON_BUTTON);
    assert_int_equal(load_le32(report + 8) & START_CAUSE_WATCHDOG, 0);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_ONE(its_values_are_all_changed_within_a_hosts_patience),
        BENCH_ONE(the_watchdog_is_fed_while_it_is_walked_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
