// SPDX-License-Identifier: MIT
//
// USARTs as drivers use them: a polled console (libopencm3's usart_send_blocking), interrupts and
// DMA as ST's HAL sets them up, a receiver that overruns and one that goes idle.

#include "tests/unit/chip_bench.h"

#define AHB1ENR    RCC_(0x30)
#define APB1ENR    RCC_(0x40)
#define APB2ENR    RCC_(0x44)
#define USART2_(o) (0x40004400u + (o))
#define USART1_(o) (0x40011000u + (o))
#define SR         0x00
#define DR         0x04
#define BRR        0x08
#define CR1        0x0C
#define CR3        0x14
#define DMA1_(o)   (0x40026000u + (o))
#define DMA2_(o)   (0x40026400u + (o))
#define STREAM(n)  (0x10u + 0x18u * (n))

#define ORE        (1u << 3)
#define IDLE       (1u << 4)
#define RXNE       (1u << 5)
#define TC         (1u << 6)
#define TXE        (1u << 7)
#define UE_TE_RE   0x200Cu
#define BIT_PS     (139 * PS_PER_S / 16000000) // BRR 139 at 16 MHz: 115107 baud
#define FRAME_PS   (10 * BIT_PS)
#define USART2_IRQ 38u

struct line {
    char sent[64];
    size_t sent_len;
    const char *coming;
};

static void take(void *ctx, uint8_t byte) {
    struct line *line = ctx;
    assert_true(line->sent_len < sizeof(line->sent) - 1);
    line->sent[line->sent_len++] = (char)byte;
}

static bool give(void *ctx, uint8_t *byte) {
    struct line *line = ctx;
    if (!line->coming || !*line->coming) {
        return false;
    }
    *byte = (uint8_t)*line->coming++;
    return true;
}

static void connect(struct bench *b, const char *name, struct line *line) {
    assert_true(chip_connect_uart(b->chip, name, &(struct chip_uart_line){line, take, give}));
}

// PA2 and PA3 in alternate function 7, 115200 8N1 from 16 MHz.
static void open_usart2(struct bench *b) {
    store(b, AHB1ENR, load(b, AHB1ENR) | 1);
    store(b, APB1ENR, 1u << 17);
    store(b, GPIO_('A', 0x20), 0x7700);
    store(b, GPIO_('A', 0x00), 0xA80000A0);
    store(b, USART2_(BRR), 139);
    store(b, USART2_(CR1), UE_TE_RE);
    run_for(b, FRAME_PS + PS_PER_US); // the idle frame that TE asks for
}

static void a_polled_console_sends_at_the_rate_of_brr(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = NULL};
    uint64_t began;

    connect(b, "usart2", &line);
    open_usart2(b);
    assert_int_equal(load(b, USART2_(SR)), TXE | TC);
    began = timeline_now(&b->timeline);
    for (const char *c = "redfu"; *c; c++) {
        while (!(load(b, USART2_(SR)) & TXE)) {
            run_for(b, PS_PER_US);
        }
        store(b, USART2_(DR), (uint8_t)*c);
    }
    while (!(load(b, USART2_(SR)) & TC)) {
        run_for(b, PS_PER_US);
    }
    uint64_t took = timeline_now(&b->timeline) - began;
    assert_string_equal(line.sent, "redfu");
    assert_in_range(took, 5 * FRAME_PS, 5 * FRAME_PS + PS_PER_US);
    assert_true(bench_traced(b, "uart USART2 baud=115107 bits=8 parity=none"));
}

static void a_byte_written_too_soon_waits_in_the_data_register(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = NULL};

    connect(b, "USART2", &line);
    open_usart2(b);
    assert_int_equal(load(b, USART2_(SR)), TXE | TC);
    store(b, USART2_(DR), 'a');
    assert_int_equal(load(b, USART2_(SR)), TXE); // 'a' is in the shift register
    store(b, USART2_(DR), 'b');
    assert_int_equal(load(b, USART2_(SR)), 0);
    run_for(b, FRAME_PS + PS_PER_US);
    assert_int_equal(load(b, USART2_(SR)), TXE);
    run_for(b, FRAME_PS);
    assert_int_equal(load(b, USART2_(SR)), TXE | TC);
    assert_string_equal(line.sent, "ab");
}

