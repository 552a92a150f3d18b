// SPDX-License-Identifier: MIT
//
// The backup domain as drivers use it: ST's HAL_RTC_Init and SetTime (INIT, INITF, WPR), wake-up and
// alarm by EXTI, and what survives which reset.

#include "tests/unit/chip_bench.h"

#define AHB1ENR   RCC_(0x30)
#define APB1ENR   RCC_(0x40)
#define BDCR      RCC_(0x70)
#define CSR       RCC_(0x74)
#define PWR_CR    PWR_(0x00)
#define PWR_CSR   PWR_(0x04)
#define RTC_(off) (0x40002800u + (off))
#define TR        RTC_(0x00)
#define DR        RTC_(0x04)
#define CR        RTC_(0x08)
#define ISR       RTC_(0x0C)
#define PRER      RTC_(0x10)
#define WUTR      RTC_(0x14)
#define ALRMAR    RTC_(0x1C)
#define WPR       RTC_(0x24)
#define SSR       RTC_(0x28)
#define BKP0R     RTC_(0x50)
#define BKPSRAM   0x40024000u

#define INIT      (1u << 7)
#define INITF     (1u << 6)
#define RSF       (1u << 5)

static void open_domain(struct bench *b) {
    store(b, APB1ENR, 1u << 28);
    store(b, PWR_CR, load(b, PWR_CR) | 1u << 8);
}

static void unlock(struct bench *b) {
    store(b, WPR, 0xCA);
    store(b, WPR, 0x53);
}

static void start_lse(struct bench *b) {
    open_domain(b);
    store(b, BDCR, 1);
    run_for(b, 3 * PS_PER_S);
    store(b, BDCR, 1u << 15 | 1u << 8 | 1); // RTCEN, RTCSEL LSE, LSEON
}

static void set(struct bench *b, uint32_t tr, uint32_t dr) {
    unlock(b);
    store(b, ISR, 0xFFFFFFFF);
    assert_int_equal(load(b, ISR) & INITF, INITF);
    store(b, PRER, 255);
    store(b, PRER, 127u << 16 | 255);
    store(b, TR, tr);
    store(b, DR, dr);
    store(b, ISR, load(b, ISR) & ~INIT);
}

static void the_calendar_counts_over_the_end_of_a_leap_february(void **state) {
    struct bench *b = *state;

    start_lse(b);
    set(b, 0x235958, 0x246228); // Wednesday, 28 February 2024, 23:59:58
    assert_int_equal(load(b, DR), 0x246228);
    run_for(b, 1999 * PS_PER_MS);
    assert_int_equal(load(b, TR), 0x235959);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, TR), 0);
    assert_int_equal(load(b, DR), 0x248229); // Thursday the 29th
    run_for(b, 86400 * PS_PER_S);
    assert_int_equal(load(b, DR), 0x24A301); // Friday, 1 March
}

static void sub_seconds_count_down(void **state) {
    struct bench *b = *state;

    start_lse(b);
    set(b, 0, 0x2101);
    assert_int_equal(load(b, SSR), 255);
    run_for(b, 500 * PS_PER_MS);
    assert_in_range(load(b, SSR), 126, 128);
}

static void the_twelve_hour_format_turns_at_noon(void **state) {
    struct bench *b = *state;

    start_lse(b);
    set(b, 0x115959, 0x2101);
    unlock(b);
    store(b, CR, 1u << 6); // FMT
    run_for(b, PS_PER_S);
    assert_int_equal(load(b, TR), 1u << 22 | 0x120000);
    run_for(b, 3600 * PS_PER_S);
    assert_int_equal(load(b, TR), 1u << 22 | 0x010000);
}

static void without_a_clock_initialisation_is_never_entered(void **state) {
    struct bench *b = *state;

    open_domain(b);
    unlock(b);
    store(b, ISR, 0xFFFFFFFF);
    run_for(b, PS_PER_S);
    assert_int_equal(load(b, ISR) & INITF, 0);
    store(b, TR, 0x111111);
    assert_int_equal(load(b, TR), 0);
}

static void write_protected_registers_need_the_key_and_dbp(void **state) {
    struct bench *b = *state;

    start_lse(b);
    store(b, ISR, 0xFFFFFFFF);
    assert_int_equal(load(b, ISR) & INITF, 0);
    store(b, BKP0R, 1); // not protected
    assert_int_equal(load(b, BKP0R), 1);
    store(b, PWR_CR, load(b, PWR_CR) & ~(1u << 8));
    store(b, BKP0R, 2);
    assert_int_equal(load(b, BKP0R), 1);
}

static void the_shadow_registers_are_synchronous_after_two_clocks(void **state) {
    struct bench *b = *state;

    start_lse(b);
    run_for(b, PS_PER_MS);
    assert_true(load(b, ISR) & RSF);
    unlock(b);
    store(b, ISR, ~(INIT | RSF));
    assert_false(load(b, ISR) & RSF);
    run_for(b, 62 * PS_PER_US);
    assert_true(load(b, ISR) & RSF);
}

