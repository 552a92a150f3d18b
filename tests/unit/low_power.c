// SPDX-License-Identifier: MIT
//
// Stop, Standby and the time a reset takes, by a program that runs on HSE with SysTick counting and
// falls asleep with SLEEPDEEP; what it does besides is put into its SRAM by each test.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/chip/chip_state.h"

// Assembled with arm-none-eabi-as, at 0x08000100:
//   enable PWR, WWDG, SYSCFG, GPIOA; keep PWR_CSR, RCC_CSR; end here if SBF is set
//   PWR_CR, PWR_CSR, EXTI_IMR as told; EXTI line 0 rising, its interrupt on in the NVIC; cpsid i
//   HSE on, system clock from it; SysTick at the core clock; WWDG_CFR, WWDG_CR as told
//   SCR.SLEEPDEEP; keep SysTick; wfi; keep SysTick, RCC_CR, RCC_CFGR, 1; end
static const uint32_t program[] = {
    0x48264f25, 0x60014926, 0x4180f44f, 0x48256041, 0x60012101, 0x68714e24, 0x48246039, 0x60796801,
    0x07896839, 0x6a39d436, 0x6a796031, 0x4d206071, 0x60296b39, 0x60a92101, 0x2140481e, 0xb6726001,
    0x6801481d, 0x3280f44f, 0x60014311, 0x03896801, 0x2101d5fc, 0x48196081, 0x417ff06f, 0x60816041,
    0x60012105, 0x6ab94816, 0x6af96041, 0x48156001, 0x60012104, 0x68014814, 0xbf3060b9, 0x60f96801,
    0x6801480d, 0x68816139, 0x21016179, 0x210061b9, 0x6001480c, 0xe7fdbf00, 0x20000800, 0x40023840,
    0x10000800, 0x40023830, 0x40007000, 0x40023874, 0x40013c00, 0xe000e100, 0x40023800, 0xe000e010,
    0x40002c00, 0xe000ed10, 0xe000e018};

#define KEPT 0x20000800u
enum { PWR_CSR_FOUND = 0, RCC_CSR_FOUND = 4, SYSTICK_BEFORE = 8, SYSTICK_AFTER = 12, RCC_CR = 16 };
enum { RCC_CFGR = 20, IS_AWAKE = 24 };

struct told {
    uint32_t pwr_cr, pwr_csr, wwdg_cfr, wwdg_cr, exti_imr; // at KEPT + 0x20
};

#define VOS      0x4000u
#define LPDS     1u
#define PDDS     2u
#define CSR_WUF  1u
#define CSR_SBF  2u
#define CSR_EWUP 0x100u

struct board {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
};

static void run_ms(struct board *board, uint64_t ms) {
    timeline_run(&board->timeline, timeline_now(&board->timeline) + ms * PS_PER_MS);
}

static uint32_t kept(struct board *board, uint32_t off) {
    uint32_t value = 0;
    assert_true(cpu_peek(chip_cpu(board->chip), KEPT + off, 4, &value));
    return value;
}

static struct board *new_board(const uint32_t *code, uint32_t len) {
    static const uint32_t vectors[2] = {0x20001000, 0x08000101};
    struct board *board = calloc(1, sizeof(*board));
    timeline_init(&board->timeline);
    trace_init(&board->trace, &board->timeline);
    board->chip = chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){.hse_hz = 8000000},
                           &board->timeline, &board->trace);
    assert_non_null(board->chip);
    assert_true(chip_poke(board->chip, 0x08000000, (const uint8_t *)vectors, sizeof(vectors)));
    assert_true(chip_poke(board->chip, 0x08000100, (const uint8_t *)code, len));
    chip_set_pin(board->chip, "PA0", 0);
    return board;
}

// Falls asleep within the first 10 ms.
static struct board *start(const struct told *told) {
    struct board *board = new_board(program, sizeof(program));
    chip_power_on(board->chip);
    assert_true(chip_poke(board->chip, KEPT + 0x20, (const uint8_t *)told, sizeof(*told)));
    assert_true(chip_poke(board->chip, KEPT + IS_AWAKE, (const uint8_t[4]){0}, 4));
    run_ms(board, 10);
    return board;
}

static void end(struct board *board, unsigned long complaints) {
    assert_int_equal(trace_complaints(&board->trace, NULL), complaints);
    chip_free(board->chip);
    trace_free(&board->trace);
    timeline_free(&board->timeline);
    free(board);
}

