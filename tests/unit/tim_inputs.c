// SPDX-License-Identifier: MIT
//
// Timers' input channels: a captured edge, PWM input, an encoder, a counter behind a pin; and ADC groups, the
// watchdog and the offset, which firmware sets up beside them.

#include "tests/unit/chip_bench.h"

#define AHB1ENR  RCC_(0x30)
#define APB1ENR  RCC_(0x40)
#define APB2ENR  RCC_(0x44)
#define TIM3_(o) (0x40000400u + (o))
#define TIM2_(o) (0x40000000u + (o))
#define CR1      0x00
#define CR2      0x04
#define SMCR     0x08
#define DIER     0x0C
#define SR       0x10
#define EGR      0x14
#define CCMR1    0x18
#define CCER     0x20
#define CNT      0x24
#define PSC      0x28
#define ARR      0x2C
#define CCR(n)   (0x30 + 4 * (n))
#define TIM3_IRQ 29

// PA6 is TIM3_CH1, PA7 TIM3_CH2; TIM3 counts microseconds.
static void open_inputs(struct bench *b) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 1);
    store(b, APB1ENR, 3);
    store(b, GPIO_('A', 0x20), 0x22000000);
    store(b, GPIO_('A', 0x00), 0xA800A000);
    assert_true(chip_set_pin(b->chip, "PA6", 0));
    assert_true(chip_set_pin(b->chip, "PA7", 0));
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(SR), 0);
}

static void set(struct bench *b, const char *pin, int level) {
    assert_true(chip_set_pin(b->chip, pin, level));
}

static void a_rising_edge_is_captured_and_a_second_one_told(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, TIM3_(CCMR1), 1);
    store(b, TIM3_(CCER), 1);
    store(b, TIM3_(DIER), 2);
    store(b, TIM3_(CR1), 1);
    run_for(b, 123 * PS_PER_US);
    set(b, "PA6", 1);
    assert_true(fake_irq(b->cpu, TIM3_IRQ));
    run_for(b, 10 * PS_PER_US);
    set(b, "PA6", 0); // the wrong edge
    assert_int_equal(load(b, TIM3_(SR)), 2);
    assert_int_equal(load(b, TIM3_(CCR(1))), 123);
    assert_int_equal(load(b, TIM3_(SR)), 0); // read, so cleared
    assert_false(fake_irq(b->cpu, TIM3_IRQ));
    set(b, "PA6", 1);
    set(b, "PA6", 0);
    run_for(b, 10 * PS_PER_US);
    set(b, "PA6", 1);
    assert_int_equal(load(b, TIM3_(SR)), 2 | 1u << 9); // CC1OF
    assert_int_equal(load(b, TIM3_(CCR(1))), 143);
}

static void every_fourth_edge_of_both_kinds(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, TIM3_(CCMR1), 1 | 2u << 2); // IC1PSC: four
    store(b, TIM3_(CCER), 0xB);          // both edges
    store(b, TIM3_(CR1), 1);
    for (int i = 1; i <= 8; i++) {
        set(b, "PA6", i % 2);
        assert_int_equal(load(b, TIM3_(SR)) & 2, i == 4 || i == 8 ? 2 : 0);
        store(b, TIM3_(SR), 0);
    }
}

static void pwm_input_measures_period_and_pulse(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    // RM0090 18.3.7, on TI2: IC2 rising, IC1 falling of TI2, reset by TI2FP2.
    store(b, TIM3_(CCMR1), 1u << 8 | 2);
    store(b, TIM3_(CCER), 1 | 2 | 1u << 4);
    store(b, TIM3_(SMCR), 6u << 4 | 4);
    store(b, TIM3_(CR1), 1);
    for (int i = 0; i < 3; i++) {
        set(b, "PA7", 1);
        run_for(b, 30 * PS_PER_US);
        set(b, "PA7", 0);
        run_for(b, 70 * PS_PER_US);
    }
    assert_int_equal(load(b, TIM3_(CCR(2))), 100);
    assert_int_equal(load(b, TIM3_(CCR(1))), 30);
    assert_int_equal(trace_complaints(&b->trace, "timer-mode"), 0);
}

static void an_encoder_counts_both_ways_and_wraps(void **state) {
    struct bench *b = *state;
    static const uint8_t phases[4][2] = {{1, 0}, {1, 1}, {0, 1}, {0, 0}};

    open_inputs(b);
    store(b, TIM3_(PSC), 0);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(ARR), 99);
    store(b, TIM3_(SMCR), 3);
    store(b, TIM3_(CCMR1), 1u << 8 | 1);
    store(b, TIM3_(CR1), 1);
    for (int i = 0; i < 12; i++) {
        set(b, "PA6", phases[i % 4][0]);
        set(b, "PA7", phases[i % 4][1]);
    }
    assert_int_equal(load(b, TIM3_(CNT)), 12);
    assert_false(load(b, TIM3_(CR1)) & 1u << 4);
    for (int i = 0; i < 15; i++) { // twelve back to 0, three more
        set(b, "PA6", phases[(18 - i) % 4][0]);
        set(b, "PA7", phases[(18 - i) % 4][1]);
    }
    assert_true(load(b, TIM3_(CR1)) & 1u << 4);
    assert_int_equal(load(b, TIM3_(CNT)), 97);
}

