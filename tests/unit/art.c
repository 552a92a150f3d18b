// SPDX-License-Identifier: MIT
//
// Stale caches of the ART accelerator, with the real processor: a program of a few instructions is
// put where it is wanted and run from the test's hand.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vboard/chip/chip_state.h"

#define ACR      0x40023C00u
#define KEYR     0x40023C04u
#define CR       0x40023C10u
#define ICEN     (1u << 9)
#define DCEN     (1u << 10)
#define ICRST    (1u << 11)
#define DCRST    (1u << 12)
#define LOCK     (1u << 31)

#define IDLE     0x20000100u // b .
#define READ     0x20000110u // ldr r0, [r1]; b .
#define FUNCTION 0x08004000u // sector 1: movs r0, #1; bx lr
#define DATA     0x08008000u // sector 2

struct board {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cpu *cpu;
};

static void poke16(struct board *b, uint32_t addr, uint16_t a, uint16_t c) {
    const uint16_t halfwords[2] = {a, c};
    assert_true(chip_poke(b->chip, addr, (const uint8_t *)halfwords, sizeof halfwords));
}

static void run_at(struct board *b, uint32_t pc, unsigned steps) {
    cpu_set_register(b->cpu, 15, pc);
    while (steps-- > 0) {
        assert_int_equal(cpu_step(b->cpu), CPU_STOP_LIMIT);
    }
    cpu_set_register(b->cpu, 15, IDLE);
}

static int set_up(void **state) {
    struct board *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->chip = chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){.hse_hz = 0}, &b->timeline,
                       &b->trace);
    b->cpu = chip_cpu(b->chip);
    const uint32_t vectors[2] = {0x20001000, FUNCTION | 1};
    assert_true(chip_poke(b->chip, 0x08000000, (const uint8_t *)vectors, sizeof vectors));
    chip_power_on(b->chip);
    poke16(b, IDLE, 0xe7fe, 0xe7fe);
    poke16(b, READ, 0x6808, 0xe7fe);
    poke16(b, FUNCTION, 0x2001, 0x4770);
    for (unsigned i = 0; i < 16; i++) {
        poke16(b, DATA + 16 * i, (uint16_t)(0x1100 + i), 0x2200);
    }
    cpu_set_register(b->cpu, 15, IDLE);
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    struct board *b = *state;
    chip_free(b->chip);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void store(struct board *b, uint32_t addr, uint32_t value) {
    assert_true(chip_bus_write(b->chip, addr, 4, value));
}

static void unlock(struct board *b) {
    store(b, KEYR, 0x45670123);
    store(b, KEYR, 0xCDEF89AB);
}

static void erase(struct board *b, unsigned sector) {
    store(b, CR, 2u << 8 | sector << 3 | 2);
    store(b, CR, 2u << 8 | sector << 3 | 2 | 1u << 16);
    timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_S);
    store(b, CR, 0);
}

static void program(struct board *b, uint32_t addr, uint32_t value) {
    store(b, CR, 2u << 8 | 1);
    store(b, addr, value);
    timeline_run(&b->timeline, timeline_now(&b->timeline) + PS_PER_MS);
    store(b, CR, 0);
}

static uint32_t read_word(struct board *b, uint32_t addr) {
    cpu_set_register(b->cpu, 1, addr);
    run_at(b, READ, 1);
    return cpu_register(b->cpu, 0);
}

// What the function at FUNCTION returns.
static uint32_t call(struct board *b) {
    cpu_set_register(b->cpu, 0, 0);
    cpu_set_register(b->cpu, 14, IDLE | 1);
    run_at(b, FUNCTION, 2);
    return cpu_register(b->cpu, 0);
}

static void replace_function(struct board *b) {
    unlock(b);
    erase(b, 1);
    program(b, FUNCTION, 0x47702002); // movs r0, #2; bx lr
}

