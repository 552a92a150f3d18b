// SPDX-License-Identifier: MIT
//
// What fetching from a slow memory costs: the table of vboard/cpu/fetch.c, row by row.

#include "tests/unit/cpu_bench.h"

static struct bench bench;

static int set_up(void **state) {
    (void)state;
    memset(&bench, 0, sizeof bench);
    bench_make(&bench);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

static void set_fetch(uint8_t wait_states, bool prefetch, bool instructions, bool data) {
    cpu_region_set_fetch(bench.cpu, bench.flash_region,
                         &(struct cpu_fetch){wait_states, prefetch, instructions, data});
}

// Cycles of `steps` instructions from CODE on.
static unsigned cost(unsigned steps) {
    cpu_set_register(bench.cpu, 15, CODE);
    uint64_t begin = cpu_cycles(bench.cpu);
    bench_steps(&bench, steps);
    return (unsigned)(cpu_cycles(bench.cpu) - begin);
}

#define NOP          0xbf00
#define LINE_OF_NOPS NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP

static void straight_code_pays_a_line_at_a_time(void **state) {
    (void)state;
    CODE_AT(&bench, CODE, LINE_OF_NOPS, LINE_OF_NOPS, LINE_OF_NOPS);
    assert_int_equal(cost(24), 24);
    set_fetch(5, false, false, false);
    assert_int_equal(cost(24), 24 + 3 * 5);
    set_fetch(5, true, false, false); // four of five hide behind the line before
    assert_int_equal(cost(24), 24 + 3 * 1);
    set_fetch(3, true, false, false);
    assert_int_equal(cost(24), 24);
    set_fetch(0, false, false, false);
    assert_int_equal(cost(24), 24);
}

// What was fetched before is part of a processor's state: it says what costs nothing any more.
static void a_processor_put_back_has_fetched_what_it_had(void **state) {
    (void)state;
    CODE_AT(&bench, CODE, LINE_OF_NOPS, LINE_OF_NOPS, LINE_OF_NOPS, LINE_OF_NOPS);
    set_fetch(5, false, true, false);
    assert_int_equal(cost(16), 16 + 2 * 5);
    struct cpu_snapshot *two_lines = cpu_save(bench.cpu);
    uint64_t cycles = cpu_cycles(bench.cpu), instructions = cpu_instructions(bench.cpu);
    assert_int_equal(cost(32), 32 + 2 * 5); // the other two
    assert_int_equal(cost(32), 32);
    cpu_restore(bench.cpu, two_lines);
    assert_int_equal(cpu_cycles(bench.cpu), cycles);
    assert_int_equal(cpu_instructions(bench.cpu), instructions);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 32);
    assert_int_equal(cost(32), 32 + 2 * 5);
    set_fetch(3, false, true, false); // forgets all
    cpu_restore(bench.cpu, two_lines);
    assert_int_equal(cost(32), 32 + 2 * 5);
    cpu_snapshot_free(two_lines);
}

static void an_instruction_across_two_lines_waits_for_the_second(void **state) {
    (void)state;
    // Seven halfwords, then nop.w over the boundary.
    CODE_AT(&bench, CODE, NOP, NOP, NOP, NOP, NOP, NOP, NOP, 0xf3af, 0x8000, NOP);
    set_fetch(5, false, false, false);
    assert_int_equal(cost(7), 7 + 5);
    assert_int_equal(cost(9), 9 + 5 + 5);
}

static void the_cache_pays_once(void **state) {
    (void)state;
    CODE_AT(&bench, CODE, LINE_OF_NOPS, LINE_OF_NOPS, LINE_OF_NOPS);
    set_fetch(5, true, true, true);
    assert_int_equal(cost(24), 24 + 3 * 5);
    assert_int_equal(cost(24), 24);
    set_fetch(6, true, true, true); // set anew: from the start
    assert_int_equal(cost(24), 24 + 3 * 6);
}

static void branches_wait_where_they_are_taken_out_of_the_line(void **state) {
    (void)state;
    // cmp r0, r0; beq +32 (to CODE + 38); a line away
    CODE_AT(&bench, CODE, NOP, 0x4280, 0xd00f);
    set_fetch(0, false, false, false);
    assert_int_equal(cost(3), 1 + 1 + 3);
    set_fetch(5, false, false, false);
    assert_int_equal(cost(3), 5 + 1 + 1 + 3 + 5);
    set_fetch(5, false, true, false);
    (void)cost(3);
    assert_int_equal(cost(3), 1 + 1 + 3);
    // bne: not taken
    CODE_AT(&bench, CODE, NOP, 0x4280, 0xd10f);
    set_fetch(5, false, false, false);
    assert_int_equal(cost(3), 5 + 1 + 1 + 1);
    // b to the line's own first nop
    CODE_AT(&bench, CODE, NOP, NOP, 0xe7fc);
    assert_int_equal(cost(3), 5 + 1 + 1 + 3);
    // bx r1: always
    CODE_AT(&bench, CODE, NOP, 0x4708);
    cpu_set_register(bench.cpu, 1, CODE | 1);
    assert_int_equal(cost(2), 5 + 1 + 3 + 5);
}

static void literals_wait_without_the_data_cache(void **state) {
    (void)state;
    CODE_AT(&bench, CODE, NOP, 0x4801, NOP); // ldr r0, [pc, #4]
    set_fetch(5, false, true, false);
    (void)cost(2);
    assert_int_equal(cost(2), 1 + 2 + 5);
    set_fetch(5, false, true, true);
    (void)cost(2);
    assert_int_equal(cost(2), 1 + 2);
}

static void cycles_are_what_dwt_counts(void **state) {
    (void)state;
    CODE_AT(&bench, CODE, LINE_OF_NOPS, LINE_OF_NOPS);
    set_fetch(5, false, false, false);
    bench_store(&bench, 0xe000edfc, 1u << 24); // DEMCR.TRCENA
    bench_store(&bench, 0xe0001000, 1);        // DWT_CTRL.CYCCNTENA
    uint32_t begin, end;
    assert_true(cpu_peek(bench.cpu, 0xe0001004, 4, &begin));
    unsigned cycles = cost(16);
    assert_true(cpu_peek(bench.cpu, 0xe0001004, 4, &end));
    assert_int_equal(end - begin, cycles);
    assert_int_equal(cycles, 16 + 2 * 5);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(straight_code_pays_a_line_at_a_time),
        TEST(a_processor_put_back_has_fetched_what_it_had),
        TEST(an_instruction_across_two_lines_waits_for_the_second),
        TEST(the_cache_pays_once),
        TEST(branches_wait_where_they_are_taken_out_of_the_line),
        TEST(literals_wait_without_the_data_cache),
        TEST(cycles_are_what_dwt_counts),
    };
    return cmocka_run_group_tests_name("cpu_fetch", tests, NULL, NULL);
}