static void a_pin_clocks_starts_and_gates(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, TIM3_(PSC), 0);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(CCMR1), 1);
    store(b, TIM3_(SMCR), 5u << 4 | 7); // external clock mode 1, TI1FP1
    store(b, TIM3_(CR1), 1);
    for (int i = 0; i < 10; i++) {
        set(b, "PA6", i % 2 == 0);
    }
    assert_int_equal(load(b, TIM3_(CNT)), 5);
    store(b, TIM3_(CR1), 0);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(SMCR), 5u << 4 | 5); // gated
    store(b, TIM3_(CR1), 1);
    run_for(b, 10 * PS_PER_US);
    assert_int_equal(load(b, TIM3_(CNT)), 0);
    set(b, "PA6", 1);
    run_for(b, 20 * PS_PER_US);
    set(b, "PA6", 0);
    run_for(b, 10 * PS_PER_US);
    assert_int_equal(load(b, TIM3_(CNT)), 20);
    store(b, TIM3_(CR1), 0);
    store(b, TIM3_(CNT), 0);
    store(b, TIM3_(SMCR), 5u << 4 | 6); // started
    set(b, "PA6", 1);
    run_for(b, 15 * PS_PER_US);
    assert_int_equal(load(b, TIM3_(CR1)) & 1, 1);
    assert_int_equal(load(b, TIM3_(CNT)), 15);
}

#define TIM5_(o) (0x40000C00u + (o))

// IWDG_Example of ST's Cube measures LSI so.
// TIM2 has been running for a while when TIM3 is set up to follow it (ITR1).
static void a_master_that_runs_already_clocks_and_gates(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, TIM2_(PSC), 15);
    store(b, TIM2_(ARR), 9);
    store(b, TIM2_(EGR), 1);
    store(b, TIM2_(CR2), 2u << 4); // update
    store(b, TIM2_(CR1), 1);
    run_for(b, 35 * PS_PER_US);
    store(b, TIM3_(PSC), 0);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(CR1), 1);
    store(b, TIM3_(CNT), 0);
    store(b, TIM3_(SMCR), 1u << 4 | 7);
    run_for(b, 100 * PS_PER_US);
    assert_int_equal(load(b, TIM3_(CNT)), 10);

    store(b, TIM3_(SMCR), 0);
    store(b, TIM2_(CR2), 1u << 4); // enable
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(SMCR), 1u << 4 | 5);
    run_for(b, 100 * PS_PER_US);
    assert_in_range(load(b, TIM3_(CNT)), 99, 100);
    store(b, TIM2_(CR1), 0);
    run_for(b, 100 * PS_PER_US);
    assert_in_range(load(b, TIM3_(CNT)), 99, 100);

    // OC1REF of PWM mode 1, high for good.
    store(b, TIM2_(CCMR1), 6u << 4);
    store(b, TIM2_(CCR(1)), 10);
    store(b, TIM2_(CR2), 4u << 4);
    store(b, TIM2_(CR1), 1);
    store(b, TIM3_(SMCR), 0);
    store(b, TIM3_(CNT), 0);
    store(b, TIM3_(SMCR), 1u << 4 | 5);
    run_for(b, 100 * PS_PER_US);
    assert_in_range(load(b, TIM3_(CNT)), 99, 100);
}

// An ADC that begins to wait for a timer takes none of the triggers that came before.
static void a_trigger_of_before_starts_no_conversion(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, APB2ENR, 1u << 8);
    store(b, TIM3_(ARR), 99); // 100 us
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(CR2), 2u << 4);
    store(b, TIM3_(CR1), 1);
    run_for(b, 250 * PS_PER_US);
    store(b, 0x40012008u, 1u << 28 | 8u << 24 | 1); // EXTEN, TIM3_TRGO, ADON
    run_for(b, 40 * PS_PER_US);
    assert_int_equal(load(b, 0x40012000u) & 0x12, 0); // EOC, STRT
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, 0x40012000u) & 0x12, 0x12);
}

