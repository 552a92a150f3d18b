// SPDX-License-Identifier: MIT
//
// The chip around the processor: clocks, pins, interrupts of pins, memories, reset, and what is
// said of accesses that nobody modelled.

#include "tests/unit/chip_bench.h"

// RCC
#define CR       RCC_(0x00)
#define PLLCFGR  RCC_(0x04)
#define CFGR     RCC_(0x08)
#define AHB1RSTR RCC_(0x10)
#define AHB1ENR  RCC_(0x30)
#define AHB2ENR  RCC_(0x34)
#define APB1ENR  RCC_(0x40)
#define APB2ENR  RCC_(0x44)
#define BDCR     RCC_(0x70)
#define CSR      RCC_(0x74)

#define HSERDY   (1u << 17)
#define PLLRDY   (1u << 25)

#define ACR      FLASH_(0x00)

static void enable_everything(struct bench *b) {
    store(b, AHB1ENR, 0xFFFFFFFF);
    store(b, APB1ENR, 0xFFFFFFFF);
    store(b, APB2ENR, 0xFFFFFFFF);
}

static void start_168_mhz(struct bench *b) {
    store(b, ACR, 0x705);
    store(b, CR, 0x00010083); // HSEON
    run_for(b, 3 * PS_PER_MS);
    store(b, PLLCFGR, 0x07405408);
    store(b, CR, 0x01010083); // PLLON
    run_for(b, PS_PER_MS);
    store(b, CFGR, 0x00009402); // PPRE2 /2, PPRE1 /4, SW PLL
    run_for(b, PS_PER_US);
}

static void ready_bits_come_after_the_start_up_times(void **state) {
    struct bench *b = *state;

    assert_int_equal(load(b, CR) & 0xFFFF00FF, 0x83);
    store(b, CR, 0x00010083);
    run_for(b, 1999 * PS_PER_US);
    assert_false(load(b, CR) & HSERDY);
    run_for(b, 2 * PS_PER_US);
    assert_true(load(b, CR) & HSERDY);
    store(b, PLLCFGR, 0x07405408);
    store(b, CR, 0x01010083);
    run_for(b, 199 * PS_PER_US);
    assert_false(load(b, CR) & PLLRDY);
    run_for(b, 2 * PS_PER_US);
    assert_true(load(b, CR) & PLLRDY);
    store(b, CR, 0x00010083);
    assert_false(load(b, CR) & PLLRDY);
}

static void without_a_crystal_hse_is_never_ready(void **state) {
    struct bench *b = *state;

    store(b, CR, 0x01010083);
    run_for(b, 10 * PS_PER_S);
    assert_int_equal(load(b, CR) & (HSERDY), 0);
}

static void a_switch_to_a_source_that_is_not_ready_waits_for_it(void **state) {
    struct bench *b = *state;

    store(b, CFGR, 0x1);
    assert_int_equal(load(b, CFGR), 0x1);
    assert_int_equal(chip_core_hz(b->chip), 16000000);
    store(b, CR, 0x00010083);
    run_for(b, PS_PER_MS);
    assert_int_equal(load(b, CFGR), 0x1);
    run_for(b, 2 * PS_PER_MS);
    assert_int_equal(load(b, CFGR), 0x5);
    assert_int_equal(chip_core_hz(b->chip), 8000000);
    // The clock in use cannot be stopped.
    store(b, CR, 0x83);
    assert_true(load(b, CR) & HSERDY);
}

static void the_discovery_pll_gives_168_and_48_mhz_without_complaint(void **state) {
    struct bench *b = *state;

    start_168_mhz(b);
    assert_int_equal(load(b, CFGR) & 0xC, 0x8);
    assert_int_equal(chip_core_hz(b->chip), 168000000);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
    // In use, PLLCFGR is locked.
    store(b, PLLCFGR, 0x07405410);
    assert_int_equal(load(b, PLLCFGR) & 0x0F437FFF, 0x07405408);
}

static void a_prescaler_divides_the_core_clock_and_time_keeps_its_pace(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WAIT, .value = 16000},                                // 1 ms at 16 MHz
        {.kind = FAKE_WRITE, .addr = CFGR, .size = 4, .value = 0x000000A0}, // HPRE /8
        {.kind = FAKE_WAIT, .value = 2000},                                 // 1 ms at 2 MHz
        {.kind = FAKE_WRITE, .addr = CFGR, .size = 4, .value = 0},
        {.kind = FAKE_WRITE, .addr = GPIO_('D', 0x18), .size = 4, .value = 1u << 12},
    };

    enable_everything(b);
    store(b, GPIO_('D', 0x00), 1u << 24);
    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(chip_core_hz(b->chip), 16000000);
    // 1 ms + 62.5 ns + 1 ms + 0.5 us, and the cycle of the store is not over when it traces.
    assert_true(bench_traced(b, "2000.562 pin PD12 level=1\n"));
}