static void without_its_pin_in_the_alternate_function_nothing_leaves(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = NULL};

    connect(b, "USART2", &line);
    open_usart2(b);
    store(b, GPIO_('A', 0x20), 0x1100); // TIM2
    store(b, USART2_(DR), 'x');
    run_for(b, 2 * FRAME_PS);
    assert_int_equal(line.sent_len, 0);
    assert_int_equal(trace_complaints(&b->trace, "usart-pin"), 1);
}

static void each_byte_raises_rxne_and_its_interrupt_and_silence_raises_idle(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = "ok"};

    connect(b, "USART2", &line);
    open_usart2(b); // and 'o' comes during the idle frame of the transmitter
    store(b, USART2_(CR1), UE_TE_RE | 1u << 5 | 1u << 4);
    assert_true(fake_irq(b->cpu, USART2_IRQ));
    assert_true(load(b, USART2_(SR)) & RXNE);
    assert_int_equal(load(b, USART2_(DR)), 'o');
    assert_false(fake_irq(b->cpu, USART2_IRQ));
    run_for(b, FRAME_PS);
    assert_true(fake_irq(b->cpu, USART2_IRQ));
    assert_int_equal(load(b, USART2_(DR)), 'k');
    assert_false(load(b, USART2_(SR)) & IDLE);
    run_for(b, FRAME_PS);
    assert_true(load(b, USART2_(SR)) & IDLE);
    assert_true(fake_irq(b->cpu, USART2_IRQ));
    (void)load(b, USART2_(DR)); // after SR: clears it
    assert_false(load(b, USART2_(SR)) & IDLE);
    assert_false(fake_irq(b->cpu, USART2_IRQ));
}

static void an_unread_byte_makes_an_overrun_and_stays(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = "123"};

    connect(b, "USART2", &line);
    open_usart2(b);
    run_for(b, 3 * FRAME_PS);
    assert_true(load(b, USART2_(SR)) & ORE);
    assert_int_equal(load(b, USART2_(DR)), '1');
    assert_false(load(b, USART2_(SR)) & (ORE | RXNE));
}

static void dma_sends_a_buffer_and_then_says_so(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = NULL};
    static const uint8_t text[] = "by dma";

    connect(b, "USART2", &line);
    open_usart2(b);
    store(b, AHB1ENR, load(b, AHB1ENR) | 1u << 21);
    assert_true(chip_poke(b->chip, 0x20000101, text, 6));
    store(b, DMA1_(STREAM(6) + 0x04), 6);
    store(b, DMA1_(STREAM(6) + 0x08), USART2_(DR));
    store(b, DMA1_(STREAM(6) + 0x0C), 0x20000101);
    store(b, DMA1_(STREAM(6)), 4u << 25 | 1u << 10 | 1u << 6 | 1u << 4 | 1); // CHSEL MINC DIR TCIE
    store(b, USART2_(SR), ~TC);
    assert_int_equal(line.sent_len, 0);
    store(b, USART2_(CR3), 1u << 7);
    run_for(b, 4 * FRAME_PS);
    assert_false(fake_irq(b->cpu, 17));
    run_for(b, 2 * FRAME_PS);
    assert_true(fake_irq(b->cpu, 17)); // DMA1_Stream6, the last byte still on the line
    assert_int_equal(load(b, DMA1_(0x04)), 1u << 21 | 1u << 20);
    assert_int_equal(load(b, DMA1_(STREAM(6))) & 1, 0);
    assert_int_equal(load(b, DMA1_(STREAM(6) + 0x04)), 0);
    run_for(b, FRAME_PS);
    assert_true(load(b, USART2_(SR)) & TC);
    assert_string_equal(line.sent, "by dma");
    store(b, DMA1_(0x0C), 0x3Fu << 16);
    assert_false(fake_irq(b->cpu, 17));
}