static void the_wake_up_timer_wakes_by_exti_22(void **state) {
    struct bench *b = *state;

    start_lse(b);
    store(b, EXTI_(0x00), 1u << 22);
    store(b, EXTI_(0x08), 1u << 22);
    unlock(b);
    assert_true(load(b, ISR) & 1u << 2); // WUTWF
    store(b, WUTR, 2047);
    store(b, CR, 1u << 14 | 1u << 10); // WUTIE WUTE, RTCCLK / 16: 1 s
    assert_false(load(b, ISR) & 1u << 2);
    run_for(b, 999 * PS_PER_MS);
    assert_false(fake_irq(b->cpu, 3));
    run_for(b, 2 * PS_PER_MS);
    assert_true(fake_irq(b->cpu, 3));
    store(b, ISR, ~(1u << 10 | INIT));
    store(b, EXTI_(0x14), 1u << 22);
    assert_false(fake_irq(b->cpu, 3));
    run_for(b, PS_PER_S);
    assert_true(fake_irq(b->cpu, 3)); // again
}

static void an_alarm_rings_when_its_fields_match(void **state) {
    struct bench *b = *state;

    start_lse(b);
    set(b, 0x101000, 0x2101);
    store(b, EXTI_(0x00), 1u << 17);
    store(b, EXTI_(0x08), 1u << 17);
    store(b, ALRMAR, 1u << 31 | 0x101130); // any day, 10:11:30
    store(b, CR, 1u << 12 | 1u << 8);
    run_for(b, 89 * PS_PER_S);
    assert_false(fake_irq(b->cpu, 41));
    run_for(b, 2 * PS_PER_S);
    assert_true(fake_irq(b->cpu, 41));
    assert_true(load(b, ISR) & 1u << 8);
    store(b, ISR, ~(1u << 8 | INIT));
    assert_false(load(b, ISR) & 1u << 8);
}

static void fill(struct bench *b) {
    start_lse(b);
    set(b, 0x120000, 0x2101);
    store(b, AHB1ENR, load(b, AHB1ENR) | 1u << 18);
    store(b, PWR_CSR, 1u << 9); // BRE
    store(b, BKP0R, 0xCAFE);
    store(b, BKPSRAM, 0xBEEF);
}

static void a_reset_keeps_the_domain_and_the_time_goes_on(void **state) {
    struct bench *b = *state;

    fill(b);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, BKP0R), 0xCAFE);
    run_for(b, 60 * PS_PER_S);
    assert_int_equal(load(b, TR), 0x120100);
    store(b, APB1ENR, 1u << 28);
    assert_int_equal(load(b, PWR_CSR) >> 9 & 1, 1);
}

static void power_cycle(struct bench *b) {
    chip_power_off(b->chip);
    run_for(b, 3600 * PS_PER_S);
    chip_power_on(b->chip);
    store(b, AHB1ENR, load(b, AHB1ENR) | 1u << 18);
}

static void without_a_battery_a_power_cycle_empties_it(void **state) {
    struct bench *b = *state;

    fill(b);
    power_cycle(b);
    assert_int_equal(load(b, BKP0R), 0);
    assert_int_equal(load(b, BDCR), 0);
    assert_int_not_equal(load(b, BKPSRAM), 0xBEEF);
    assert_int_equal(load(b, TR), 0);
}

static int set_up_with_battery(void **state) {
    struct bench *b = calloc(1, sizeof(*b));
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.file = open_memstream(&b->text, &b->text_len);
    b->chip =
        chip_new(&chip_models[STM32F407VG],
                 &(struct chip_wiring){.hse_hz = 8000000, .lse_hz = 32768, .has_battery = true},
                 &b->timeline, &b->trace);
    b->cpu = chip_cpu(b->chip);
    chip_power_on(b->chip);
    *state = b;
    return 0;
}

static void on_a_battery_the_time_goes_on_through_a_power_cycle(void **state) {
    struct bench *b = *state;

    fill(b);
    power_cycle(b);
    assert_int_equal(load(b, BKP0R), 0xCAFE);
    assert_int_equal(load(b, BKPSRAM), 0xBEEF);
    assert_int_equal(load(b, TR), 0x130000);
    // Without the backup regulator SRAM is lost all the same.
    open_domain(b);
    store(b, PWR_CSR, 0);
    power_cycle(b);
    assert_int_equal(load(b, BKP0R), 0xCAFE);
    assert_int_not_equal(load(b, BKPSRAM), 0xBEEF);
}

