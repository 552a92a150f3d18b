// SPDX-License-Identifier: MIT
//
// SDIO without a card, the DAC's registers, and what is said of peripherals that are not there at all.

#include "tests/unit/chip_bench.h"

#define SDIO(off) (0x40012C00u + (off))
#define DAC(off)  (0x40007400u + (off))
#define STA       SDIO(0x34)
#define ICR       SDIO(0x38)
#define CTIMEOUT  (1u << 2)
#define DTIMEOUT  (1u << 3)
#define CMDSENT   (1u << 7)
#define CMDACT    (1u << 11)
#define CPSMEN    (1u << 10)
#define SHORT     (1u << 6)
#define SDIO_IRQ  49

// HSE 8 MHz, PLL with 48 MHz at Q; SDIO powered at 48 / 120 = 400 kHz.
static void start_sdio(struct bench *b) {
    store(b, RCC_(0), 0x00010083);
    run_for(b, 3 * PS_PER_MS);
    store(b, RCC_(4), 0x07405408);
    store(b, RCC_(0), 0x01010083);
    run_for(b, PS_PER_MS);
    store(b, RCC_(0x44), 1u << 11);
    store(b, SDIO(0), 3);
    store(b, SDIO(4), 118 | 1u << 8);
}

static void a_command_without_a_response_is_sent(void **state) {
    struct bench *b = *state;
    start_sdio(b);
    store(b, SDIO(0xC), CPSMEN); // CMD0: 48 clocks, 120 us
    run_for(b, 119 * PS_PER_US);
    assert_int_equal(load(b, STA), CMDACT);
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, STA), CMDSENT);
    store(b, ICR, 0xFFFFFFFF);
    assert_int_equal(load(b, STA), 0);
}

static void a_command_with_a_response_times_out_after_64_clocks(void **state) {
    struct bench *b = *state;
    start_sdio(b);
    store(b, SDIO(0x3C), CTIMEOUT);
    store(b, SDIO(0xC), CPSMEN | SHORT | 8); // CMD8: 112 clocks, 280 us
    run_for(b, 279 * PS_PER_US);
    assert_int_equal(load(b, STA), CMDACT);
    assert_false(fake_irq(b->cpu, SDIO_IRQ));
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, STA), CTIMEOUT);
    assert_true(fake_irq(b->cpu, SDIO_IRQ));
    store(b, ICR, CTIMEOUT);
    assert_false(fake_irq(b->cpu, SDIO_IRQ));
    assert_int_equal(load(b, SDIO(0x14)), 0);
}

static void data_time_out_after_dtimer(void **state) {
    struct bench *b = *state;
    start_sdio(b);
    store(b, SDIO(0x24), 400); // 1 ms
    store(b, SDIO(0x28), 512);
    store(b, SDIO(0x2C), 0x93); // from the card, blocks of 512, on
    run_for(b, 999 * PS_PER_US);
    assert_int_equal(load(b, STA) & DTIMEOUT, 0);
    assert_true(load(b, STA) & 1u << 13); // RXACT
    run_for(b, 2 * PS_PER_US);
    assert_int_equal(load(b, STA), DTIMEOUT);
    assert_int_equal(load(b, SDIO(0x30)), 512);
    assert_int_equal(load(b, SDIO(0x80)), 0);
}

static void without_a_clock_it_is_a_complaint(void **state) {
    struct bench *b = *state;
    store(b, RCC_(0x44), 1u << 11);
    store(b, SDIO(0), 3);
    store(b, SDIO(4), 118 | 1u << 8);
    store(b, SDIO(0xC), CPSMEN); // no PLL
    run_for(b, PS_PER_S);
    assert_int_equal(load(b, STA), CMDACT);
    assert_int_equal(trace_complaints(&b->trace, "sdio-clock"), 1);
}

static void the_dac_holds_and_is_triggered(void **state) {
    struct bench *b = *state;
    store(b, RCC_(0x40), 1u << 29);
    store(b, DAC(0), 1);
    store(b, DAC(0x08), 0xABC);
    assert_int_equal(load(b, DAC(0x2C)), 0xABC);
    assert_int_equal(load(b, DAC(0x0C)), 0xABC0); // left
    assert_int_equal(load(b, DAC(0x10)), 0xAB);   // 8 bits
    store(b, DAC(0x24), 0x1230 | 0x4560u << 16);  // both, left
    assert_int_equal(load(b, DAC(0x2C)), 0x123);
    assert_int_equal(load(b, DAC(0x30)), 0x456);
    store(b, DAC(0), 1 | 1u << 2 | 7u << 3); // by software
    store(b, DAC(0x28), 0xCDAB);             // both, 8 bits
    assert_int_equal(load(b, DAC(0x2C)), 0x123);
    assert_int_equal(load(b, DAC(0x30)), 0xCD0);
    store(b, DAC(0x04), 1);
    assert_int_equal(load(b, DAC(0x2C)), 0xAB0);
}

// Read as 0, told by name once a place, and nothing hangs.
static void what_is_not_modelled_is_told_by_name(void **state) {
    static const struct {
        enum chip_id id;
        uint32_t addr;
        const char *words;
    } cases[] = {
        {STM32F407VG, 0x40028000, "ETH+0x00"},
        {STM32F407VG, 0x50050000, "DCMI+0x00"},
        {STM32F407VG, 0xA0000004, "read of FSMC+0x04"},
        {STM32F417VG, 0x50060004, "CRYP+0x04"},
        {STM32F417VG, 0x50060424, "HASH+0x24"},
        {STM32F429ZI, 0x40016818, "LTDC+0x18"},
        {STM32F429ZI, 0x4002B000, "DMA2D+0x00"},
        {STM32F429ZI, 0xA0000150, "read of FMC+0x150"},
        {STM32F446RE, 0xA0001008, "QUADSPI+0x08"},
        {STM32F446RE, 0x40006C00, "HDMI-CEC+0x00"},
        {STM32F446RE, 0x40015800, "SAI1+0x00"},
        {STM32F407VG, 0xA0001008, "no register is there"},
        {STM32F411CE, 0x40028000, "no register is there"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *own;
        (void)bench_set_up_of(&own, &chip_models[cases[i].id], 8000000);
        struct bench *b = own;
        char *said = NULL;
        size_t len;
        b->trace.complaints = open_memstream(&said, &len);
        assert_int_equal(load(b, cases[i].addr), 0);
        assert_int_equal(load(b, cases[i].addr), 0);
        assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 1);
        (void)fclose(b->trace.complaints);
        b->trace.complaints = NULL;
        assert_non_null(strstr(said, cases[i].words));
        free(said);
        (void)bench_tear_down(&own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_without_a_response_is_sent, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test_setup_teardown(a_command_with_a_response_times_out_after_64_clocks,
                                        bench_set_up, bench_tear_down),
        cmocka_unit_test_setup_teardown(data_time_out_after_dtimer, bench_set_up, bench_tear_down),
        cmocka_unit_test_setup_teardown(without_a_clock_it_is_a_complaint, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test_setup_teardown(the_dac_holds_and_is_triggered, bench_set_up,
                                        bench_tear_down),
        cmocka_unit_test(what_is_not_modelled_is_told_by_name),
    };
    return cmocka_run_group_tests_name("sdio", tests, NULL, NULL);
}
