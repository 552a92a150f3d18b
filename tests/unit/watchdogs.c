// SPDX-License-Identifier: MIT
//
// IWDG, WWDG and the CRC unit.

#include "tests/unit/chip_bench.h"

#define AHB1ENR   RCC_(0x30)
#define APB1ENR   RCC_(0x40)
#define CSR       RCC_(0x74)
#define IWDG(off) (0x40003000u + (off))
#define WWDG(off) (0x40002C00u + (off))
#define CRC(off)  (0x40023000u + (off))
#define IWDGRST   (1u << 29)
#define WWDGRST   (1u << 30)

static void iwdg_resets_when_it_is_not_fed_and_says_so(void **state) {
    struct bench *b = *state;
    store(b, CSR, 1u << 24);
    unsigned resets = fake_resets(b->cpu);
    store(b, IWDG(4), 1); // not unlocked
    assert_int_equal(load(b, IWDG(4)), 0);
    store(b, IWDG(0), 0x5555);
    store(b, IWDG(4), 3);  // / 32: 1 ms a tick
    store(b, IWDG(8), 99); // 100 ms
    store(b, IWDG(0), 0xCCCC);
    store(b, IWDG(4), 0); // locked again
    assert_int_equal(load(b, IWDG(4)), 3);
    store(b, IWDG(0), 0xAAAA);
    for (unsigned i = 0; i < 20; i++) {
        run_for(b, 99 * PS_PER_MS);
        store(b, IWDG(0), 0xAAAA);
    }
    assert_int_equal(fake_resets(b->cpu), resets);
    run_for(b, 99 * PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), resets);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), resets + 1);
    assert_int_equal(load(b, CSR) & (IWDGRST | WWDGRST), IWDGRST);
    assert_true(bench_traced(b, "reset cause=iwdg"));
    // A reset ends it: it has to be started again.
    run_for(b, 60 * PS_PER_S);
    assert_int_equal(fake_resets(b->cpu), resets + 1);
}

static void iwdg_by_option_bytes_runs_from_every_reset(void **state) {
    struct bench *b = *state;
    store(b, FLASH_(0x08), 0x08192A3B);
    store(b, FLASH_(0x08), 0x4C5D6E7F);
    store(b, FLASH_(0x14), 0x0FFFAACC);
    store(b, FLASH_(0x14), 0x0FFFAACE);
    run_for(b, PS_PER_S);
    unsigned resets = fake_resets(b->cpu);
    chip_reset_pin(b->chip);
    // 4096 ticks of 125 us, again and again.
    run_for(b, 1600 * PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), resets + 1 + 3);
}

static void wwdg_resets_when_fed_too_late_or_too_early(void **state) {
    struct bench *b = *state;
    store(b, APB1ENR, 1u << 11);
    store(b, CSR, 1u << 24);
    unsigned resets = fake_resets(b->cpu);
    // 16 MHz / 4096: 256 us a tick. From 0x7F to 0x3F: 64 ticks.
    store(b, WWDG(0), 0xFF);
    run_for(b, 16 * PS_PER_MS);
    assert_int_equal(load(b, WWDG(0)), 0x80 | (0x7F - 62));
    assert_int_equal(fake_resets(b->cpu), resets);
    run_for(b, 500 * PS_PER_US);
    assert_int_equal(fake_resets(b->cpu), resets + 1);
    assert_int_equal(load(b, CSR) & (IWDGRST | WWDGRST), WWDGRST);
    // The window: not above 0x60.
    store(b, APB1ENR, 1u << 11);
    store(b, WWDG(4), 0x60);
    store(b, WWDG(0), 0xFF);
    run_for(b, 33 * 256 * PS_PER_US);
    store(b, WWDG(0), 0xFF); // at 0x5E
    assert_int_equal(fake_resets(b->cpu), resets + 1);
    store(b, WWDG(0), 0xFF); // at 0x7F
    assert_int_equal(fake_resets(b->cpu), resets + 2);
    // A value below 0x40 is a way to reset.
    store(b, APB1ENR, 1u << 11);
    store(b, WWDG(0), 0x80);
    assert_int_equal(fake_resets(b->cpu), resets + 3);
}

static void wwdg_warns_one_tick_before(void **state) {
    struct bench *b = *state;
    store(b, APB1ENR, 1u << 11);
    store(b, WWDG(4), 0x200 | 1u << 7 | 0x7F); // EWI, / 2: 512 us a tick
    store(b, WWDG(0), 0x80 | 0x42);
    run_for(b, 1023 * PS_PER_US);
    assert_false(fake_irq(b->cpu, 0));
    run_for(b, 2 * PS_PER_US);
    assert_true(fake_irq(b->cpu, 0));
    unsigned resets = fake_resets(b->cpu);
    store(b, WWDG(8), 0);
    store(b, WWDG(0), 0x80 | 0x50);
    assert_false(fake_irq(b->cpu, 0));
    run_for(b, 8 * PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), resets);
    run_for(b, PS_PER_MS);
    assert_int_equal(fake_resets(b->cpu), resets + 1);
}

static void crc_is_that_of_words_unreflected(void **state) {
    struct bench *b = *state;
    store(b, AHB1ENR, 1u << 12);
    assert_int_equal(load(b, CRC(0)), 0xFFFFFFFF);
    // Two words, and the same bytes one by one below.
    store(b, CRC(0), 0x31323334);
    store(b, CRC(0), 0x35363738);
    uint32_t crc = 0xFFFFFFFF;
    for (const char *c = "12345678"; *c; c++) {
        crc ^= (uint32_t)*c << 24;
        for (int i = 0; i < 8; i++) {
            crc = crc >> 31 ? crc << 1 ^ 0x04C11DB7 : crc << 1;
        }
    }
    assert_int_equal(load(b, CRC(0)), crc);
    store(b, CRC(4), 0x1A5);
    assert_int_equal(load(b, CRC(4)), 0xA5);
    store(b, CRC(8), 1);
    assert_int_equal(load(b, CRC(0)), 0xFFFFFFFF);
    store(b, CRC(0), 0); // one zero word: a known value
    assert_int_equal(load(b, CRC(0)), 0xC704DD7B);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(iwdg_resets_when_it_is_not_fed_and_says_so),
        TEST(iwdg_by_option_bytes_runs_from_every_reset),
        TEST(wwdg_resets_when_fed_too_late_or_too_early),
        TEST(wwdg_warns_one_tick_before),
        TEST(crc_is_that_of_words_unreflected),
    };
    return cmocka_run_group_tests_name("watchdogs", tests, NULL, NULL);
}
