// SPDX-License-Identifier: MIT
//
// DMA as drivers let peripherals ask for it: HAL_ADC_Start_DMA in its three manners, HAL_SPI_TransmitReceive_DMA,
// samples to a DAC at a timer's pace, duty cycles to a timer at its own (WS2812), bursts through DMAR.

#include "tests/unit/chip_bench.h"

#define APB1RSTR RCC_(0x20)
#define AHB1ENR  RCC_(0x30)
#define APB1ENR  RCC_(0x40)
#define APB2ENR  RCC_(0x44)
#define DMA1_(o) (0x40026000u + (o))
#define DMA2_(o) (0x40026400u + (o))
#define S(n)     (0x10u + 0x18u * (n))
#define NDTR     0x04
#define PAR      0x08
#define M0AR     0x0C
#define ADC1_(o) (0x40012000u + (o))
#define DAC_(o)  (0x40007400u + (o))
#define SPI1_(o) (0x40013000u + (o))
#define TIM3_(o) (0x40000400u + (o))
#define TIM6_(o) (0x40001000u + (o))
#define TIM4_(o) (0x40000800u + (o))
#define CR1      0x00
#define CR2      0x04
#define DIER     0x0C
#define SR       0x10
#define EGR      0x14
#define PSC      0x28
#define ARR      0x2C
#define CCR1     0x34
#define DCR      0x48
#define DMAR     0x4C
#define BUFFER   0x20001000u
#define TO_P     (1u << 6)
#define CIRC     (1u << 8)
#define MINC     (1u << 10)
#define HALVES   (1u << 11 | 1u << 13)
#define TCIF     (1u << 5)
#define OVR      (1u << 5)
#define ADON     1u
#define CONT     2u
#define ADC_DMA  (1u << 8)
#define DDS      (1u << 9)
#define SWSTART  (1u << 30)

static void prepare(struct bench *b) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 3u << 21 | 0xF);
    store(b, APB1ENR, load(b, APB1ENR) | 0x1FF | 1u << 29);
    store(b, APB2ENR, load(b, APB2ENR) | 1u << 8 | 1u << 12);
    for (uint32_t i = 0; i < 16; i++) {
        store(b, BUFFER + 4 * i, 0xEEEEEEEE);
    }
}

static void open_stream(struct bench *b, uint32_t stream, uint32_t from, uint32_t count,
                        uint32_t cr) {
    store(b, stream + PAR, from);
    store(b, stream + M0AR, BUFFER);
    store(b, stream + NDTR, count);
    store(b, stream, cr | MINC | 1);
}

static unsigned half(struct bench *b, unsigned i) {
    return load(b, BUFFER + 4 * (i / 2)) >> (16 * (i % 2)) & 0xFFFF;
}

// PA1 high and PA2 low, in turn.
static void scan_two(struct bench *b, uint32_t cr2) {
    prepare(b);
    assert_true(chip_set_pin(b->chip, "PA1", 1));
    store(b, ADC1_(0x04), 1u << 8);
    store(b, ADC1_(0x2C), 1u << 20);
    store(b, ADC1_(0x34), 1 | 2u << 5);
    store(b, ADC1_(0x08), ADON | cr2);
}

static void a_scan_fills_its_buffer_and_asks_no_more(void **state) {
    struct bench *b = *state;

    scan_two(b, CONT | ADC_DMA);
    open_stream(b, DMA2_(S(0)), ADC1_(0x4C), 4, HALVES);
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA | SWSTART);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(0)) & TCIF, TCIF);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(half(b, i), i % 2 ? 0 : 4095);
    }
    assert_int_equal(half(b, 4), 0xEEEE);
    // It converts on, and neither asks nor overruns, until DMA is written 0 and 1 (13.8.1).
    store(b, DMA2_(0x08), 0x3D);
    open_stream(b, DMA2_(S(0)), ADC1_(0x4C), 4, HALVES);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 4);
    assert_int_equal(load(b, ADC1_(0)) & OVR, 0);
    store(b, ADC1_(0x08), ADON | CONT);
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 0);
    assert_int_equal(trace_complaints(&b->trace, "dma-request"), 0);
}

