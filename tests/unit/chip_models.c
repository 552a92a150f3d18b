// SPDX-License-Identifier: MIT
//
// The table of chips: what differs between them as their manuals have it (RM0368, RM0383, RM0090, RM0390).
// Two banks are flash_banks.c's.

#include "tests/unit/chip_bench.h"
#include "vboard/chip/otg.h"

#define IDCODE     0xE0042000u
#define FLASH_SIZE 0x1FFF7A22u
#define OTG_HS     0x40040000u
#define OTG_FS     0x50000000u
#define TIM6       0x40001000u
#define DCKCFGR    RCC_(0x8C)
#define DCKCFGR2   RCC_(0x94)

static struct bench *bench_of(enum chip_id id, uint32_t hse_hz) {
    void *state;
    (void)bench_set_up_of(&state, &chip_models[id], hse_hz);
    return state;
}

static void end(struct bench *b) {
    void *state = b;
    (void)bench_tear_down(&state);
}

#define ADC1_(o) (0x40012000u + (o))

static unsigned convert(struct bench *b, uint32_t ccr, uint32_t channel) {
    store(b, ADC1_(0x304), ccr);
    store(b, ADC1_(0x34), channel);
    store(b, ADC1_(0x08), 1);
    store(b, ADC1_(0x08), 1 | 1u << 30);
    run_for(b, 20 * PS_PER_US);
    return load(b, ADC1_(0x4C));
}

static void the_temperature_sensor_is_where_the_line_has_it(void **state) {
    (void)state;
    static const struct {
        enum chip_id id;
        bool is_shared;
        unsigned divider;
    } chips[] = {{STM32F407VG, false, 2},
                 {STM32F401CC, true, 4},
                 {STM32F411CE, true, 4},
                 {STM32F429ZI, true, 4},
                 {STM32F446RE, true, 4}};
    for (unsigned i = 0; i < COUNT_OF(chips); i++) {
        struct bench *b = bench_of(chips[i].id, 8000000);
        store(b, RCC_(0x44), 1u << 8);
        assert_int_equal(convert(b, 1u << 23, 16), 760 * 4095 / 3300);
        assert_int_equal(convert(b, 1u << 23, 18), chips[i].is_shared ? 760 * 4095 / 3300 : 0);
        // Both: VBAT has the channel that they share.
        assert_int_equal(convert(b, 3u << 22, 18), 3300 / chips[i].divider * 4095 / 3300);
        end(b);
    }
}

static void each_chip_shows_its_line_and_its_flash_size(void **state) {
    (void)state;
    for (unsigned id = 0; id < CHIP_MODEL_COUNT; id++) {
        const struct chip_model *model = &chip_models[id];
        struct bench *b = bench_of(id, 8000000);
        uint32_t value = 0;
        uint32_t expected = 0, addr, len;

        assert_int_equal(load(b, IDCODE), model->line->idcode);
        assert_true(fake_load(b->cpu, FLASH_SIZE, 2, &value));
        assert_int_equal(value, model->flash_bytes / 1024);
        // Sectors cover the flash without a gap or an overlap.
        for (unsigned sector = 0; sector < CHIP_FLASH_SECTORS_MAX; sector++) {
            if (chip_flash_sector(b->chip, sector, &addr, &len)) {
                assert_int_equal(addr, 0x08000000u + expected);
                expected += len;
            }
        }
        assert_int_equal(expected, model->flash_bytes);
        // The last word of each memory is there, and the one behind it is not.
        assert_true(chip_has_memory(b->chip, 0x20000000u + model->sram_bytes - 4, 4));
        assert_false(chip_has_memory(b->chip, 0x20000000u + model->sram_bytes, 4));
        assert_true(fake_store(b->cpu, 0x20000000u + model->sram_bytes - 4, 4, 0x1234));
        assert_false(fake_store(b->cpu, 0x20000000u + model->sram_bytes, 4, 0x1234));
        assert_int_equal(chip_has_memory(b->chip, 0x10000000, 4), model->ccm_bytes > 0);
        end(b);
    }
}

