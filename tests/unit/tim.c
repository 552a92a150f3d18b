// SPDX-License-Identifier: MIT
//
// Timers as drivers use them: HAL_TIM_Base_Start and its interrupt, a one-shot TIM6, a free-running
// TIM2 read for microseconds, compare flags, and the clock they count.

#include "tests/unit/chip_bench.h"

#define APB1ENR  RCC_(0x40)
#define APB2ENR  RCC_(0x44)
#define CFGR     RCC_(0x08)
#define TIM1_(o) (0x40010000u + (o))
#define TIM2_(o) (0x40000000u + (o))
#define TIM3_(o) (0x40000400u + (o))
#define TIM6_(o) (0x40001000u + (o))
#define TIM9_(o) (0x40014000u + (o))
#define CR1      0x00
#define DIER     0x0C
#define SR       0x10
#define EGR      0x14
#define CCMR1    0x18
#define CNT      0x24
#define PSC      0x28
#define ARR      0x2C
#define RCR      0x30
#define CCR(n)   (0x30 + 4 * (n))

static void enable_timers(struct bench *b) {
    store(b, APB1ENR, 0x1FF);
    store(b, APB2ENR, 0x70003);
}

// Exactly `us` at 16 MHz from one register access to another: the bench's own take no time.
static void wait_us(struct bench *b, uint64_t us) {
    run_for(b, us * PS_PER_US);
}

static void a_free_running_tim2_counts_microseconds_in_32_bits(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM2_(PSC), 15);
    store(b, TIM2_(EGR), 1); // the prescaler takes effect with an update only
    store(b, TIM2_(CR1), 1);
    wait_us(b, 1234);
    assert_int_equal(load(b, TIM2_(CNT)), 1234);
    wait_us(b, 4000000);
    assert_int_equal(load(b, TIM2_(CNT)), 4001234);
    store(b, TIM2_(CNT), 0xFFFFFFFE);
    wait_us(b, 3);
    assert_int_equal(load(b, TIM2_(CNT)), 1);
}

static void a_prescaler_written_while_counting_waits_for_the_update(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(ARR), 1599); // 100 us at 16 MHz
    store(b, TIM3_(CR1), 1);
    wait_us(b, 10);
    store(b, TIM3_(PSC), 15);
    wait_us(b, 10);
    assert_int_equal(load(b, TIM3_(CNT)), 320);
    wait_us(b, 80 + 7);
    assert_int_equal(load(b, TIM3_(CNT)), 7);
}

static void the_update_interrupt_comes_every_period_and_status_is_cleared_by_zero(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 999);
    store(b, TIM3_(EGR), 1);
    assert_int_equal(load(b, TIM3_(SR)), 1); // UG raises UIF, as HAL_TIM_Base_Init finds out
    store(b, TIM3_(SR), ~1u);
    store(b, TIM3_(DIER), 1);
    store(b, TIM3_(CR1), 1);
    for (int i = 0; i < 3; i++) {
        wait_us(b, 999);
        assert_false(fake_irq(b->cpu, 29));
        wait_us(b, 1);
        assert_true(fake_irq(b->cpu, 29));
        store(b, TIM3_(SR), ~1u);
        assert_false(fake_irq(b->cpu, 29));
    }
    store(b, TIM3_(SR), 0xFFFF);
    assert_int_equal(load(b, TIM3_(SR)) & 1, 0); // writing 1 does nothing
}

static void one_pulse_stops_at_its_update(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM6_(PSC), 15);
    store(b, TIM6_(ARR), 50);
    store(b, TIM6_(CR1), 1u << 2); // URS: UG raises nothing
    store(b, TIM6_(EGR), 1);
    assert_int_equal(load(b, TIM6_(SR)), 0);
    store(b, TIM6_(CR1), 1u << 3 | 1u << 2 | 1);
    wait_us(b, 50);
    assert_int_equal(load(b, TIM6_(CR1)) & 1, 1);
    wait_us(b, 1);
    assert_int_equal(load(b, TIM6_(SR)), 1);
    assert_int_equal(load(b, TIM6_(CR1)) & 1, 0);
    wait_us(b, 1000);
    assert_int_equal(load(b, TIM6_(CNT)), 0);
}

static void compare_flags_rise_where_the_counter_meets_them(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 99);
    store(b, TIM3_(CCR(1)), 10);
    store(b, TIM3_(CCR(2)), 60);
    store(b, TIM3_(CCR(3)), 200); // beyond ARR: at the overflow
    store(b, TIM3_(CCR(4)), 99);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(SR), 0);
    store(b, TIM3_(DIER), 1u << 2); // CC2IE
    store(b, TIM3_(CR1), 1);
    wait_us(b, 9);
    assert_int_equal(load(b, TIM3_(SR)), 0);
    wait_us(b, 1);
    assert_int_equal(load(b, TIM3_(SR)), 1u << 1);
    wait_us(b, 49);
    assert_false(fake_irq(b->cpu, 29));
    wait_us(b, 1);
    assert_true(fake_irq(b->cpu, 29));
    assert_int_equal(load(b, TIM3_(SR)), 1u << 1 | 1u << 2);
    wait_us(b, 40);
    assert_int_equal(load(b, TIM3_(SR)), 0x1F);
}