static void tim5_measures_the_lsi_oscillator(void **state) {
    struct bench *b = *state;

    store(b, APB1ENR, 1u << 3);
    store(b, RCC_(0x74), 1); // LSION
    run_for(b, PS_PER_MS);
    store(b, TIM5_(0x50), 1u << 6);
    store(b, TIM5_(0x1C), 1u << 8 | 3u << 10); // CC4S: TI4; each eighth edge
    store(b, TIM5_(CCER), 1u << 12);
    store(b, TIM5_(CR1), 1);
    run_for(b, 300 * PS_PER_US);
    assert_true(load(b, TIM5_(SR)) & 1u << 4);
    uint32_t first = load(b, TIM5_(CCR(4)));
    run_for(b, 250 * PS_PER_US);
    assert_in_range(load(b, TIM5_(CCR(4))) - first, 3999, 4001); // 8 x 16 MHz / 32 kHz
    store(b, TIM5_(CCER), 0);
    store(b, TIM5_(SR), 0);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, TIM5_(SR)) & 1u << 4, 0);
}

static void an_external_trigger_is_told(void **state) {
    struct bench *b = *state;

    open_inputs(b);
    store(b, TIM3_(SMCR), 1u << 14);
    assert_int_equal(trace_complaints(&b->trace, "timer-mode"), 1);
}

#define ADC1_(o) (0x40012000u + (o))

static void the_analog_watchdog_tells_of_a_value_outside(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    store(b, ADC1_(0x34), 1);
    store(b, ADC1_(0x24), 3000);
    store(b, ADC1_(0x04), 1u << 23 | 1u << 9 | 1u << 6 | 1); // AWDEN, one channel, AWDIE, channel 1
    store(b, ADC1_(0x08), 1);
    store(b, ADC1_(0x08), 1 | 1u << 30);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(0)) & 1, 0);
    assert_true(chip_set_pin(b->chip, "PA1", 1));
    store(b, ADC1_(0x08), 1 | 1u << 30);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(0)) & 1, 1);
    assert_true(fake_irq(b->cpu, 18));
    store(b, ADC1_(0), 0);
    assert_false(fake_irq(b->cpu, 18));
}

static void injected_conversions_come_between_and_take_their_offset_off(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    assert_true(chip_set_pin(b->chip, "PA3", 1));
    store(b, ADC1_(0x14), 5000); // JOFR1
    store(b, ADC1_(0x34), 3);
    store(b, ADC1_(0x38), 3u << 15);
    store(b, ADC1_(0x08), 1);
    store(b, ADC1_(0x08), 1 | 1u << 30);
    run_for(b, PS_PER_US); // half way through the regular one
    store(b, ADC1_(0x08), 1 | 1u << 22);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(0)) & 6, 4); // JEOC, and not EOC yet
    assert_int_equal(load(b, ADC1_(0x3C)), (4095 - 5000) & 0xFFFF);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(0)) & 6, 6);
    assert_int_equal(load(b, ADC1_(0x4C)), 4095);
}

static void a_discontinuous_group_goes_on_at_each_trigger(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    assert_true(chip_set_pin(b->chip, "PA2", 1));
    store(b, ADC1_(0x04), 1u << 11 | 1u << 8); // DISCEN, one each; SCAN
    store(b, ADC1_(0x2C), 1u << 20);
    store(b, ADC1_(0x34), 1 | 2u << 5);
    store(b, ADC1_(0x08), 1);
    for (int i = 0; i < 4; i++) {
        store(b, ADC1_(0x08), 1 | 1u << 30);
        run_for(b, 4 * PS_PER_US);
        assert_int_equal(load(b, ADC1_(0)) & 2, i % 2 ? 2 : 0); // EOC at the end of the sequence
        assert_int_equal(load(b, ADC1_(0x4C)), i % 2 ? 4095 : 0);
    }
}

static void dual_modes_spi_slaves_and_waves_are_told(void **state) {
    struct bench *b = *state;

    store(b, APB1ENR, 1u << 29 | 1u << 14);
    store(b, APB2ENR, 1u << 8);
    store(b, ADC1_(0x304), 6);
    assert_int_equal(trace_complaints(&b->trace, "adc-mode"), 1);
    store(b, 0x40007400u, 2u << 6 | 5);
    assert_int_equal(trace_complaints(&b->trace, "dac-mode"), 1);
    store(b, 0x40003800u, 1u << 6); // SPI2, SPE without MSTR
    assert_int_equal(trace_complaints(&b->trace, "spi-mode"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rising_edge_is_captured_and_a_second_one_told),
        TEST(every_fourth_edge_of_both_kinds),
        TEST(pwm_input_measures_period_and_pulse),
        TEST(an_encoder_counts_both_ways_and_wraps),
        TEST(a_pin_clocks_starts_and_gates),
        TEST(a_master_that_runs_already_clocks_and_gates),
        TEST(a_trigger_of_before_starts_no_conversion),
        TEST(tim5_measures_the_lsi_oscillator),
        TEST(an_external_trigger_is_told),
        TEST(the_analog_watchdog_tells_of_a_value_outside),
        TEST(injected_conversions_come_between_and_take_their_offset_off),
        TEST(a_discontinuous_group_goes_on_at_each_trigger),
        TEST(dual_modes_spi_slaves_and_waves_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