static void sizes_and_device_ids_are_those_of_the_manuals(void **state) {
    static const struct {
        const char *name;
        uint32_t flash_kb, sram_kb, ccm_kb, device, irqs;
    } chips[] = {
        {"STM32F401CC", 256, 64, 0, 0x423, 85},    {"STM32F401RE", 512, 96, 0, 0x433, 85},
        {"STM32F405RG", 1024, 128, 64, 0x413, 82}, {"STM32F407VE", 512, 128, 64, 0x413, 82},
        {"STM32F407VG", 1024, 128, 64, 0x413, 82}, {"STM32F411CE", 512, 128, 0, 0x431, 86},
        {"STM32F415ZG", 1024, 128, 64, 0x413, 82}, {"STM32F417IG", 1024, 128, 64, 0x413, 82},
        {"STM32F427VG", 1024, 192, 64, 0x419, 91}, {"STM32F429ZI", 2048, 192, 64, 0x419, 91},
        {"STM32F437VI", 2048, 192, 64, 0x419, 91}, {"STM32F439ZI", 2048, 192, 64, 0x419, 91},
        {"STM32F446RE", 512, 128, 0, 0x421, 97},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(chips); i++) {
        const struct chip_model *model = chip_model_find(chips[i].name);
        assert_non_null(model);
        assert_int_equal(model->flash_bytes, chips[i].flash_kb * 1024);
        assert_int_equal(model->sram_bytes, chips[i].sram_kb * 1024);
        assert_int_equal(model->ccm_bytes, chips[i].ccm_kb * 1024);
        assert_int_equal(model->line->idcode & 0xFFF, chips[i].device);
        assert_int_equal(model->line->irq_count, chips[i].irqs);
        assert_in_range(model->line->irq_count, 1, CPU_IRQS_MAX);
    }
}

static void a_name_is_found_in_any_case_and_as_on_the_package(void **state) {
    (void)state;
    assert_ptr_equal(chip_model_find("stm32f411ce"), &chip_models[STM32F411CE]);
    assert_ptr_equal(chip_model_find("STM32F411CEU6"), &chip_models[STM32F411CE]);
    assert_ptr_equal(chip_model_find("stm32f407vgt6tr"), &chip_models[STM32F407VG]);
    assert_null(chip_model_find("stm32f411"));
    assert_null(chip_model_find("stm32f411cex"));
    assert_null(chip_model_find("stm32f411ce-board"));
    assert_null(chip_model_find("stm32f103c8"));
    assert_null(chip_model_find(""));
}

static void a_peripheral_the_chip_has_not_reads_0_and_is_a_complaint(void **state) {
    struct bench *b = bench_of(STM32F411CE, 25000000);
    (void)state;
    store(b, RCC_(0x30), 0xFFFFFFFF); // RCC_AHB1ENR
    store(b, RCC_(0x40), 0xFFFFFFFF); // RCC_APB1ENR
    assert_int_equal(load(b, RCC_(0x30)), 0x0060109F);
    assert_int_equal(load(b, RCC_(0x40)), 0x10E2C80F);
    assert_null(chip_otg_hs(b->chip));
    assert_int_equal(load(b, OTG_HS + 0x40), 0);
    assert_int_equal(load(b, TIM6 + 0x2C), 0);
    store(b, TIM6 + 0x2C, 7);
    assert_int_equal(load(b, TIM6 + 0x2C), 0);
    assert_int_equal(load(b, GPIO_('F', 0)), 0);
    assert_true(trace_complaints(&b->trace, "unmodelled-access") >= 3);
    assert_false(chip_set_pin(b->chip, "PF0", 1));
    assert_true(chip_set_pin(b->chip, "PH0", 1));
    assert_null(chip_uart_name(&chip_models[STM32F411CE], "usart3"));
    assert_non_null(chip_uart_name(&chip_models[STM32F411CE], "usart6"));
    end(b);
}