static void a_preloaded_compare_value_waits_for_the_update(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 99);
    store(b, TIM3_(CCMR1), 0x0068); // PWM 1, OC1PE
    store(b, TIM3_(CCR(1)), 80);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(CR1), 1);
    wait_us(b, 5);
    store(b, TIM3_(CCR(1)), 10);
    store(b, TIM3_(SR), 0);
    wait_us(b, 20);
    assert_int_equal(load(b, TIM3_(SR)) & 2, 0);
    wait_us(b, 60);
    assert_int_equal(load(b, TIM3_(SR)) & 2, 2); // at 80, still
    store(b, TIM3_(SR), 0);
    wait_us(b, 15 + 9);
    assert_int_equal(load(b, TIM3_(SR)) & 2, 0);
    wait_us(b, 1);
    assert_int_equal(load(b, TIM3_(SR)) & 2, 2); // at 10 of the next period
}

static void down_and_center_counting_turn_where_the_manual_says(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 9);
    store(b, TIM3_(CR1), 1u << 4);
    store(b, TIM3_(EGR), 1);
    assert_int_equal(load(b, TIM3_(CNT)), 9);
    store(b, TIM3_(SR), 0);
    store(b, TIM3_(CR1), 1u << 4 | 1);
    wait_us(b, 9);
    assert_int_equal(load(b, TIM3_(CNT)), 0);
    assert_int_equal(load(b, TIM3_(SR)) & 1, 0);
    wait_us(b, 1);
    assert_int_equal(load(b, TIM3_(CNT)), 9);
    assert_int_equal(load(b, TIM3_(SR)) & 1, 1);

    store(b, TIM3_(CR1), 3u << 5); // center-aligned, off
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(SR), 0);
    store(b, TIM3_(CR1), 3u << 5 | 1);
    wait_us(b, 8);
    assert_int_equal(load(b, TIM3_(CNT)), 8);
    wait_us(b, 1);
    assert_int_equal(load(b, TIM3_(SR)) & 1, 1); // ARR reached: the overflow
    wait_us(b, 3);
    assert_int_equal(load(b, TIM3_(CNT)), 6);
    assert_true(load(b, TIM3_(CR1)) & 1u << 4); // on its way down
    store(b, TIM3_(SR), 0);
    wait_us(b, 6);
    assert_int_equal(load(b, TIM3_(CNT)), 0);
    assert_int_equal(load(b, TIM3_(SR)) & 1, 1);
}

static void the_repetition_counter_of_tim1_spares_updates(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM1_(PSC), 15);
    store(b, TIM1_(ARR), 9);
    store(b, TIM1_(RCR), 3);
    store(b, TIM1_(EGR), 1);
    store(b, TIM1_(SR), 0);
    store(b, TIM1_(DIER), 1);
    store(b, TIM1_(CR1), 1);
    wait_us(b, 39);
    assert_false(fake_irq(b->cpu, 25));
    wait_us(b, 1);
    assert_true(fake_irq(b->cpu, 25));
    store(b, TIM1_(SR), 0);
    wait_us(b, 10 * 4 * 1000 + 39); // long after: still every fourth
    store(b, TIM1_(SR), 0);
    assert_false(fake_irq(b->cpu, 25));
    wait_us(b, 1);
    assert_true(fake_irq(b->cpu, 25));
}

static void a_divided_apb_gives_its_timers_twice_its_clock(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, CFGR, 5u << 10); // PPRE1 /4: PCLK1 4 MHz, timers 8 MHz; PCLK2 16 MHz, timers 16 MHz
    store(b, TIM3_(CR1), 1);
    store(b, TIM9_(CR1), 1);
    wait_us(b, 100);
    assert_int_equal(load(b, TIM3_(CNT)), 800);
    assert_int_equal(load(b, TIM9_(CNT)), 1600);
    store(b, CFGR, 0); // in the middle of counting
    wait_us(b, 100);
    assert_int_equal(load(b, TIM3_(CNT)), 800 + 1600);
}

static void a_timer_without_its_clock_stands_still(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM3_(CR1), 1);
    wait_us(b, 10);
    store(b, APB1ENR, 0);
    wait_us(b, 1000);
    store(b, APB1ENR, 0x1FF);
    assert_int_equal(load(b, TIM3_(CNT)), 160);
}

static void tim9_and_tim1_share_an_interrupt(void **state) {
    struct bench *b = *state;

    enable_timers(b);
    store(b, TIM1_(DIER), 1u << 7);
    store(b, TIM9_(DIER), 1);
    store(b, TIM9_(EGR), 1);
    store(b, TIM1_(EGR), 1u << 7);
    assert_true(fake_irq(b->cpu, 24));
    store(b, TIM9_(SR), 0);
    assert_true(fake_irq(b->cpu, 24)); // TIM1's break still is
    store(b, TIM1_(SR), 0);
    assert_false(fake_irq(b->cpu, 24));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_free_running_tim2_counts_microseconds_in_32_bits),
        TEST(a_prescaler_written_while_counting_waits_for_the_update),
        TEST(the_update_interrupt_comes_every_period_and_status_is_cleared_by_zero),
        TEST(one_pulse_stops_at_its_update),
        TEST(compare_flags_rise_where_the_counter_meets_them),
        TEST(a_preloaded_compare_value_waits_for_the_update),
        TEST(down_and_center_counting_turn_where_the_manual_says),
        TEST(the_repetition_counter_of_tim1_spares_updates),
        TEST(a_divided_apb_gives_its_timers_twice_its_clock),
        TEST(a_timer_without_its_clock_stands_still),
        TEST(tim9_and_tim1_share_an_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
