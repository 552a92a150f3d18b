// SPDX-License-Identifier: MIT
//
// Settings that show traces of a cut, on the image as built: they are decided before anything is started
// because of them, once, and whatever flash says to that. Which cuts leave what is power/modes'.

#include "tests/board/host.h"

#include <string.h>

#include "app/redfu_boot_mode.h"
#include "spec/boot.h"
#include "spec/bytes.h"
#include "tests/board/pages.h"
#include "vboard/chip/chip_state.h"

#define VALUE_KEY          7u
// An erase of 16 KB (DS8626 table 40, typical), two resets and DFU mode's clocks.
#define SETTLE_MAX_MS      400u
// TROUBLE_BLINK_MS * TROUBLE_BLINKS and a bit.
#define TROUBLE_MAX_MS     3500u
#define OPTION_NWRP(first) (3u << (16 + (first))) // FLASH_OPTCR, RM0090 3.9.10: two sectors

static struct settings settings;
static struct settings_flash pages;

static enum settings_result open_raw(struct bench *bench) {
    pages = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    return settings_open(&settings, &pages);
}

// As a cut leaves it that came before the last record's seal, or before its check as well.
static void take_words_back(struct bench *bench, uint32_t count) {
    uint32_t end = PAGES_OFF + settings.page * PAGES_PAGE_BYTES + settings.end;
    memset(chip_flash(bench->chip) + end - 4 * count, 0xff, 4 * count);
    chip_flash_changed(bench->chip);
    assert_int_equal(open_raw(bench), SETTINGS_TURNOVER);
}

// A board whose application was setting a mode for one start when power went: before the record's seal,
// or before its check as well.
static struct bench *bench_cut_in_a_request(uint32_t hse_hz, uint8_t once, uint32_t words_missing) {
    struct bench *bench = bench_new(hse_hz);
    bench_place_application(bench, "blink-0.1.bin");
    assert_int_equal(open_raw(bench), SETTINGS_OK);
    assert_int_equal(settings_wait(&settings, settings_turnover(&settings)), SETTINGS_OK);
    assert_int_equal(
        settings_wait(&settings, settings_set(&settings, VALUE_KEY, (const uint8_t *)"mine", 4)),
        SETTINGS_OK);
    assert_int_equal(redfu_set_boot_mode(&settings, BOOT_MODE_APPLICATION, once), SETTINGS_OK);
    take_words_back(bench, words_missing);
    return bench;
}

static void assert_settled(struct bench *bench) {
    uint8_t value[4];
    uint32_t len;
    assert_int_equal(open_raw(bench), SETTINGS_OK);
    assert_int_equal(settings_turnovers(&settings), 2);
    assert_int_equal(settings_get(&settings, VALUE_KEY, value, sizeof value, &len), SETTINGS_OK);
    assert_memory_equal(value, "mine", 4);
}

// Milliseconds until it starts.
static unsigned wait_for_application(struct bench *bench, unsigned max_ms) {
    unsigned ms = 0;
    while (ms < max_ms && cpu_vtor(chip_cpu(bench->chip)) != APPLICATION) {
        bench_run_ms(bench, 1);
        ms++;
    }
    assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
    return ms;
}

static struct start_record start_record(const struct bench *bench) {
    const uint8_t *at = bench->chip->sram + (START_ADDRESS - 0x20000000u);
    struct start_record start = {
        .magic = load_le32(at),
        .failed = at[4],
        .reason = at[5],
        .mode = at[6],
        .is_pending = at[7],
        .cause = load_le32(at + 8),
        .check = load_le32(at + 12),
    };
    assert_true(start_is_valid(&start));
    return start;
}

static void assert_dfu_because(struct bench *bench, enum boot_reason reason) {
    bench_wait_for_device(bench);
    assert_int_equal(start_record(bench).mode, BOOT_MODE_DFU);
    assert_int_equal(start_record(bench).reason, reason);
}