static void with_dds_a_circular_buffer_goes_on(void **state) {
    struct bench *b = *state;

    scan_two(b, CONT | ADC_DMA | DDS);
    open_stream(b, DMA2_(S(4)), ADC1_(0x4C), 2, HALVES | CIRC);
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA | DDS | SWSTART);
    for (int i = 0; i < 3; i++) {
        run_for(b, 20 * PS_PER_US);
        assert_int_equal(load(b, DMA2_(4)) & TCIF, TCIF); // stream 4 is HISR's first
        store(b, DMA2_(0x0C), 0x3D);
    }
    assert_int_equal(load(b, ADC1_(0)) & OVR, 0);
}

static void a_value_that_nobody_fetches_is_an_overrun_and_ends_the_conversions(void **state) {
    struct bench *b = *state;

    scan_two(b, CONT | ADC_DMA | DDS);
    store(b, ADC1_(0x04), 1u << 8 | 1u << 26); // OVRIE
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA | DDS | SWSTART);
    run_for(b, 5 * PS_PER_US); // two conversions, no stream
    assert_int_equal(load(b, ADC1_(0)) & OVR, OVR);
    assert_true(fake_irq(b->cpu, 18));
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA | DDS | SWSTART); // ignored while OVR is up
    open_stream(b, DMA2_(S(0)), ADC1_(0x4C), 2, HALVES);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 2);
    store(b, ADC1_(0), 0);
    store(b, ADC1_(0x08), ADON | CONT | ADC_DMA | DDS | SWSTART);
    run_for(b, 20 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 0);
}

static void a_timer_paces_conversions(void **state) {
    struct bench *b = *state;

    prepare(b);
    assert_true(chip_set_pin(b->chip, "PA1", 1));
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 99);      // 100 us
    store(b, TIM3_(EGR), 1);       // a trigger too, for whoever listens already
    store(b, TIM3_(CR2), 2u << 4); // MMS: update
    store(b, ADC1_(0x34), 1);
    store(b, ADC1_(0x08), ADON | ADC_DMA | DDS | 8u << 24 | 1u << 28); // TIM3_TRGO, rising
    open_stream(b, DMA2_(S(0)), ADC1_(0x4C), 8, HALVES);
    store(b, TIM3_(CR1), 1);
    run_for(b, 350 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 5);
    run_for(b, 500 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(0) + NDTR)), 0);
    assert_int_equal(half(b, 7), 4095);
}

static void spi_sends_and_receives_a_buffer(void **state) {
    struct bench *b = *state;

    prepare(b);
    store(b, GPIO_('A', 0x20), 0x55500000);
    store(b, GPIO_('A', 0x00), 0xA800A800);
    assert_true(chip_set_pin(b->chip, "PA6", 1)); // MISO
    open_stream(b, DMA2_(S(0)), SPI1_(0xC), 5, 3u << 25);
    open_stream(b, DMA2_(S(3)), SPI1_(0xC), 5, 3u << 25 | TO_P);
    store(b, SPI1_(4), 3);                                               // TXDMAEN, RXDMAEN
    store(b, SPI1_(0), 1u << 9 | 1u << 8 | 1u << 6 | 2u << 3 | 1u << 2); // 4 us a byte
    run_for(b, 18 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(S(3) + NDTR)), 0);
    assert_int_not_equal(load(b, DMA2_(S(0) + NDTR)), 0);
    run_for(b, 5 * PS_PER_US);
    assert_int_equal(load(b, DMA2_(0)) & TCIF, TCIF);
    assert_int_equal(load(b, BUFFER), 0xFFFFFFFF);
    assert_int_equal(load(b, BUFFER + 4), 0xEEEEEEFF);
    assert_int_equal(load(b, SPI1_(8)), 2); // TXE alone: no overrun
}