static void each_chip_has_the_ports_and_serial_lines_of_its_manual(void **state) {
    static const struct {
        enum chip_id id;
        const char *has, *has_not;
    } pins[] = {
        {STM32F401CC, "PH1", "PF0"}, {STM32F407VG, "PI11", "PI12"}, {STM32F429ZI, "PI15", "PL0"},
        {STM32F429ZI, "PK7", "PK8"}, {STM32F446RE, "PH1", "PI0"},   {STM32F405RG, "PG9", "PJ0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pins); i++) {
        struct bench *b = bench_of(pins[i].id, 8000000);
        assert_true(chip_set_pin(b->chip, pins[i].has, 1));
        assert_false(chip_set_pin(b->chip, pins[i].has_not, 1));
        end(b);
    }
    assert_non_null(chip_uart_name(&chip_models[STM32F429ZI], "uart8"));
    assert_null(chip_uart_name(&chip_models[STM32F407VG], "uart7"));
    assert_null(chip_uart_name(&chip_models[STM32F446RE], "uart7"));
}

// The registers of other lines are not there either.
static void later_clock_registers_are_there_on_later_chips_alone(void **state) {
    struct bench *b = bench_of(STM32F407VG, 8000000);
    (void)state;
    assert_int_equal(load(b, RCC_(0x88)), 0);
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 1);
    assert_int_equal(load(b, FLASH_(0x18)), 0); // OPTCR1
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 2);
    end(b);
    b = bench_of(STM32F429ZI, 8000000);
    assert_int_equal(load(b, RCC_(0x88)), 0x24003000);
    assert_int_equal(load(b, FLASH_(0x18)), 0x0FFF0000);
    assert_int_equal(trace_complaints(&b->trace, "unmodelled-access"), 0);
    end(b);
}

// --- clocks -------------------------------------------------------------------------------------------

// HSE on, PLL on with this, SYSCLK from it with these prescalers.
static void run_on_pll(struct bench *b, uint32_t pllcfgr, uint32_t wait_states, uint32_t cfgr) {
    store(b, FLASH_(0), wait_states);
    store(b, RCC_(0), 0x00010083);
    run_for(b, 3 * PS_PER_MS);
    store(b, RCC_(4), pllcfgr);
    store(b, RCC_(0), 0x01010083);
    run_for(b, PS_PER_MS);
    store(b, RCC_(8), cfgr);
}

static void set_power(struct bench *b, uint32_t cr) {
    store(b, RCC_(0x40), 1u << 28);
    store(b, PWR_(0), cr);
}

static void an_f411_runs_at_100_mhz_with_three_wait_states(void **state) {
    struct bench *b = bench_of(STM32F411CE, 25000000);
    (void)state;
    set_power(b, 3u << 14);
    run_on_pll(b, 0x04400000u | 192u << 6 | 25, 2, 0x00001002); // VCO 192: 96 MHz
    assert_int_equal(chip_core_hz(b->chip), 96000000);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 1); // 3 above 90 MHz
    assert_int_equal(trace_complaints(&b->trace, "clock-too-fast"), 0);
    store(b, FLASH_(0), 3);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 1);
    end(b);
    b = bench_of(STM32F411CE, 25000000);
    run_on_pll(b, 0x04400000u | 192u << 6 | 25, 3, 0x00001002);
    assert_int_equal(trace_complaints(&b->trace, "clock-too-fast"),
                     1); // scale 2 after a reset: 84 MHz
    end(b);
}

static void an_f429_needs_over_drive_for_180_mhz(void **state) {
    struct bench *b = bench_of(STM32F429ZI, 8000000);
    (void)state;
    run_on_pll(b, 0x07400000u | 360u << 6 | 8, 5, 0x00009402);
    assert_int_equal(chip_core_hz(b->chip), 180000000);
    assert_int_equal(trace_complaints(&b->trace, "clock-too-fast"), 1);
    end(b);
    b = bench_of(STM32F429ZI, 8000000);
    set_power(b, 3u << 14 | 1u << 16);
    assert_int_equal(load(b, PWR_(4)) & 3u << 16, 1u << 16); // ODRDY
    set_power(b, 3u << 14 | 3u << 16);
    assert_int_equal(load(b, PWR_(4)) & 3u << 16, 3u << 16); // ODSWRDY
    run_on_pll(b, 0x07400000u | 360u << 6 | 8, 5, 0x00009402);
    assert_int_equal(trace_complaints(&b->trace, "clock-too-fast"), 0);
    assert_int_equal(trace_complaints(&b->trace, "flash-wait-states"), 0);
    end(b);
}

