// SPDX-License-Identifier: MIT
//
// The chip with its real processor: one short program goes through what the scripted processor of
// the other tests cannot show: bit-band, fetches that stall, reads of the private peripheral bus.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/chip/chip.h"

// Assembled with arm-none-eabi-as for the Cortex-M4. [1] is the reset vector, 9 or 0x08000009.
static const uint32_t program[] = {
    0x20001000, 0x00000009,
    0x480d4a0c, // ldr r2, =0x20000800   ldr r0, =0xE0042000 (DBGMCU_IDCODE)
    0x60116801, // ldr r1, [r0]          str r1, [r2]
    0x2101480c, // ldr r0, =0x42470060 (bit-band of RCC_CR.PLLON)   movs r1, #1
    0x68416001, // str r1, [r0]      1:  ldr r1, [r0, #4] (PLLRDY)
    0xd0fc2900, // cmp r1, #0            beq 1b
    0x480a6051, // str r1, [r2, #4]      ldr r0, =0x40023C00 (FLASH)
    0x6041490a, // ldr r1, =KEY1         str r1, [r0, #4]
    0x6041490a, // ldr r1, =KEY2         str r1, [r0, #4]
    0x6101490a, // ldr r1, =SER, sector 3, x32, STRT   str r1, [r0, #16]
    0x33012300, // movs r3, #0       2:  adds r3, #1
    0x03c968c1, // ldr r1, [r0, #12]     lsls r1, r1, #15 (BSY)
    0x6093d4fb, // bmi 2b                str r3, [r2, #8]
    0xe7fdbf30, // 3: wfi                b 3b
    0x20000800, 0xe0042000, 0x42470060, 0x40023c00, 0x45670123, 0xcdef89ab, 0x0001021a,
};

struct board {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct event frame;
    unsigned frames;
};

static void frame(void *ctx) {
    struct board *board = ctx;
    board->frames++;
    timeline_schedule(&board->timeline, &board->frame, timeline_now(&board->timeline) + PS_PER_MS);
}

static struct board *start_on(enum chip_id id, uint32_t reset_vector, uint32_t erase) {
    struct board *board = calloc(1, sizeof(*board));
    timeline_init(&board->timeline);
    trace_init(&board->trace, &board->timeline);
    board->chip = chip_new(&chip_models[id], &(struct chip_wiring){.hse_hz = 0, .lse_hz = 0},
                           &board->timeline, &board->trace);
    assert_non_null(board->chip);
    assert_true(chip_poke(board->chip, 0x08000000, (const uint8_t *)program, sizeof(program)));
    assert_true(chip_poke(board->chip, 0x08000004, (const uint8_t *)&reset_vector, 4));
    assert_true(
        chip_poke(board->chip, 0x08000000 + sizeof(program) - 4, (const uint8_t *)&erase, 4));
    assert_true(chip_poke(board->chip, 0x0800C000, (const uint8_t *)"full", 4));
    board->frame.fire = frame;
    board->frame.ctx = board;
    timeline_schedule(&board->timeline, &board->frame, PS_PER_MS);
    chip_power_on(board->chip);
    timeline_run(&board->timeline, 300 * PS_PER_MS);
    return board;
}

static struct board *start(uint32_t reset_vector) {
    return start_on(STM32F407VG, reset_vector, program[sizeof(program) / 4 - 1]);
}

static uint32_t word(struct board *board, uint32_t addr) {
    uint32_t value = 0xDEADBEEF;
    assert_true(cpu_peek(chip_cpu(board->chip), addr, 4, &value));
    return value;
}

static void end(struct board *board) {
    timeline_cancel(&board->timeline, &board->frame);
    chip_free(board->chip);
    trace_free(&board->trace);
    timeline_free(&board->timeline);
    free(board);
}

static void the_pll_is_switched_on_and_found_ready_through_bit_band(void **state) {
    struct board *board = start(0x08000009);
    (void)state;
    assert_int_equal(word(board, 0x20000804), 1);
    end(board);
}