static void circular_dma_receives_for_ever(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = "abcdefghij"};
    uint32_t words[2];

    connect(b, "USART2", &line);
    store(b, AHB1ENR, load(b, AHB1ENR) | 1u << 21);
    store(b, DMA1_(STREAM(5) + 0x04), 4);
    store(b, DMA1_(STREAM(5) + 0x08), USART2_(DR));
    store(b, DMA1_(STREAM(5) + 0x0C), 0x20000200);
    store(b, DMA1_(STREAM(5)), 4u << 25 | 1u << 10 | 1u << 8 | 1); // CHSEL MINC CIRC EN
    store(b, APB1ENR, 1u << 17);
    store(b, USART2_(CR3), 1u << 6);
    open_usart2(b);
    run_for(b, 11 * FRAME_PS);
    words[0] = load(b, 0x20000200);
    words[1] = 0;
    assert_memory_equal(words, "ijgh", 4);
    assert_int_equal(load(b, DMA1_(STREAM(5) + 0x04)), 2);
    assert_int_equal(load(b, DMA1_(STREAM(5))) & 1, 1);
    assert_false(load(b, USART2_(SR)) & ORE);
}

static void a_sub_word_store_reaches_an_apb_register_and_an_unclocked_one_is_lost(void **state) {
    struct bench *b = *state;
    uint32_t value;

    store(b, USART2_(BRR), 139);
    assert_int_equal(load(b, USART2_(BRR)), 0);
    assert_int_equal(trace_complaints(&b->trace, "unclocked-peripheral"), 1);
    store(b, APB1ENR, 1u << 17);
    assert_int_equal(load(b, USART2_(BRR)), 0);
    assert_true(fake_store(b->cpu, USART2_(BRR), 2, 0x222));
    assert_true(fake_load(b->cpu, USART2_(BRR) + 1, 1, &value));
    assert_int_equal(value, 2);
}

static void modes_that_are_not_there_are_told(void **state) {
    struct bench *b = *state;
    struct line line = {.coming = NULL};

    connect(b, "USART2", &line);
    open_usart2(b);
    store(b, USART2_(CR3), 3u << 8); // RTSE, CTSE
    store(b, USART2_(CR3), 3u << 8);
    assert_int_equal(trace_complaints(&b->trace, "usart-mode"), 1);
    store(b, USART2_(0x10), 1u << 11); // CR2.CLKEN
    assert_int_equal(trace_complaints(&b->trace, "usart-mode"), 2);
}

static void the_names_are_the_manuals(void **state) {
    struct bench *b = *state;
    assert_string_equal(chip_uart_name(&chip_models[STM32F407VG], "uart4"), "UART4");
    assert_string_equal(chip_uart_name(&chip_models[STM32F407VG], "usart6"), "USART6");
    assert_null(chip_uart_name(&chip_models[STM32F407VG], "usart4"));
    assert_false(chip_connect_uart(b->chip, "lpuart1", NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_polled_console_sends_at_the_rate_of_brr),
        TEST(a_byte_written_too_soon_waits_in_the_data_register),
        TEST(without_its_pin_in_the_alternate_function_nothing_leaves),
        TEST(each_byte_raises_rxne_and_its_interrupt_and_silence_raises_idle),
        TEST(an_unread_byte_makes_an_overrun_and_stays),
        TEST(dma_sends_a_buffer_and_then_says_so),
        TEST(circular_dma_receives_for_ever),
        TEST(a_sub_word_store_reaches_an_apb_register_and_an_unclocked_one_is_lost),
        TEST(modes_that_are_not_there_are_told),
        TEST(the_names_are_the_manuals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