// 180 MHz leaves no 48 MHz at output Q: drivers take PLLSAI's P.
static void an_f446_takes_its_48_mhz_from_pllsai(void **state) {
    struct bench *b = bench_of(STM32F446RE, 8000000);
    uint32_t gintsts;
    (void)state;
    set_power(b, 3u << 14 | 3u << 16);
    run_on_pll(b, 0x20000000u | 0x07400000u | 180u << 6 | 4, 5, 0x00009402);
    store(b, RCC_(0x88), 0x04000000u | 1u << 16 | 96u << 6 | 4); // 8 / 4 * 96 / 4
    store(b, DCKCFGR2, 1u << 27);
    store(b, RCC_(0), load(b, RCC_(0)) | 1u << 28);
    run_for(b, PS_PER_MS);
    assert_true(load(b, RCC_(0)) & 1u << 29);
    store(b, RCC_(0x34), 1u << 7);
    assert_int_equal(load(b, OTG_FS + 0x3C), 0x2000);
    assert_int_equal(load(b, OTG_FS + 0x40), 0x4f54310a);
    // Shown pull-up: a clock that is not 48 MHz would be told.
    store(b, RCC_(0x30), 1);
    store(b, GPIO_('A', 0x24), 0x000AA000);
    store(b, GPIO_('A', 0), 0xA8000000u | 0x02800000u);
    store(b, OTG_FS + 0x804, 0);
    store(b, OTG_FS, 0xC0);
    store(b, OTG_FS + 0x38, 1u << 16);
    gintsts = load(b, OTG_FS + 0x14);
    (void)gintsts;
    assert_int_equal(trace_complaints(&b->trace, "usb-clock"), 0);
    store(b, DCKCFGR2, 0);
    assert_int_equal(trace_complaints(&b->trace, "usb-clock"), 1);
    end(b);
}

static void timpre_gives_timers_hclk(void **state) {
    struct bench *b = bench_of(STM32F411CE, 25000000);
    (void)state;
    store(b, RCC_(8), 0x00001400); // PCLK1 HCLK / 4: 4 MHz, timers 8
    store(b, RCC_(0x40), 1);
    store(b, 0x40000000u, 1); // TIM2 counts
    run_for(b, PS_PER_MS);
    assert_in_range(load(b, 0x40000024u), 7990, 8010);
    store(b, DCKCFGR, 1u << 24);
    store(b, 0x40000024u, 0);
    run_for(b, PS_PER_MS);
    assert_in_range(load(b, 0x40000024u), 15990, 16010);
    end(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_temperature_sensor_is_where_the_line_has_it),
        cmocka_unit_test(each_chip_shows_its_line_and_its_flash_size),
        cmocka_unit_test(sizes_and_device_ids_are_those_of_the_manuals),
        cmocka_unit_test(a_name_is_found_in_any_case_and_as_on_the_package),
        cmocka_unit_test(a_peripheral_the_chip_has_not_reads_0_and_is_a_complaint),
        cmocka_unit_test(each_chip_has_the_ports_and_serial_lines_of_its_manual),
        cmocka_unit_test(later_clock_registers_are_there_on_later_chips_alone),
        cmocka_unit_test(an_f411_runs_at_100_mhz_with_three_wait_states),
        cmocka_unit_test(an_f429_needs_over_drive_for_180_mhz),
        cmocka_unit_test(an_f446_takes_its_48_mhz_from_pllsai),
        cmocka_unit_test(timpre_gives_timers_hclk),
    };
    return cmocka_run_group_tests_name("chip_models", tests, NULL, NULL);
}