static void sleep_of_a_day_at_168_mhz_ends_to_the_picosecond(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = GPIO_('D', 0x18), .size = 4, .value = 1u << 12}};
    uint64_t day_ps = 86400 * PS_PER_S;

    enable_everything(b);
    store(b, GPIO_('D', 0x00), 1u << 24);
    start_168_mhz(b);
    timeline_run(&b->timeline, day_ps);
    fake_script(b->cpu, steps, COUNT_OF(steps));
    run_for(b, PS_PER_MS);
    // Within one cycle (5.95 ns) of the day's end.
    assert_true(bench_traced(b, "86400000000.00"));
    assert_int_equal(timeline_now(&b->timeline), day_ps + PS_PER_MS);
}

static void too_few_wait_states_and_an_impossible_pll_are_complaints(void **state) {
    struct bench *b = *state;

    store(b, ACR, 0x4);
    store(b, CR, 0x00010083);
    run_for(b, 3 * PS_PER_MS);
    store(b, PLLCFGR, 0x07405408);
    store(b, CR, 0x01010083);
    run_for(b, PS_PER_MS);
    store(b, CFGR, 0x00009402);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 1);
    assert_int_equal(trace_complaints(&b->trace, "clock-too-fast"), 0);
    store(b, CFGR, 0x00000000);
    store(b, CR, 0x00010083);
    store(b, PLLCFGR, 0x07405404); // 2 MHz x 336 = 672 MHz
    store(b, CR, 0x01010083);
    assert_int_equal(trace_complaints(&b->trace, "pll-configuration"), 1);
    store(b, CR, 0x00010083);
    store(b, PLLCFGR, 0); // no input divider at all: it never locks
    store(b, CR, 0x01010083);
    run_for(b, PS_PER_S);
    assert_false(load(b, CR) & PLLRDY);
    assert_int_equal(trace_complaints(&b->trace, "pll-configuration"), 2);
}

static void enable_registers_keep_the_bits_silicon_keeps(void **state) {
    struct bench *b = *state;

    assert_int_equal(load(b, PLLCFGR), 0x24003010);
    assert_int_equal(load(b, AHB1ENR), 0x00100000);
    enable_everything(b);
    assert_int_equal(load(b, AHB1ENR), 0x7E7411FF);
    assert_int_equal(load(b, APB1ENR), 0x36FEC9FF);
    assert_int_equal(load(b, APB2ENR), 0x00075F33);
}

static void an_unclocked_peripheral_reads_0_loses_writes_and_is_complained_of_once(void **state) {
    struct bench *b = *state;

    store(b, GPIO_('A', 0x00), 0x12345678);
    assert_int_equal(load(b, GPIO_('A', 0x00)), 0);
    assert_int_equal(trace_complaints(&b->trace, "unclocked-peripheral"), 1);
    store(b, AHB1ENR, 1);
    assert_int_equal(load(b, GPIO_('A', 0x00)), 0xA8000000);
}

static void a_reset_bit_resets_its_peripheral_and_no_other(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    store(b, GPIO_('C', 0x00), 0x11);
    store(b, GPIO_('D', 0x00), 0x22);
    store(b, AHB1RSTR, 1u << 2);
    store(b, AHB1RSTR, 0);
    assert_int_equal(load(b, GPIO_('C', 0x00)), 0);
    assert_int_equal(load(b, GPIO_('D', 0x00)), 0x22);
}