static void a_program_in_flash_stands_through_its_erase_and_finds_it_done(void **state) {
    // At 0x08000000, and through the image of flash at address 0.
    static const uint32_t vectors[] = {0x08000009, 0x00000009};
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct board *board = start(vectors[i]);
        // Its first look at BSY came after the erase: the loop went round once.
        assert_int_equal(word(board, 0x20000808), 1);
        assert_int_equal(word(board, 0x0800C000), 0xFFFFFFFF);
        assert_int_equal(chip_flash_stalls(board->chip).count, 1);
        assert_in_range(chip_flash_stalls(board->chip).ps, 249 * PS_PER_MS, 250 * PS_PER_MS);
        assert_int_equal(board->frames, 300);
        assert_true(cpu_is_asleep(chip_cpu(board->chip)));
        assert_int_equal(timeline_now(&board->timeline), 300 * PS_PER_MS);
        // The fetch while busy is all there was to complain of.
        assert_int_equal(trace_complaints(&board->trace, NULL), 1);
        end(board);
    }
}

// RM0090 3.4: read while write. The loop of six instructions goes round for 250 ms at 16 MHz.
static void a_program_in_one_bank_runs_on_while_the_other_is_erased(void **state) {
    static const uint32_t vectors[] = {0x08000009, 0x00000009};
    const uint32_t sector_12 = 0x00010282; // SER, SNB 16, x32, STRT
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct board *board = start_on(STM32F429ZI, vectors[i], sector_12);
        assert_in_range(word(board, 0x20000808), 300000, 800000);
        assert_int_equal(chip_flash_stalls(board->chip).count, 0);
        assert_int_equal(trace_complaints(&board->trace, NULL), 0);
        assert_int_equal(word(board, 0x08100000), 0xFFFFFFFF);
        assert_true(cpu_is_asleep(chip_cpu(board->chip)));
        end(board);
    }
    // With DB1M as it comes, 1 MB is one bank.
    struct board *board = start_on(STM32F429ZG, vectors[0], 0x0001021a);
    assert_int_equal(word(board, 0x20000808), 1);
    assert_int_equal(chip_flash_stalls(board->chip).count, 1);
    end(board);
}

static void the_processor_reads_the_device_id_on_its_private_bus(void **state) {
    struct board *board = start(0x08000009);
    (void)state;
    assert_int_equal(word(board, 0x20000800), 0x10016413);
    end(board);
}

static void a_move_of_the_vector_table_is_traced_at_its_instant(void **state) {
    static const uint32_t moves[] = {
        0x20001000, 0x00000009,
        0x49034802, // ldr r0, =0xE000ED08 (VTOR)   ldr r1, =0x0800C1FF
        0x6001bf00, // nop                          str r1, [r0]
        0xe7fdbf30, // 1: wfi                       b 1b
        0xe000ed08, 0x0800c1ff,
    };
    struct timeline timeline;
    struct trace trace;
    char *text = NULL;
    size_t len;
    (void)state;

    timeline_init(&timeline);
    trace_init(&trace, &timeline);
    trace.file = open_memstream(&text, &len);
    struct chip *chip =
        chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){.hse_hz = 0, .lse_hz = 0},
                 &timeline, &trace);
    assert_true(chip_poke(chip, 0x08000000, (const uint8_t *)moves, sizeof(moves)));
    chip_power_on(chip);
    timeline_run(&timeline, PS_PER_MS);
    fclose(trace.file);
    // TBLOFF begins at bit 9 (PM0214 4.4.4). A handful of cycles of 62.5 ns after the reset.
    double us = 0;
    const char *line = strstr(text, "cause=power-on\n");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "cause=power-on\n%lf cpu vtor value=0x0800c000", &us), 1);
    assert_non_null(strstr(text, " cpu vtor value=0x0800c000\n"));
    assert_true(us > 0.1 && us < 1);
    free(text);
    chip_free(chip);
    trace_free(&trace);
    timeline_free(&timeline);
}

static uint64_t instructions_in_300_ms(void) {
    struct board *board = start(0x08000009);
    uint64_t count = cpu_instructions(chip_cpu(board->chip));
    end(board);
    return count;
}

static void two_runs_execute_the_same_instructions(void **state) {
    (void)state;
    assert_int_equal(instructions_in_300_ms(), instructions_in_300_ms());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pll_is_switched_on_and_found_ready_through_bit_band),
        cmocka_unit_test(a_program_in_flash_stands_through_its_erase_and_finds_it_done),
        cmocka_unit_test(a_program_in_one_bank_runs_on_while_the_other_is_erased),
        cmocka_unit_test(the_processor_reads_the_device_id_on_its_private_bus),
        cmocka_unit_test(a_move_of_the_vector_table_is_traced_at_its_instant),
        cmocka_unit_test(two_runs_execute_the_same_instructions),
    };
    return cmocka_run_group_tests_name("chip_processor", tests, NULL, NULL);
}
