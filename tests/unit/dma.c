// SPDX-License-Identifier: MIT
//
// DMA from memory to memory as ST's HAL uses it (HAL_DMA_Start, HAL_DMA_PollForTransfer), errors, and
// the random number generator, which firmware reads the same polled way.

#include "tests/unit/chip_bench.h"

#define AHB1ENR  RCC_(0x30)
#define AHB2ENR  RCC_(0x34)
#define PLLCFGR  RCC_(0x04)
#define RCC_CR   RCC_(0x00)
#define DMA2_(o) (0x40026400u + (o))
#define DMA1_(o) (0x40026000u + (o))
#define S(n, o)  (0x10u + 0x18u * (n) + (o))
#define LISR     0x00
#define LIFCR    0x08
#define CR       0x00
#define NDTR     0x04
#define PAR      0x08
#define M0AR     0x0C
#define M1AR     0x10
#define FCR      0x14
#define EN       1u
#define M2M      (2u << 6)
#define PINC     (1u << 9)
#define MINC     (1u << 10)
#define TCIE     (1u << 4)
#define FEIF     1u
#define TEIF     (1u << 3)
#define HTIF     (1u << 4)
#define TCIF     (1u << 5)
#define FROM     0x20000100u
#define TO       0x20001000u
#define RNG_(o)  (0x50060800u + (o))

static void prepare(struct bench *b, uint32_t count) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 3u << 21);
    for (uint32_t i = 0; i < 64; i++) {
        store(b, FROM + 4 * i, 0x01010101u * i ^ 0xA5000000u);
    }
    store(b, DMA2_(S(0, PAR)), FROM);
    store(b, DMA2_(S(0, M0AR)), TO);
    store(b, DMA2_(S(0, NDTR)), count);
}

static void words_go_from_memory_to_memory(void **state) {
    struct bench *b = *state;

    prepare(b, 64);
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13 | TCIE | EN);
    assert_int_equal(load(b, DMA2_(S(0, CR))) & EN, EN);
    assert_int_equal(load(b, DMA2_(S(0, FCR))) & 4, 4); // direct mode is switched off
    run_for(b, 13 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(LISR)), HTIF);
    assert_false(fake_irq(b->cpu, 56));
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(LISR)), HTIF | TCIF);
    assert_true(fake_irq(b->cpu, 56));
    assert_int_equal(load(b, DMA2_(S(0, CR))) & EN, 0);
    assert_int_equal(load(b, DMA2_(S(0, NDTR))), 0);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(load(b, TO + 4 * i), 0x01010101u * i ^ 0xA5000000u);
    }
    store(b, DMA2_(LIFCR), 0x3D);
    assert_int_equal(load(b, DMA2_(LISR)), 0);
    assert_false(fake_irq(b->cpu, 56));
}

static void bytes_are_packed_into_words(void **state) {
    struct bench *b = *state;

    prepare(b, 7); // and three odd ones at the end
    store(b, TO + 4, 0);
    store(b, DMA2_(S(0, FCR)), 7);
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 0u << 11 | 2u << 13 | EN);
    run_for(b, 10 * PS_PER_US);
    assert_int_equal(load(b, TO), load(b, FROM));
    assert_int_equal(load(b, TO + 4), load(b, FROM + 4) & 0xFFFFFF);
}

static void dma1_does_not_go_from_memory_to_memory(void **state) {
    struct bench *b = *state;

    prepare(b, 4);
    store(b, DMA1_(S(0, NDTR)), 4);
    store(b, DMA1_(S(0, CR)), M2M | EN);
    assert_int_equal(load(b, DMA1_(S(0, CR))) & EN, 0);
    assert_int_equal(trace_complaints(&b->trace, "dma-configuration"), 1);
}

static void memory_out_of_reach_is_a_transfer_error(void **state) {
    struct bench *b = *state;

    prepare(b, 4);
    store(b, DMA2_(S(0, M0AR)), 0x10000000); // CCM
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13 | 1u << 2 | EN);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(LISR)) & (TEIF | TCIF), TEIF);
    assert_int_equal(load(b, DMA2_(S(0, CR))) & EN, 0);
    assert_true(fake_irq(b->cpu, 56));
}

