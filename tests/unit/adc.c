// SPDX-License-Identifier: MIT
//
// ADC as ST's HAL polls it: start by software, wait for EOC, read.

#include "tests/unit/chip_bench.h"

#define APB2ENR  RCC_(0x44)
#define ADC1_(o) (0x40012000u + (o))
#define SR       0x00
#define CR1      0x04
#define CR2      0x08
#define SMPR2    0x10
#define SQR1     0x2C
#define SQR3     0x34
#define JSQR     0x38
#define JDR1     0x3C
#define DR       0x4C
#define CCR      0x304
#define EOC      2u
#define ADON     1u
#define SWSTART  (1u << 30)

static void a_conversion_takes_its_time_and_reads_the_pin(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    store(b, ADC1_(SQR3), 1); // PA1
    store(b, ADC1_(CR2), ADON);
    store(b, ADC1_(CR2), ADON | SWSTART); // 15 clocks of 8 MHz
    run_for(b, 1800 * PS_PER_NS);
    assert_int_equal(load(b, ADC1_(SR)) & EOC, 0);
    run_for(b, 100 * PS_PER_NS);
    assert_int_equal(load(b, ADC1_(SR)) & EOC, EOC);
    assert_int_equal(load(b, ADC1_(DR)), 0);
    assert_int_equal(load(b, ADC1_(SR)) & EOC, 0);
    assert_true(chip_set_pin(b->chip, "PA1", 1));
    store(b, ADC1_(CR1), 1u << 5); // EOCIE
    store(b, ADC1_(CR2), ADON | SWSTART);
    run_for(b, 2 * PS_PER_US);
    assert_true(fake_irq(b->cpu, 18));
    assert_int_equal(load(b, ADC1_(DR)), 4095);
    assert_false(fake_irq(b->cpu, 18));
}

static void the_reference_tells_the_supply(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    store(b, ADC1_(CCR), 1u << 23);
    store(b, ADC1_(SQR3), 17);
    store(b, ADC1_(CR2), ADON);
    for (unsigned mv = 3300; mv >= 2400; mv -= 900) {
        chip_set_supply_mv(b->chip, mv);
        store(b, ADC1_(CR2), ADON | SWSTART);
        run_for(b, 2 * PS_PER_US);
        assert_int_equal(load(b, ADC1_(DR)), 1210 * 4095 / mv);
    }
}

// As ST's formulas have it (DS8626 5.3.22, LL's __LL_ADC_CALC_TEMPERATURE): 25 degrees, and the supply itself.
static void factory_calibration_gives_the_temperature_and_the_supply(void **state) {
    struct bench *b = *state;
    uint32_t reference, cold, hot;

    assert_true(fake_load(b->cpu, 0x1FFF7A2A, 2, &reference));
    assert_true(fake_load(b->cpu, 0x1FFF7A2C, 2, &cold));
    assert_true(fake_load(b->cpu, 0x1FFF7A2E, 2, &hot));
    store(b, APB2ENR, 1u << 8);
    store(b, ADC1_(CCR), 1u << 23);
    store(b, ADC1_(SQR3), 16);
    store(b, ADC1_(CR2), ADON);
    store(b, ADC1_(CR2), ADON | SWSTART);
    run_for(b, 2 * PS_PER_US);
    int sensor = (int)load(b, ADC1_(DR));
    assert_in_range((sensor - (int)cold) * 80 / ((int)hot - (int)cold) + 30, 24, 26);
    chip_set_supply_mv(b->chip, 2700);
    store(b, ADC1_(SQR3), 17);
    store(b, ADC1_(CR2), ADON | SWSTART);
    run_for(b, 2 * PS_PER_US);
    assert_in_range(3300 * reference / load(b, ADC1_(DR)), 2695, 2705);
}

static void a_scan_of_three_ends_once_and_injected_values_have_places_of_their_own(void **state) {
    struct bench *b = *state;

    store(b, APB2ENR, 1u << 8);
    assert_true(chip_set_pin(b->chip, "PA3", 1));
    store(b, ADC1_(CR1), 1u << 8);
    store(b, ADC1_(SQR1), 2u << 20);
    store(b, ADC1_(SQR3), 1 | 2u << 5 | 3u << 10);
    store(b, ADC1_(CR2), ADON | SWSTART);
    run_for(b, 5 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(SR)) & EOC, 0);
    run_for(b, PS_PER_US);
    assert_int_equal(load(b, ADC1_(SR)) & EOC, EOC);
    assert_int_equal(load(b, ADC1_(DR)), 4095);
    store(b, ADC1_(JSQR), 1u << 20 | 3u << 10 | 1u << 15); // two: channels 3, 1
    store(b, ADC1_(CR2), ADON | 1u << 22);
    run_for(b, 5 * PS_PER_US);
    assert_int_equal(load(b, ADC1_(SR)) & 4, 4);
    assert_int_equal(load(b, ADC1_(JDR1)), 4095);
    assert_int_equal(load(b, ADC1_(JDR1 + 4)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_conversion_takes_its_time_and_reads_the_pin),
        TEST(the_reference_tells_the_supply),
        TEST(factory_calibration_gives_the_temperature_and_the_supply),
        TEST(a_scan_of_three_ends_once_and_injected_values_have_places_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