static void sub_word_stores_touch_their_lanes_on_ahb_and_repeat_on_apb(void **state) {
    struct bench *b = *state;
    uint32_t value;

    enable_everything(b);
    store(b, GPIO_('C', 0x00), 0x11223344);
    assert_true(fake_store(b->cpu, GPIO_('C', 0x02), 1, 0xAB));
    assert_int_equal(load(b, GPIO_('C', 0x00)), 0x11AB3344);
    assert_true(fake_store(b->cpu, GPIO_('C', 0x00), 2, 0xCDEF));
    assert_int_equal(load(b, GPIO_('C', 0x00)), 0x11ABCDEF);
    assert_true(fake_load(b->cpu, GPIO_('C', 0x02), 1, &value));
    assert_int_equal(value, 0xAB);
    assert_true(fake_load(b->cpu, GPIO_('C', 0x02), 2, &value));
    assert_int_equal(value, 0x11AB);
    // HSEON by a byte store to RCC_CR+2, as sboot does.
    assert_true(fake_store(b->cpu, CR + 2, 1, 1));
    assert_int_equal(load(b, CR) & 0x10083, 0x10083);
    // BSRR's upper half: the reset bits.
    store(b, GPIO_('C', 0x14), 0xFFFF);
    assert_true(fake_store(b->cpu, GPIO_('C', 0x1A), 2, 0x00F0));
    assert_int_equal(load(b, GPIO_('C', 0x14)), 0xFF0F);
    // EXTI is behind an APB bridge: a byte goes to all four lanes.
    assert_true(fake_store(b->cpu, EXTI_(0x00), 1, 0x21));
    assert_int_equal(load(b, EXTI_(0x00)), 0x00212121);
}

static void outputs_follow_bsrr_and_odr_and_are_traced_when_they_change(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    assert_int_equal(chip_pin(b->chip, "PD12"), -1);
    store(b, GPIO_('D', 0x00), 1u << 24); // PD12 output
    assert_int_equal(chip_pin(b->chip, "PD12"), 0);
    store(b, GPIO_('D', 0x18), 0x10001000); // set and reset: set wins
    assert_int_equal(chip_pin(b->chip, "PD12"), 1);
    assert_int_equal(load(b, GPIO_('D', 0x14)), 0x1000);
    assert_int_equal(load(b, GPIO_('D', 0x10)), 0x1000);
    store(b, GPIO_('D', 0x18), 0x00001000); // no change: no line
    store(b, GPIO_('D', 0x14), 0);
    assert_string_equal(strstr(bench_trace(b), "0.000 pin"), "0.000 pin PD12 level=0\n"
                                                             "0.000 pin PD12 level=1\n"
                                                             "0.000 pin PD12 level=0\n");
}

static void inputs_see_outside_then_pull_then_0(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    assert_int_equal(load(b, GPIO_('C', 0x10)), 0);
    store(b, GPIO_('C', 0x0C), 0x1); // PC0 pull-up
    assert_int_equal(load(b, GPIO_('C', 0x10)), 1);
    assert_int_equal(chip_pin(b->chip, "PC0"), 1);
    assert_true(chip_set_pin(b->chip, "PC0", 0));
    assert_int_equal(load(b, GPIO_('C', 0x10)), 0);
    assert_true(chip_set_pin(b->chip, "PC0", -1));
    assert_int_equal(load(b, GPIO_('C', 0x10)), 1);
    // Open drain: low drives, high leaves the pin to the pull.
    store(b, GPIO_('C', 0x04), 1);
    store(b, GPIO_('C', 0x00), 1);
    assert_int_equal(load(b, GPIO_('C', 0x10)), 0);
    store(b, GPIO_('C', 0x14), 1);
    assert_int_equal(load(b, GPIO_('C', 0x10)), 1);
    // Analog mode switches the input off.
    store(b, GPIO_('C', 0x00), 3);
    assert_int_equal(load(b, GPIO_('C', 0x10)), 0);
}

static void names_that_are_no_pins_are_refused(void **state) {
    struct bench *b = *state;
    static const char *const wrong[] = {"",     "P",    "PA",   "PA16", "PJ0", "pa0",
                                        "PI12", "PA00", "PA1x", "PA-1", "A0"};

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(chip_set_pin(b->chip, wrong[i], 1));
    }
    assert_true(chip_set_pin(b->chip, "PI11", 1));
    assert_true(chip_set_pin(b->chip, "PA15", 1));
}

static void a_locked_pin_keeps_its_configuration_until_reset(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    store(b, GPIO_('C', 0x1C), 0x10001);
    store(b, GPIO_('C', 0x1C), 0x00001);
    store(b, GPIO_('C', 0x1C), 0x10001);
    assert_int_equal(load(b, GPIO_('C', 0x1C)), 0x10001);
    store(b, GPIO_('C', 0x00), 0x5);
    assert_int_equal(load(b, GPIO_('C', 0x00)), 0x4);
    chip_reset_pin(b->chip);
    enable_everything(b);
    store(b, GPIO_('C', 0x00), 0x5);
    assert_int_equal(load(b, GPIO_('C', 0x00)), 0x5);
}