static void a_burst_that_does_not_fit_the_threshold_is_a_fifo_error(void **state) {
    struct bench *b = *state;

    prepare(b, 16);
    store(b, DMA2_(S(0, FCR)), 4 | 1); // half full: 8 bytes
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13 | 1u << 23 | EN); // 4 words
    assert_int_equal(load(b, DMA2_(LISR)), FEIF);
    assert_int_equal(load(b, DMA2_(S(0, CR))) & EN, 0);
    store(b, DMA2_(LIFCR), 0x3D);
    store(b, DMA2_(S(0, FCR)), 4 | 3);
    store(b, DMA2_(S(0, CR)), load(b, DMA2_(S(0, CR))) | EN);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(LISR)) & TCIF, TCIF);
}

static void switched_off_in_the_middle_it_says_how_much_is_left(void **state) {
    struct bench *b = *state;

    prepare(b, 64);
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13 | EN);
    run_for(b, 5 * PS_PER_US);
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13);
    uint32_t left = load(b, DMA2_(S(0, NDTR)));
    assert_in_range(left, 1, 63);
    assert_int_equal(load(b, DMA2_(LISR)) & TCIF, TCIF);
    run_for(b, 100 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0, NDTR))), left);
    assert_int_equal(load(b, TO + 4 * (63 - left)), load(b, FROM + 4 * (63 - left)));
}

static void a_stream_that_is_on_cannot_be_set(void **state) {
    struct bench *b = *state;

    prepare(b, 64);
    store(b, DMA2_(S(0, CR)), M2M | PINC | MINC | 2u << 11 | 2u << 13 | EN);
    store(b, DMA2_(S(0, PAR)), 0x1234);
    store(b, DMA2_(S(0, NDTR)), 1);
    assert_int_equal(load(b, DMA2_(S(0, PAR))), FROM);
    assert_int_equal(load(b, DMA2_(S(0, NDTR))), 64);
}

static void rng_without_the_pll_is_a_clock_error(void **state) {
    struct bench *b = *state;

    store(b, AHB2ENR, 1u << 6);
    store(b, RNG_(0), 1u << 3 | 1u << 2);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, RNG_(4)), 1u << 5 | 1u << 1); // CEIS CECS, no DRDY
    assert_true(fake_irq(b->cpu, 80));
}

static uint32_t number(struct bench *b) {
    for (int i = 0; i < 100 && !(load(b, RNG_(4)) & 1); i++) {
        run_for(b, 10 * PS_PER_NS);
    }
    assert_int_equal(load(b, RNG_(4)), 1);
    return load(b, RNG_(8));
}

static void start_48_mhz(struct bench *b) {
    store(b, PLLCFGR, 0x04001808); // HSI 16 / 8 x 96 / 4 = 48 MHz
    store(b, RCC_CR, 0x01000083);
    run_for(b, PS_PER_MS);
    store(b, AHB2ENR, 1u << 6);
    store(b, RNG_(0), 1u << 2);
}

static void rng_gives_numbers_that_differ_and_repeat_with_the_run(void **state) {
    struct bench *b = *state;
    uint32_t first[4];

    start_48_mhz(b);
    for (int i = 0; i < 4; i++) {
        first[i] = number(b);
        assert_int_equal(load(b, RNG_(4)), 0); // taken: not ready for 40 periods of 48 MHz
        assert_true(i == 0 || first[i] != first[i - 1]);
    }
    void *other;
    bench_set_up(&other);
    start_48_mhz(other);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(number(other), first[i]);
    }
    chip_power_off(((struct bench *)other)->chip);
    chip_power_on(((struct bench *)other)->chip);
    start_48_mhz(other);
    assert_int_not_equal(number(other), first[0]); // another day
    bench_tear_down(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(words_go_from_memory_to_memory),
        TEST(bytes_are_packed_into_words),
        TEST(dma1_does_not_go_from_memory_to_memory),
        TEST(memory_out_of_reach_is_a_transfer_error),
        TEST(a_burst_that_does_not_fit_the_threshold_is_a_fifo_error),
        TEST(switched_off_in_the_middle_it_says_how_much_is_left),
        TEST(a_stream_that_is_on_cannot_be_set),
        TEST(rng_without_the_pll_is_a_clock_error),
        TEST(rng_gives_numbers_that_differ_and_repeat_with_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
