// SPDX-License-Identifier: MIT
//
// Power goes before one chosen instruction: exactly there, and whatever it was, redfu-boot comes up
// again. The sweep runs over the instructions from a reset with the button held to the pull-up, which
// is where the settings page is turned over; between flash operations and inside them alike.

#include "tests/board/host.h"

#include <stdlib.h>
#include <string.h>

#include "vboard/cut.h"

#define BOOT_MAX_MS 200u
#define POINTS      60u

static void stop(void *ctx) {
    struct bench *bench = ctx;
    timeline_stop(&bench->timeline);
}

// Runs until the instruction `number` is next.
static void run_to(struct bench *bench, uint64_t number) {
    chip_on_instruction(bench->chip, number, stop, bench);
    timeline_run(&bench->timeline, timeline_now(&bench->timeline) + PS_PER_S);
}

static void hook_comes_before_exactly_that_instruction(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    struct cpu *cpu = chip_cpu(bench->chip);
    chip_power_on(bench->chip);
    // Steps by one against leaps, over interrupts and stalls: same place, same time.
    for (uint64_t first = 1000; first < 200000; first += 37123) {
        run_to(bench, first);
        assert_int_equal(cpu_instructions(cpu), first - 1);
        struct snapshot *here = bench_take(bench);
        for (uint64_t number = first + 1; number <= first + 500; number++) {
            run_to(bench, number);
            assert_int_equal(cpu_instructions(cpu), number - 1);
        }
        uint32_t pc = cpu_pc(cpu), sp = cpu_register(cpu, 13);
        uint64_t cycles = cpu_cycles(cpu);
        snapshot_restore(here);
        run_to(bench, first + 500);
        assert_int_equal(cpu_instructions(cpu), first + 499);
        assert_int_equal(cpu_pc(cpu), pc);
        assert_int_equal(cpu_register(cpu, 13), sp);
        assert_int_equal(cpu_cycles(cpu), cycles);
        snapshot_free(here);
    }
    bench_free(bench);
}

static void cut_happens_once_at_its_instruction(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    struct cpu *cpu = chip_cpu(bench->chip);
    struct cut cut = {0};
    struct cut_when when;
    assert_null(cut_read("insn:5000", &when));
    chip_power_on(bench->chip);
    run_to(bench, 1001);
    cut_arm(&cut, bench->chip, &bench->trace, &when); // counts from here
    struct snapshot *here = bench_take(bench);
    bench_run_ms(bench, 5);
    assert_true(cut.has_happened);
    assert_false(chip_is_powered(bench->chip));
    assert_int_equal(cpu_instructions(cpu), 1000 + 4999);
    assert_int_equal(cut_passed(&cut), 4999);
    bench_run_ms(bench, 5);
    assert_int_equal(cpu_instructions(cpu), 1000 + 4999); // nothing more executes
    chip_power_on(bench->chip);
    bench_run_ms(bench, 1);
    assert_true(cpu_instructions(cpu) > 6000); // and it does not happen again
    snapshot_restore(here);
    cut_disarm(&cut);
    bench_run_ms(bench, 5);
    assert_true(chip_is_powered(bench->chip));
    snapshot_free(here);
    bench_free(bench);
}

static void wait_for_dfu(struct bench *bench) {
    for (unsigned ms = 0; ms < BOOT_MAX_MS && !cable_is_attached(bench->cable); ms++) {
        bench_run_ms(bench, 1);
    }
    assert_true(cable_is_attached(bench->cable));
}

static void board_comes_up_after_a_cut_at_any_instruction(void **state) {
    (void)state;
    struct bench *bench = bench_new(8000000);
    struct cpu *cpu = chip_cpu(bench->chip);
    bench_place_application(bench, "blink-0.1.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    static uint8_t boot[16384];
    memcpy(boot, chip_flash(bench->chip), sizeof boot);
    struct snapshot *off = bench_take(bench);
    chip_power_on(bench->chip);
    uint64_t first = cpu_instructions(cpu) + 1;
    wait_for_dfu(bench);
    uint64_t last = cpu_instructions(cpu);
    assert_true(last - first > 10000);
    uint64_t seed = 1;
    for (unsigned point = 0; point < POINTS; point++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u; // Knuth's MMIX
        struct cut cut = {0};
        struct cut_when when = {.kind = CUT_INSTRUCTION, .number = 1 + seed % (last - first)};
        snapshot_restore(off);
        chip_power_on(bench->chip);
        chip_set_tear_seed(bench->chip, seed);
        cut_arm(&cut, bench->chip, &bench->trace, &when);
        bench_run_ms(bench, BOOT_MAX_MS);
        assert_true(cut.has_happened);
        assert_false(cable_is_attached(bench->cable));
        chip_power_on(bench->chip);
        wait_for_dfu(bench);
        assert_memory_equal(chip_flash(bench->chip), boot, sizeof boot);
        if (trace_complaints(&bench->trace, NULL) != 0) {
            fail_msg("complaints after a cut at instruction %llu", (unsigned long long)when.number);
        }
    }
    snapshot_free(off);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hook_comes_before_exactly_that_instruction),
        cmocka_unit_test(cut_happens_once_at_its_instruction),
        cmocka_unit_test(board_comes_up_after_a_cut_at_any_instruction),
    };
    return cmocka_run_group_tests_name("board/cut", tests, NULL, NULL);
}