static void an_edge_on_the_selected_port_raises_its_interrupt_until_cleared(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    store(b, EXTI_(0x00), 1u << 0 | 1u << 13); // IMR
    store(b, EXTI_(0x08), 1u << 0);            // rising
    store(b, EXTI_(0x0C), 1u << 13);           // falling
    store(b, SYSCFG_(0x14), 0x0020);           // EXTI13 from port C
    store(b, GPIO_('B', 0x0C), 0);
    chip_set_pin(b->chip, "PB0", 1); // not the selected port
    assert_int_equal(load(b, EXTI_(0x14)), 0);
    chip_set_pin(b->chip, "PA0", 1);
    assert_int_equal(load(b, EXTI_(0x14)), 1);
    assert_true(fake_irq(b->cpu, 6));
    chip_set_pin(b->chip, "PA0", 0);
    assert_true(fake_irq(b->cpu, 6));
    store(b, EXTI_(0x14), 1);
    assert_false(fake_irq(b->cpu, 6));
    chip_set_pin(b->chip, "PC13", 1);
    assert_false(fake_irq(b->cpu, 40));
    chip_set_pin(b->chip, "PC13", 0);
    assert_true(fake_irq(b->cpu, 40));
    assert_int_equal(load(b, EXTI_(0x14)), 1u << 13);
}

static void a_masked_line_pends_without_interrupt_and_swier_pends_like_an_edge(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    store(b, EXTI_(0x08), 1u << 5);
    chip_set_pin(b->chip, "PA5", 1);
    assert_int_equal(load(b, EXTI_(0x14)), 1u << 5);
    assert_false(fake_irq(b->cpu, 23));
    store(b, EXTI_(0x00), 1u << 5 | 1u << 6);
    assert_true(fake_irq(b->cpu, 23));
    store(b, EXTI_(0x14), 1u << 5);
    assert_false(fake_irq(b->cpu, 23));
    store(b, EXTI_(0x10), 1u << 6);
    assert_true(fake_irq(b->cpu, 23));
    store(b, EXTI_(0x14), 1u << 6);
    assert_int_equal(load(b, EXTI_(0x10)), 0);
    store(b, EXTI_(0x04), 1u << 5);
    chip_set_pin(b->chip, "PA5", 0);
    chip_set_pin(b->chip, "PA5", 1);
    assert_int_equal(fake_events(b->cpu), 1);
}

static void memrmp_changes_what_is_at_address_zero(void **state) {
    struct bench *b = *state;

    enable_everything(b);
    chip_poke(b->chip, 0x08000000, (const uint8_t *)"flsh", 4);
    chip_poke(b->chip, 0x20000000, (const uint8_t *)"sram", 4);
    assert_int_equal(load(b, 0), load(b, 0x08000000));
    store(b, SYSCFG_(0), 3);
    assert_int_equal(load(b, 0), load(b, 0x20000000));
    store(b, 4, 0x12345678);
    assert_int_equal(load(b, 0x20000004), 0x12345678);
    store(b, SYSCFG_(0), 1);
    assert_int_equal(load(b, 0), load(b, 0x1FFF0000));
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0), load(b, 0x08000000));
}

static void device_id_unique_id_and_flash_size_are_where_firmware_looks(void **state) {
    struct bench *b = *state;
    uint32_t value;

    assert_int_equal(load(b, 0xE0042000), 0x10016413);
    assert_true(fake_load(b->cpu, 0x1FFF7A22, 2, &value));
    assert_int_equal(value, 1024);
    chip_set_uid(b->chip, (const uint8_t *)"ABCDEFGHIJKL");
    assert_int_equal(load(b, 0x1FFF7A10), 0x44434241);
    assert_int_equal(load(b, 0x1FFF7A18), 0x4C4B4A49);
}

static void a_jump_to_the_rom_bootloader_is_a_complaint(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {{.kind = FAKE_READ, .addr = 0x1FFF0004, .size = 4},
                                {.kind = FAKE_FETCH, .addr = 0x1FFF0100}};

    run_script(b, steps, 1);
    assert_int_equal(steps[0].value, 0x1FFF0101);
    assert_int_equal(trace_complaints(&b->trace, "rom-bootloader"), 0);
    run_script(b, steps + 1, 1);
    assert_int_equal(trace_complaints(&b->trace, "rom-bootloader"), 1);
}