static void stop_ends_by_exti_on_hsi_with_its_counters_stopped(void **state) {
    (void)state;
    for (uint32_t lpds = 0; lpds <= 1; lpds++) {
        struct board *board =
            start(&(struct told){.pwr_cr = VOS | lpds * LPDS, .wwdg_cr = 0x7F, .exti_imr = 1});
        uint64_t instructions = cpu_instructions(chip_cpu(board->chip));
        run_ms(board, 500);
        assert_int_equal(cpu_instructions(chip_cpu(board->chip)), instructions);
        assert_int_equal(kept(board, IS_AWAKE), 0);
        chip_set_pin(board->chip, "PA0", 1);
        // DS8626: 13 us back from Stop, 17 us with the regulator in low-power mode.
        timeline_run(&board->timeline,
                     timeline_now(&board->timeline) + (lpds ? 16 : 12) * PS_PER_US);
        assert_int_equal(cpu_instructions(chip_cpu(board->chip)), instructions);
        run_ms(board, 1);
        assert_int_equal(kept(board, IS_AWAKE), 1);
        // Half a second would have been four million ticks.
        assert_in_range(kept(board, SYSTICK_BEFORE) - kept(board, SYSTICK_AFTER), 1, 400);
        assert_int_equal(kept(board, RCC_CR) & 0x03030003, 0x00000003); // HSI alone, and ready
        assert_int_equal(kept(board, RCC_CFGR) & 0xF, 0);
        assert_int_equal(chip_core_hz(board->chip), 16000000);
        end(board, 0);
    }
}

static void stop_is_not_entered_with_a_line_pending(void **state) {
    (void)state;
    struct told told = {.pwr_cr = VOS, .wwdg_cr = 0x7F};
    struct board *board = new_board(program, sizeof(program));
    chip_power_on(board->chip);
    assert_true(chip_poke(board->chip, KEPT + 0x20, (const uint8_t *)&told, sizeof(told)));
    run_ms(board, 1); // HSE starts: the edge is waited for, its interrupt masked
    chip_set_pin(board->chip, "PA0", 1);
    run_ms(board, 10);
    assert_int_equal(kept(board, IS_AWAKE), 1);
    assert_int_equal(kept(board, RCC_CFGR) & 0xF, 5); // HSE still
    assert_int_equal(trace_complaints(&board->trace, "stop-not-entered"), 1);
    end(board, 1);
}

static void window_watchdog_stands_still_in_stop_and_goes_on_behind_it(void **state) {
    (void)state;
    // 64 ticks of 4096 * 8 cycles of 8 MHz: 262 ms until it bites.
    struct board *board =
        start(&(struct told){.pwr_cr = VOS, .wwdg_cfr = 0x1FF, .wwdg_cr = 0xFF, .exti_imr = 1});
    run_ms(board, 1000);
    assert_int_equal(kept(board, IS_AWAKE), 0);
    chip_set_pin(board->chip, "PA0", 1);
    run_ms(board, 200);
    assert_int_equal(kept(board, IS_AWAKE), 1);
    assert_int_equal(kept(board, RCC_CSR_FOUND) & RCC_CSR_WWDGRSTF, 0);
    chip_set_pin(board->chip, "PA0", 0);
    run_ms(board, 100);
    assert_int_equal(kept(board, RCC_CSR_FOUND) & RCC_CSR_WWDGRSTF, RCC_CSR_WWDGRSTF);
    end(board, 0);
}

static void standby_loses_sram_and_ends_in_a_start_with_its_flags_set(void **state) {
    (void)state;
    struct board *board =
        start(&(struct told){.pwr_cr = VOS | PDDS, .pwr_csr = CSR_EWUP, .wwdg_cr = 0x7F});
    uint64_t instructions = cpu_instructions(chip_cpu(board->chip));
    assert_int_equal(kept(board, PWR_CSR_FOUND) & (CSR_SBF | CSR_WUF), 0);
    assert_true(chip_poke(board->chip, KEPT + 0x100, (const uint8_t *)"kept", 4));
    run_ms(board, 300);
    assert_int_equal(cpu_instructions(chip_cpu(board->chip)), instructions);
    chip_set_pin(board->chip, "PA0", 1);
    timeline_run(&board->timeline, timeline_now(&board->timeline) + 370 * PS_PER_US);
    assert_int_equal(cpu_instructions(chip_cpu(board->chip)), instructions); // DS8626: 375 us
    run_ms(board, 1);
    assert_true(cpu_instructions(chip_cpu(board->chip)) > instructions);
    assert_int_equal(kept(board, PWR_CSR_FOUND) & 0x3, CSR_SBF | CSR_WUF);
    uint32_t now = kept(board, 0x100);
    assert_memory_not_equal(&now, "kept", 4);
    end(board, 0);
}