static void code_executed_before_it_was_replaced_runs_on_until_the_cache_is_reset(void **state) {
    struct board *b = *state;
    store(b, ACR, ICEN);
    assert_int_equal(call(b), 1);
    replace_function(b);
    assert_int_equal(call(b), 1);
    assert_int_equal(trace_complaints(&b->trace, "stale-instruction-cache"), 1);
    store(b, ACR, ICEN | ICRST); // not while it is on
    assert_int_equal(call(b), 1);
    store(b, ACR, 0);
    assert_int_equal(call(b), 2); // the memory itself
    store(b, ACR, ICRST);
    store(b, ACR, ICEN);
    assert_int_equal(call(b), 2);
}

static void code_not_executed_before_and_code_without_the_cache_is_new(void **state) {
    struct board *b = *state;
    store(b, ACR, ICEN);
    replace_function(b);
    assert_int_equal(call(b), 2);
    erase(b, 1);
    store(b, ACR, 0);
    program(b, FUNCTION, 0x47702003);
    assert_int_equal(call(b), 3);
    erase(b, 1);
    program(b, FUNCTION, 0x47702004);
    assert_int_equal(call(b), 4);
    assert_int_equal(trace_complaints(&b->trace, "stale-instruction-cache"), 0);
}

static void a_system_reset_empties_the_caches(void **state) {
    struct board *b = *state;
    store(b, ACR, ICEN | DCEN);
    unlock(b);
    assert_int_equal(call(b), 1);
    assert_int_equal(read_word(b, DATA), 0x22001100);
    erase(b, 2);
    erase(b, 1);
    program(b, FUNCTION, 0x47702002);
    chip_reset_pin(b->chip);
    store(b, ACR, ICEN | DCEN);
    assert_int_equal(call(b), 2);
    assert_int_equal(read_word(b, DATA), 0xFFFFFFFF);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
}

static void data_read_before_its_erase_is_still_read_until_the_cache_is_reset(void **state) {
    struct board *b = *state;
    store(b, ACR, DCEN);
    unlock(b);
    assert_int_equal(read_word(b, DATA), 0x22001100);
    erase(b, 2);
    assert_int_equal(read_word(b, DATA), 0x22001100);
    assert_int_equal(read_word(b, DATA + 4), 0xFFFFFFFF); // same line, same as before
    assert_int_equal(read_word(b, DATA + 16), 0xFFFFFFFF);
    assert_int_equal(trace_complaints(&b->trace, "stale-data-cache"), 1);
    store(b, CR, LOCK);
    assert_int_equal(read_word(b, DATA), 0x22001100); // locking changes nothing
    store(b, ACR, 0);
    store(b, ACR, DCRST);
    store(b, ACR, DCEN);
    assert_int_equal(read_word(b, DATA), 0xFFFFFFFF);
}

static void eight_other_lines_drive_a_stale_one_out(void **state) {
    struct board *b = *state;
    store(b, ACR, DCEN);
    unlock(b);
    (void)read_word(b, DATA);
    erase(b, 2);
    store(b, CR, LOCK);
    for (unsigned i = 1; i <= 7; i++) {
        (void)read_word(b, DATA + 16 * i);
    }
    assert_int_equal(read_word(b, DATA), 0x22001100); // seven leave room for it; now the newest
    for (unsigned i = 1; i <= 8; i++) {
        (void)read_word(b, DATA + 16 * i);
    }
    assert_int_equal(read_word(b, DATA), 0xFFFFFFFF);
}

static void programming_writes_the_data_cache_as_well(void **state) {
    struct board *b = *state;
    unlock(b);
    erase(b, 2);
    store(b, ACR, DCEN);
    assert_int_equal(read_word(b, DATA), 0xFFFFFFFF);
    program(b, DATA, 0x12345678);
    assert_int_equal(read_word(b, DATA), 0x12345678);
    assert_int_equal(trace_complaints(&b->trace, NULL), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(code_executed_before_it_was_replaced_runs_on_until_the_cache_is_reset),
        TEST(code_not_executed_before_and_code_without_the_cache_is_new),
        TEST(a_system_reset_empties_the_caches),
        TEST(data_read_before_its_erase_is_still_read_until_the_cache_is_reset),
        TEST(eight_other_lines_drive_a_stale_one_out),
        TEST(programming_writes_the_data_cache_as_well),
    };
    return cmocka_run_group_tests_name("art", tests, NULL, NULL);
}