static void an_unmodelled_register_reads_0_and_is_told_once_a_place(void **state) {
    struct bench *b = *state;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(load(b, 0x40028000), 0);
    }
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 1);
    assert_true(bench_traced(b, "read of ETH+0x00 (0x40028000) at 0x08001234"));
    fake_set_pc(b->cpu, 0x08005678);
    store(b, 0x40028000, 1);
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 2);
    load(b, 0x40007800); // reserved, inside peripheral space
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 3);
    load(b, RCC_(0x28));
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 4);
}

static const char *one_symbol(void *ctx, uint32_t addr, uint32_t *offset) {
    (void)ctx;
    *offset = addr - 0x08001000;
    return addr >= 0x08001000 && addr < 0x08002000 ? "Poll" : NULL;
}

static void with_symbols_a_place_is_a_function(void **state) {
    struct bench *b = *state;

    chip_set_symbolizer(b->chip, one_symbol, NULL);
    load(b, 0x40028000);
    fake_set_pc(b->cpu, 0x08001300);
    load(b, 0x40028000);
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 1);
    assert_true(bench_traced(b, "at 0x08001234 (Poll+0x234)"));
}

static void an_address_with_nothing_behind_it_is_a_bus_error(void **state) {
    struct bench *b = *state;
    uint32_t value;

    assert_false(fake_load(b->cpu, 0x30000000, 4, &value));
    assert_false(fake_store(b->cpu, 0x08100000, 4, 0));
    assert_false(fake_load(b->cpu, 0x20020000, 4, &value));
}

static void sram_survives_reset_but_not_power_on(void **state) {
    struct bench *b = *state;

    uint32_t undefined = load(b, 0x20000100);
    assert_true(undefined != 0);
    store(b, 0x20000100, 0xCAFEF00D);
    store(b, 0x10000100, 0xCAFEF00D);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, 0x20000100), 0xCAFEF00D);
    assert_int_equal(load(b, 0x10000100), 0xCAFEF00D);
    chip_power_on(b->chip);
    // Undefined, and not as before either.
    assert_true(load(b, 0x20000100) != 0xCAFEF00D);
    assert_true(load(b, 0x20000100) != undefined);
    assert_true(load(b, 0x10000100) != 0xCAFEF00D);
}

static void without_power_nothing_runs_and_power_brings_a_fresh_chip(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {
        {.kind = FAKE_WRITE, .addr = RCC_(0x30), .size = 4, .value = 0x1},
        {.kind = FAKE_WRITE, .addr = GPIO_('A', 0x00), .size = 4, .value = 0x1},
        {.kind = FAKE_WRITE, .addr = GPIO_('A', 0x18), .size = 4, .value = 0x1},
    };

    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(chip_pin(b->chip, "PA0"), 1);
    chip_power_off(b->chip);
    assert_int_equal(chip_pin(b->chip, "PA0"), -1);
    assert_true(bench_traced(b, " reset power-off\n"));
    fake_script(b->cpu, steps, COUNT_OF(steps));
    chip_reset_pin(b->chip);
    run_for(b, PS_PER_S);
    assert_false(fake_script_is_done(b->cpu));
    assert_int_equal(fake_resets(b->cpu), 1);
    assert_int_equal(chip_pin(b->chip, "PA0"), -1);
    chip_power_on(b->chip);
    assert_int_equal(fake_resets(b->cpu), 2);
    assert_int_equal(load(b, CSR), 0x0E000000);
    run_script(b, steps, COUNT_OF(steps));
    assert_int_equal(chip_pin(b->chip, "PA0"), 1);
}

static void cut_power(void *ctx) {
    chip_power_off(ctx);
}

static void power_that_goes_in_a_run_stops_the_processor_and_not_time(void **state) {
    struct bench *b = *state;
    struct event event = {.fire = cut_power, .ctx = b->chip};
    struct fake_step steps[1000];

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        steps[i] = (struct fake_step){
            .kind = FAKE_WRITE, .addr = 0x20000000 + 4 * (uint32_t)i, .size = 4, .value = 1};
    }
    fake_script(b->cpu, steps, COUNT_OF(steps));
    timeline_schedule(&b->timeline, &event, 10 * PS_PER_US);
    run_for(b, PS_PER_MS);
    assert_false(fake_script_is_done(b->cpu));
    assert_int_equal(timeline_now(&b->timeline), PS_PER_MS);
}

