// SPDX-License-Identifier: MIT

#include "tests/power/aftermath.h"

#include <string.h>

#include "tests/board/pages.h"

#define VALUE_COUNT   6u
// Less than any bootloader wants to begin a load with.
#define ROOM_LEFT_MAX 100u
#define FILLER_KEY    0x100u
#define OFF_PS        PS_PER_MS
#define BOOT_MAX_PS   (1 * PS_PER_S)
// Looks this often whether something started.
#define BOOT_LOOK_PS  (20 * PS_PER_US)
// Blink 0.1 changes its LED each 250 ms.
#define LED_MAX_MS    300u

// The value under key `n` is n * 9 + 1 bytes of n + 1.
static uint32_t value_of(uint16_t key, uint8_t value[SETTINGS_VALUE_MAX]) {
    memset(value, key + 1, SETTINGS_VALUE_MAX);
    return key * 9u + 1;
}

static enum settings_result open_in_order(struct settings *settings,
                                          const struct settings_flash *flash) {
    enum settings_result opened = settings_open(settings, flash);
    if (opened == SETTINGS_TURNOVER) {
        opened = settings_wait(settings, settings_turnover(settings));
    }
    return opened;
}

void aftermath_put_values(struct bench *bench, bool fills) {
    struct settings settings;
    struct settings_flash flash = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    uint8_t value[SETTINGS_VALUE_MAX];
    assert_int_equal(open_in_order(&settings, &flash), SETTINGS_OK);
    for (uint16_t key = 0; key < VALUE_COUNT; key++) {
        uint32_t len = value_of(key, value);
        assert_int_equal(settings_wait(&settings, settings_set(&settings, key, value, len)),
                         SETTINGS_OK);
    }
    for (unsigned i = 0; fills && settings_room(&settings) > ROOM_LEFT_MAX; i++) {
        uint32_t len = settings_room(&settings) > 400 ? 200 : 4;
        memset(value, (int)i, len);
        assert_int_equal(settings_wait(&settings, settings_set(&settings, FILLER_KEY, value, len)),
                         SETTINGS_OK);
    }
    chip_flash_changed(bench->chip);
}

bool aftermath_has_values(struct bench *bench) {
    static uint8_t pages[2 * PAGES_PAGE_BYTES];
    struct settings_flash flash = pages_at(pages);
    struct settings settings;
    uint8_t value[SETTINGS_VALUE_MAX], found[SETTINGS_VALUE_MAX];
    memcpy(pages, chip_flash(bench->chip) + PAGES_OFF, sizeof pages);
    bool has = open_in_order(&settings, &flash) == SETTINGS_OK;
    for (uint16_t key = 0; has && key < VALUE_COUNT; key++) {
        uint32_t len = 0;
        has = settings_get(&settings, key, found, sizeof found, &len) == SETTINGS_OK &&
              len == value_of(key, value) && memcmp(found, value, len) == 0;
    }
    return has;
}

void aftermath_stay_off(struct bench *bench) {
    // A transfer that ends at this moment ends a run early.
    uint64_t on_at_ps = timeline_now(&bench->timeline) + OFF_PS;
    while (timeline_now(&bench->timeline) < on_at_ps) {
        bench_run(bench, on_at_ps - timeline_now(&bench->timeline));
    }
}

enum aftermath aftermath_boot(struct bench *bench, uint64_t *took_ps) {
    uint64_t start_ps = timeline_now(&bench->timeline);
    enum aftermath came = AFTERMATH_NOTHING;
    chip_power_on(bench->chip);
    do {
        bench_run(bench, BOOT_LOOK_PS);
        *took_ps = timeline_now(&bench->timeline) - start_ps;
        if (cpu_vtor(chip_cpu(bench->chip)) == APPLICATION) {
            came = AFTERMATH_APPLICATION;
        } else if (cable_is_attached(bench->cable)) {
            came = AFTERMATH_DFU;
        }
    } while (came == AFTERMATH_NOTHING && *took_ps <= BOOT_MAX_PS);
    return came;
}

void aftermath_press_button(struct bench *bench) {
    bench_run_ms(bench, 100);
    chip_set_pin(bench->chip, "PA0", 1);
    bench_run_ms(bench, 100);
    chip_set_pin(bench->chip, "PA0", 0);
}

void aftermath_await_application(struct bench *bench) {
    for (unsigned ms = 0; ms < 1000 && cpu_vtor(chip_cpu(bench->chip)) != APPLICATION; ms++) {
        bench_run_ms(bench, 1);
    }
    assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
}

void aftermath_assert_blinks(struct bench *bench) {
    int level = chip_pin(bench->chip, "PD12");
    for (unsigned ms = 0; ms < LED_MAX_MS && chip_pin(bench->chip, "PD12") == level; ms++) {
        bench_run_ms(bench, 1);
    }
    assert_int_not_equal(chip_pin(bench->chip, "PD12"), level);
}