static void a_timer_asks_at_its_updates_and_takes_duty_cycles(void **state) {
    struct bench *b = *state;

    prepare(b);
    store(b, BUFFER, 20u << 16 | 10);
    store(b, BUFFER + 4, 40u << 16 | 30);
    open_stream(b, DMA1_(S(2)), TIM3_(CCR1), 4, 5u << 25 | TO_P | HALVES); // TIM3_UP
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 99);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(DIER), 1u << 8); // UDE
    store(b, TIM3_(CR1), 1);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_int_equal(load(b, DMA1_(S(2) + NDTR)), 5 - i);
        run_for(b, 101 * PS_PER_US);
        assert_int_equal(load(b, TIM3_(CCR1)), 10 * i);
    }
    assert_int_equal(load(b, DMA1_(0)) >> 16 & TCIF, TCIF);
    assert_int_equal(trace_complaints(&b->trace, "timer-mode"), 0);
}

static void a_burst_reaches_four_registers_at_one_update(void **state) {
    struct bench *b = *state;

    prepare(b);
    for (uint32_t i = 0; i < 8; i++) {
        store(b, BUFFER + 4 * i, 11 * (i + 1));
    }
    open_stream(b, DMA1_(S(2)), TIM3_(DMAR), 8, 5u << 25 | TO_P | 2u << 11 | 2u << 13);
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 99);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(DCR), 3u << 8 | 0x34 / 4); // four, from CCR1
    store(b, TIM3_(DIER), 1u << 8);
    store(b, TIM3_(CR1), 1);
    run_for(b, 110 * PS_PER_US);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(load(b, TIM3_(CCR1 + 4 * i)), 11 * (i + 1));
    }
    assert_int_equal(load(b, DMA1_(S(2) + NDTR)), 4);
    run_for(b, 100 * PS_PER_US);
    assert_int_equal(load(b, TIM3_(CCR1 + 12)), 88);
}

static void the_dac_takes_samples_at_a_timers_pace_and_tells_of_none(void **state) {
    struct bench *b = *state;

    prepare(b);
    store(b, BUFFER, 0x02000100);
    open_stream(b, DMA1_(S(5)), DAC_(0x08), 2, 7u << 25 | TO_P | HALVES);
    store(b, TIM6_(PSC), 15);
    store(b, TIM6_(ARR), 9);
    store(b, TIM6_(EGR), 1);
    store(b, TIM6_(CR2), 2u << 4);
    store(b, DAC_(0), 1u << 13 | 1u << 12 | 1u << 2 | 1); // DMAUDRIE, DMAEN, TIM6_TRGO, TEN, EN
    store(b, TIM6_(CR1), 1);
    run_for(b,
            25 * PS_PER_US); // the first sample comes with the first trigger, out with the second
    assert_int_equal(load(b, DAC_(0x2C)), 0x100);
    run_for(b, 10 * PS_PER_US);
    assert_int_equal(load(b, DAC_(0x2C)), 0x200);
    assert_false(fake_irq(b->cpu, 54));
    run_for(b, 20 * PS_PER_US); // no more samples
    assert_int_equal(load(b, DAC_(0x34)), 1u << 13);
    assert_true(fake_irq(b->cpu, 54)); // shared with TIM6
    store(b, DAC_(0x34), 1u << 13);
    assert_false(fake_irq(b->cpu, 54));
    run_for(b, 20 * PS_PER_US);
    assert_true(fake_irq(b->cpu, 54));
    store(b, APB1RSTR, 1u << 29);
    store(b, APB1RSTR, 0);
    assert_false(fake_irq(b->cpu, 54));
}

#define USART2_(o) (0x40004400u + (o))