static void reset_causes_gather_in_csr_until_removed(void **state) {
    struct bench *b = *state;
    struct fake_step steps[] = {{.kind = FAKE_RESET}};

    assert_int_equal(load(b, CSR), 0x0E000000);
    store(b, CSR, 1u << 24);
    assert_int_equal(load(b, CSR), 0);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, CSR), 0x04000000);
    store(b, CSR, 1u << 24);
    run_script(b, steps, 1);
    assert_int_equal(load(b, CSR), 0x14000000);
    assert_true(bench_traced(b, "0.000 reset reset cause=power-on\n"));
    assert_true(bench_traced(b, " reset reset cause=pin\n"));
    assert_true(bench_traced(b, " reset reset cause=software\n"));
    assert_int_equal(fake_resets(b->cpu), 3);
}

static void reset_brings_back_the_internal_clock(void **state) {
    struct bench *b = *state;

    start_168_mhz(b);
    chip_reset_pin(b->chip);
    assert_int_equal(chip_core_hz(b->chip), 16000000);
    assert_int_equal(load(b, CFGR), 0);
    assert_int_equal(load(b, CR) & 0xFFFF00FF, 0x83);
}

static void backup_registers_need_dbp_and_survive_reset_but_not_power_on(void **state) {
    struct bench *b = *state;
    uint32_t bkp0r = 0x40002850;

    enable_everything(b);
    store(b, bkp0r, 1);
    assert_int_equal(load(b, bkp0r), 0);
    store(b, PWR_(0), 0x4100); // DBP
    store(b, bkp0r, 0x600DB007);
    assert_int_equal(load(b, bkp0r), 0x600DB007);
    chip_reset_pin(b->chip);
    assert_int_equal(load(b, bkp0r), 0x600DB007);
    chip_power_on(b->chip);
    assert_int_equal(load(b, bkp0r), 0);
}

static void poke_reaches_memories_and_refuses_what_does_not_fit(void **state) {
    struct bench *b = *state;

    assert_true(chip_poke(b->chip, 0x080FFFFC, (const uint8_t *)"abcd", 4));
    assert_false(chip_poke(b->chip, 0x080FFFFD, (const uint8_t *)"abcd", 4));
    assert_true(chip_has_memory(b->chip, 0x20000000, 0x20000));
    assert_false(chip_has_memory(b->chip, 0x20000000, 0x20001));
    assert_false(chip_has_memory(b->chip, 0xFFFFFFFF, 2));
    assert_false(chip_has_memory(b->chip, 0x40000000, 4));
}

static int set_up_without_crystal(void **state) {
    return bench_set_up_with(state, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(ready_bits_come_after_the_start_up_times),
        cmocka_unit_test_setup_teardown(without_a_crystal_hse_is_never_ready,
                                        set_up_without_crystal, bench_tear_down),
        T(a_switch_to_a_source_that_is_not_ready_waits_for_it),
        T(the_discovery_pll_gives_168_and_48_mhz_without_complaint),
        T(a_prescaler_divides_the_core_clock_and_time_keeps_its_pace),
        T(sleep_of_a_day_at_168_mhz_ends_to_the_picosecond),
        T(too_few_wait_states_and_an_impossible_pll_are_complaints),
        T(enable_registers_keep_the_bits_silicon_keeps),
        T(an_unclocked_peripheral_reads_0_loses_writes_and_is_complained_of_once),
        T(a_reset_bit_resets_its_peripheral_and_no_other),
        T(sub_word_stores_touch_their_lanes_on_ahb_and_repeat_on_apb),
        T(outputs_follow_bsrr_and_odr_and_are_traced_when_they_change),
        T(inputs_see_outside_then_pull_then_0),
        T(names_that_are_no_pins_are_refused),
        T(a_locked_pin_keeps_its_configuration_until_reset),
        T(an_edge_on_the_selected_port_raises_its_interrupt_until_cleared),
        T(a_masked_line_pends_without_interrupt_and_swier_pends_like_an_edge),
        T(memrmp_changes_what_is_at_address_zero),
        T(device_id_unique_id_and_flash_size_are_where_firmware_looks),
        T(a_jump_to_the_rom_bootloader_is_a_complaint),
        T(an_unmodelled_register_reads_0_and_is_told_once_a_place),
        T(with_symbols_a_place_is_a_function),
        T(an_address_with_nothing_behind_it_is_a_bus_error),
        T(sram_survives_reset_but_not_power_on),
        T(without_power_nothing_runs_and_power_brings_a_fresh_chip),
        T(power_that_goes_in_a_run_stops_the_processor_and_not_time),
        T(reset_causes_gather_in_csr_until_removed),
        T(reset_brings_back_the_internal_clock),
        T(backup_registers_need_dbp_and_survive_reset_but_not_power_on),
        T(poke_reaches_memories_and_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("chip", tests, NULL, NULL);
}