static void the_clock_of_the_rtc_is_chosen_once(void **state) {
    struct bench *b = *state;

    start_lse(b);
    store(b, CSR, 1);
    store(b, BDCR, 1u << 15 | 2u << 8 | 1);
    assert_int_equal(load(b, BDCR) >> 8 & 3, 1);
    store(b, BDCR, 1u << 16);
    store(b, BDCR, 0);
    store(b, BDCR, 1u << 15 | 2u << 8);
    assert_int_equal(load(b, BDCR) >> 8 & 3, 2);
}

#define TSTR   RTC_(0x30)
#define TSDR   RTC_(0x34)
#define TAFCR  RTC_(0x40)
#define TSF    (1u << 11)
#define TSOVF  (1u << 12)
#define TAMP1F (1u << 13)

static void a_time_stamp_is_taken_at_the_pins_edge_and_goes_with_its_flag(void **state) {
    struct bench *b = *state;

    start_lse(b);
    set(b, 0x101112, 0x246228);
    store(b, EXTI_(0x08), 1u << 21);
    store(b, EXTI_(0x00), 1u << 21);
    store(b, CR, 1u << 15 | 1u << 11 | 1u << 3); // TSIE, TSE, falling
    assert_true(chip_set_pin(b->chip, "PC13", 1));
    run_for(b, 5 * PS_PER_S + PS_PER_MS);
    assert_int_equal(load(b, ISR) & TSF, 0);
    assert_true(chip_set_pin(b->chip, "PC13", 0));
    assert_true(fake_irq(b->cpu, 2));
    run_for(b, 2 * PS_PER_S);
    assert_int_equal(load(b, TSTR), 0x101117);
    assert_int_equal(load(b, TSDR), 0x6228); // no year
    assert_true(chip_set_pin(b->chip, "PC13", 1));
    assert_true(chip_set_pin(b->chip, "PC13", 0));
    assert_int_equal(load(b, ISR) & (TSF | TSOVF), TSF | TSOVF);
    assert_int_equal(load(b, TSTR), 0x101117);
    store(b, ISR, ~(TSF | TSOVF));
    assert_int_equal(load(b, TSTR), 0);
}

static void tampering_empties_the_backup_registers(void **state) {
    struct bench *b = *state;

    open_domain(b);
    assert_true(chip_set_pin(b->chip, "PC13", 1));
    store(b, BKP0R, 0x1234);
    store(b, EXTI_(0x08), 1u << 21);
    store(b, EXTI_(0x00), 1u << 21);
    store(b, TAFCR, 4 | 2 | 1); // TAMPIE, falling, TAMP1E
    assert_int_equal(load(b, BKP0R), 0x1234);
    assert_true(chip_set_pin(b->chip, "PC13", 0));
    assert_int_equal(load(b, ISR) & TAMP1F, TAMP1F);
    assert_true(fake_irq(b->cpu, 2));
    assert_int_equal(load(b, BKP0R), 0);
    store(b, BKP0R, 0x1234); // not while the flag is up
    assert_int_equal(load(b, BKP0R), 0);
    store(b, ISR, ~TAMP1F);
    store(b, BKP0R, 0x1234);
    assert_int_equal(load(b, BKP0R), 0x1234);
    // A pin that is low already when it is switched on (26.3.13).
    store(b, TAFCR, 0);
    store(b, TAFCR, 2 | 1);
    assert_int_equal(load(b, BKP0R), 0);
}

static void what_the_rtc_has_not_is_told(void **state) {
    struct bench *b = *state;

    open_domain(b);
    unlock(b);
    store(b, TAFCR, 1u << 3);       // TAMP2E
    store(b, RTC_(0x44), 8u << 24); // MASKSS
    store(b, RTC_(0x3C), 1u << 15); // CALR
    assert_int_equal(trace_complaints(&b->trace, "rtc-mode"), 3);
    store(b, RTC_(0x44), 0);
    store(b, RTC_(0x3C), 0);
    assert_int_equal(trace_complaints(&b->trace, "rtc-mode"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_calendar_counts_over_the_end_of_a_leap_february),
        TEST(sub_seconds_count_down),
        TEST(the_twelve_hour_format_turns_at_noon),
        TEST(without_a_clock_initialisation_is_never_entered),
        TEST(write_protected_registers_need_the_key_and_dbp),
        TEST(the_shadow_registers_are_synchronous_after_two_clocks),
        TEST(the_wake_up_timer_wakes_by_exti_22),
        TEST(an_alarm_rings_when_its_fields_match),
        TEST(a_reset_keeps_the_domain_and_the_time_goes_on),
        TEST(without_a_battery_a_power_cycle_empties_it),
        cmocka_unit_test_setup_teardown(on_a_battery_the_time_goes_on_through_a_power_cycle,
                                        set_up_with_battery, bench_tear_down),
        TEST(the_clock_of_the_rtc_is_chosen_once),
        TEST(a_time_stamp_is_taken_at_the_pins_edge_and_goes_with_its_flag),
        TEST(tampering_empties_the_backup_registers),
        TEST(what_the_rtc_has_not_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