// RM0383 table 27: the F411 has USART2's receiver there, too. One wire, so that it hears itself.
static void the_f411_receives_at_a_place_of_its_own(void **state) {
    struct bench *b;
    void *other;
    (void)state;

    bench_set_up_of(&other, &chip_models[STM32F411CE], 8000000);
    b = other;
    store(b, AHB1ENR, 1u << 21 | 1);
    store(b, APB1ENR, 1u << 17);
    store(b, GPIO_('A', 0x20), 7u << 8);
    store(b, GPIO_('A', 0x00), load(b, GPIO_('A', 0x00)) | 2u << 4);
    open_stream(b, DMA1_(S(7)), USART2_(4), 1, 6u << 25);
    store(b, USART2_(0x08), 139);
    store(b, USART2_(0x14), 1u << 6 | 1u << 3);            // DMAR, HDSEL
    store(b, USART2_(0x0C), 1u << 13 | 1u << 3 | 1u << 2); // UE, TE, RE
    run_for(b, 200 * PS_PER_US);
    store(b, USART2_(4), 'x');
    run_for(b, 200 * PS_PER_US);
    assert_int_equal(load(b, BUFFER) & 0xFF, 'x');
    assert_int_equal(load(b, DMA1_(S(7) + NDTR)), 0);
    assert_int_equal(trace_complaints(&b->trace, "dma-request"), 0);
    bench_tear_down(&other);
}

static void a_peripheral_that_is_not_modelled_is_told(void **state) {
    struct bench *b = *state;

    prepare(b);
    open_stream(b, DMA2_(S(1)), 0x50050028, 4, 1u << 25); // DCMI
    assert_int_equal(trace_complaints(&b->trace, "dma-request"), 1);
}

static void a_timer_starts_another_and_counts_for_it(void **state) {
    struct bench *b = *state;

    prepare(b);
    // TIM4 counts TIM3's updates: ITR2, external clock mode 1 (RM0090 18.3.15).
    store(b, TIM3_(PSC), 15);
    store(b, TIM3_(ARR), 9);
    store(b, TIM3_(EGR), 1);
    store(b, TIM3_(CR2), 2u << 4);
    store(b, TIM4_(0x08), 2u << 4 | 7);
    store(b, TIM4_(CR1), 1);
    store(b, TIM3_(CR1), 1);
    run_for(b, 55 * PS_PER_US);
    assert_int_equal(load(b, TIM4_(0x24)), 5);
    assert_true(load(b, TIM4_(SR)) & 1u << 6);
    // In trigger mode it starts with TIM3's enable.
    store(b, TIM3_(CR1), 0);
    store(b, TIM4_(CR1), 0);
    store(b, TIM4_(0x08), 2u << 4 | 6);
    store(b, TIM4_(PSC), 15);
    store(b, TIM4_(EGR), 1);
    store(b, TIM3_(CR2), 1u << 4);
    run_for(b, 5 * PS_PER_US);
    assert_int_equal(load(b, TIM4_(0x24)), 0);
    store(b, TIM3_(CR1), 1);
    run_for(b, 7 * PS_PER_US);
    assert_int_equal(load(b, TIM4_(0x24)), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_scan_fills_its_buffer_and_asks_no_more),
        TEST(with_dds_a_circular_buffer_goes_on),
        TEST(a_value_that_nobody_fetches_is_an_overrun_and_ends_the_conversions),
        TEST(a_timer_paces_conversions),
        TEST(spi_sends_and_receives_a_buffer),
        TEST(a_timer_asks_at_its_updates_and_takes_duty_cycles),
        TEST(a_burst_reaches_four_registers_at_one_update),
        TEST(the_dac_takes_samples_at_a_timers_pace_and_tells_of_none),
        cmocka_unit_test(the_f411_receives_at_a_place_of_its_own),
        TEST(a_peripheral_that_is_not_modelled_is_told),
        TEST(a_timer_starts_another_and_counts_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