static void standby_without_wake_up_pin_ends_by_nrst(void **state) {
    (void)state;
    struct board *board = start(&(struct told){.pwr_cr = VOS | PDDS, .wwdg_cr = 0x7F});
    uint64_t instructions = cpu_instructions(chip_cpu(board->chip));
    chip_set_pin(board->chip, "PA0", 1);
    run_ms(board, 100);
    assert_int_equal(cpu_instructions(chip_cpu(board->chip)), instructions);
    chip_reset_pin(board->chip);
    run_ms(board, 1);
    assert_int_equal(kept(board, PWR_CSR_FOUND) & 0x3, CSR_SBF);
    assert_int_equal(kept(board, RCC_CSR_FOUND) & RCC_CSR_PINRSTF, RCC_CSR_PINRSTF);
    end(board, 0);
}

static void option_bytes_turn_the_entry_into_a_reset(void **state) {
    (void)state;
    struct told told = {.pwr_cr = VOS | PDDS, .wwdg_cr = 0x7F};
    struct board *board = new_board(program, sizeof(program));
    board->chip->flash.option &= ~(1u << 7); // nRST_STDBY
    chip_power_on(board->chip);
    assert_true(chip_poke(board->chip, KEPT + 0x20, (const uint8_t *)&told, sizeof(told)));
    run_ms(board, 10);
    assert_int_equal(kept(board, RCC_CSR_FOUND) & RCC_CSR_LPWRRSTF, RCC_CSR_LPWRRSTF);
    assert_int_equal(kept(board, PWR_CSR_FOUND) & 0x3, 0);
    end(board, 0);
}

static void power_goes_and_comes_in_either_mode(void **state) {
    (void)state;
    for (uint32_t pdds = 0; pdds <= 1; pdds++) {
        struct board *board = start(&(struct told){.pwr_cr = VOS | pdds * PDDS, .wwdg_cr = 0x7F});
        run_ms(board, 50);
        chip_power_off(board->chip);
        run_ms(board, 5);
        uint64_t instructions = cpu_instructions(chip_cpu(board->chip));
        chip_power_on(board->chip);
        run_ms(board, 10);
        assert_true(cpu_instructions(chip_cpu(board->chip)) > instructions);
        assert_int_equal(kept(board, PWR_CSR_FOUND) & 0x3, 0);
        chip_free(board->chip); // what SRAM held told it anything
        trace_free(&board->trace);
        timeline_free(&board->timeline);
        free(board);
    }
}

// ldr r0, =0xE000ED0C (AIRCR)   ldr r1, =0x05FA0004   str r1, [r0]: nothing else
static const uint32_t reset_loop[] = {0x49024801, 0xe7fe6001, 0xe000ed0c, 0x05fa0004};

static void each_reset_takes_twenty_microseconds(void **state) {
    (void)state;
    struct board *board = new_board(reset_loop, sizeof(reset_loop));
    char *text = NULL;
    size_t len = 0;
    board->trace.file = open_memstream(&text, &len);
    chip_power_on(board->chip);
    run_ms(board, 10);
    assert_int_equal(timeline_now(&board->timeline), 10 * PS_PER_MS);
    fclose(board->trace.file);
    board->trace.file = NULL;
    unsigned resets = 0;
    for (const char *at = text; (at = strstr(at, "cause=software")) != NULL; at++) {
        resets++;
    }
    assert_in_range(resets, 400, 500); // a power-on's program, then 20 us and a few cycles each
    free(text);
    end(board, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_ends_by_exti_on_hsi_with_its_counters_stopped),
        cmocka_unit_test(stop_is_not_entered_with_a_line_pending),
        cmocka_unit_test(window_watchdog_stands_still_in_stop_and_goes_on_behind_it),
        cmocka_unit_test(standby_loses_sram_and_ends_in_a_start_with_its_flags_set),
        cmocka_unit_test(standby_without_wake_up_pin_ends_by_nrst),
        cmocka_unit_test(option_bytes_turn_the_entry_into_a_reset),
        cmocka_unit_test(power_goes_and_comes_in_either_mode),
        cmocka_unit_test(each_reset_takes_twenty_microseconds),
    };
    return cmocka_run_group_tests_name("low_power", tests, NULL, NULL);
}