static void a_request_cut_off_is_dropped_before_the_application_starts(void **state) {
    (void)state;
    struct bench *bench = bench_cut_in_a_request(8000000, BOOT_MODE_DFU, 2);
    chip_power_on(bench->chip);
    (void)wait_for_application(bench, SETTLE_MAX_MS);
    assert_settled(bench);
    // The application is told of this start, not of the bootloader's own reset in it.
    struct start_record start = start_record(bench);
    assert_int_equal(start.reason, BOOT_REASON_DEFAULT);
    assert_true(start.cause & START_CAUSE_POWER_ON);
    assert_false(start.cause & START_CAUSE_SOFTWARE);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    assert_in_range(wait_for_application(bench, 20), 0, 20);
    assert_false(start_record(bench).cause & START_CAUSE_POWER_ON);
    bench_free(bench);
}

static void a_request_whole_but_for_its_seal_counts_and_once(void **state) {
    (void)state;
    struct bench *bench = bench_cut_in_a_request(8000000, BOOT_MODE_DFU, 1);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_ONCE);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    (void)wait_for_application(bench, 20);
    assert_settled(bench);
    bench_free(bench);
}

// The application dies by the watchdog as it writes a setting (examples/guarded: PB0 low is a self test that
// fails): one failed start each time, and the next start is to be confirmed like any other.
static void a_start_that_failed_counts_once_across_the_settling(void **state) {
    (void)state;
    struct bench *bench = bench_cut_in_a_request(8000000, BOOT_MODE_NONE, 2);
    bench_place_application(bench, "guarded.bin");
    chip_set_pin(bench->chip, "PB0", 0);
    chip_power_on(bench->chip);
    (void)wait_for_application(bench, SETTLE_MAX_MS);
    for (unsigned failed = 0; failed < 3; failed++) {
        struct start_record start = start_record(bench);
        assert_int_equal(start.failed, failed);
        assert_int_equal(start.is_pending, 1);
        assert_int_equal((start.cause & START_CAUSE_WATCHDOG) != 0, failed != 0);
        bench_run_ms(bench, 200);
        assert_int_equal(open_raw(bench), SETTINGS_OK);
        take_words_back(bench, 1);
        bench_run_ms(bench, 330); // the watchdog comes after 500 ms
        if (failed < 2) {
            (void)wait_for_application(bench, SETTLE_MAX_MS);
        }
    }
    assert_dfu_because(bench, BOOT_REASON_FAILED_STARTS);
    assert_int_equal(start_record(bench).failed, 3);
    bench_free(bench);
}

static void the_button_needs_no_settings(void **state) {
    (void)state;
    struct bench *bench = bench_cut_in_a_request(8000000, BOOT_MODE_DFU, 2);
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_BUTTON);
    bench_run_ms(bench, SETTLE_MAX_MS);
    assert_settled(bench);
    bench_free(bench);
}

// Write protection stands for whatever flash may refuse.
static void flash_that_refuses_keeps_nothing_from_starting(void **state) {
    (void)state;
    static uint8_t before[2 * PAGES_PAGE_BYTES];
    struct bench *bench = bench_cut_in_a_request(8000000, BOOT_MODE_DFU, 2);
    memcpy(before, chip_flash(bench->chip) + PAGES_OFF, sizeof before);
    bench->chip->flash.option &= ~OPTION_NWRP(1);
    for (unsigned i = 0; i < 2; i++) {
        chip_power_on(bench->chip);
        (void)wait_for_application(bench, SETTLE_MAX_MS);
        bench_run_ms(bench, SETTLE_MAX_MS);
        assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
        assert_memory_equal(chip_flash(bench->chip) + PAGES_OFF, before, sizeof before);
        chip_power_off(bench->chip);
        bench_run_ms(bench, 1);
    }
    assert_in_range(trace_complaints(&bench->trace, NULL), 1, 2); // that flash has refused
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

// DFU mode's clocks do not come up, so there is nobody who could program flash.
static void a_missing_crystal_keeps_nothing_from_starting(void **state) {
    (void)state;
    struct bench *bench = bench_cut_in_a_request(0, BOOT_MODE_DFU, 2);
    chip_power_on(bench->chip);
    (void)wait_for_application(bench, TROUBLE_MAX_MS);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_EACH(a_request_cut_off_is_dropped_before_the_application_starts),
        BENCH_EACH(a_request_whole_but_for_its_seal_counts_and_once),
        BENCH_ONE(a_start_that_failed_counts_once_across_the_settling),
        BENCH_ONE(the_button_needs_no_settings),
        BENCH_ONE(flash_that_refuses_keeps_nothing_from_starting),
        BENCH_ONE(a_missing_crystal_keeps_nothing_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
