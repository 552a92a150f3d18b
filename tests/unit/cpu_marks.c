// SPDX-License-Identifier: MIT
//
// Marks (vboard/cpu/marks.c) and the probe (probe.c): somebody is told, and the program does not notice.

#include "tests/unit/cpu_bench.h"

#define NOP 0xbf00

static struct bench bench;
static uint32_t met[32];
static unsigned met_count;
static uint32_t unmark_when_met; // 0: none

static void marked(void *ctx, uint32_t addr) {
    struct bench *of = ctx;
    assert_true(met_count < 32);
    assert_int_equal(cpu_pc(of->cpu), addr);
    met[met_count++] = addr;
    if (addr == unmark_when_met) {
        cpu_unmark(of->cpu, addr);
    }
}

static int set_up(void **state) {
    (void)state;
    memset(&bench, 0, sizeof bench);
    bench_make(&bench);
    met_count = 0;
    unmark_when_met = 0;
    cpu_set_bus(bench.cpu, &(struct cpu_bus){.ctx = &bench, .marked = marked});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_free(&bench);
    return 0;
}

// r0 counts from 0 to 3.
static void put_loop(uint32_t addr) {
    CODE_AT(&bench, addr,
            0x2000,  // movs r0, #0
            0x3001,  // 1: adds r0, #1
            0x2803,  // cmp r0, #3
            0xd1fc,  // bne 1b
            0xe7fe); // b .
}

static uint64_t run_from(uint32_t addr, uint64_t cycles) {
    uint64_t begin = cpu_cycles(bench.cpu);
    cpu_set_register(bench.cpu, 15, addr);
    (void)cpu_run(bench.cpu, begin + cycles);
    return cpu_cycles(bench.cpu) - begin;
}

static void each_arrival_is_told_once(void **state) {
    (void)state;
    put_loop(CODE);
    cpu_mark(bench.cpu, CODE + 2); // before it was ever decoded
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 3);
    assert_int_equal(met[0], CODE + 2);
    assert_int_equal(cpu_register(bench.cpu, 0), 3);
    cpu_mark(bench.cpu, CODE); // after
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 3 + 4);
    assert_int_equal(met[3], CODE);
}

static void single_steps_tell_too(void **state) {
    (void)state;
    put_loop(CODE);
    cpu_mark(bench.cpu, CODE);
    cpu_set_register(bench.cpu, 15, CODE);
    bench_steps(&bench, 2);
    assert_int_equal(met_count, 1);
    assert_int_equal(cpu_register(bench.cpu, 0), 1);
}

static void a_mark_costs_no_cycle(void **state) {
    (void)state;
    const struct cpu_fetch fetch = {5, false, true, false};
    put_loop(CODE);
    put_loop(CODE + 0x100); // the same place in its line
    cpu_region_set_fetch(bench.cpu, bench.flash_region, &fetch);
    cpu_mark(bench.cpu, CODE + 0x100);
    cpu_mark(bench.cpu, CODE + 0x102);
    cpu_set_register(bench.cpu, 15, CODE);
    uint64_t begin = cpu_cycles(bench.cpu);
    bench_steps(&bench, 10);
    uint64_t plain = cpu_cycles(bench.cpu) - begin;
    cpu_set_register(bench.cpu, 15, CODE + 0x100);
    begin = cpu_cycles(bench.cpu);
    bench_steps(&bench, 10);
    assert_int_equal(cpu_cycles(bench.cpu) - begin, plain);
    assert_int_equal(met_count, 4);
}

static void marks_are_counted_and_can_go_while_they_are_met(void **state) {
    (void)state;
    put_loop(CODE);
    cpu_mark(bench.cpu, CODE + 2);
    cpu_mark(bench.cpu, CODE + 2);
    cpu_unmark(bench.cpu, CODE + 2);
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 3);
    unmark_when_met = CODE + 2;
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 4);
    assert_int_equal(cpu_register(bench.cpu, 0), 3);
    cpu_unmark(bench.cpu, CODE + 2); // one too many does nothing
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 4);
}

// Code that changes under a mark, as when it is copied to SRAM: what is there now is executed.
static void a_mark_outlives_the_code_under_it(void **state) {
    (void)state;
    put_loop(SRAM + 0x100);
    cpu_mark(bench.cpu, SRAM + 0x102);
    (void)run_from(SRAM + 0x100, 40);
    assert_int_equal(met_count, 3);
    bench_put(&bench, SRAM + 0x100, 0x30022001); // movs r0, #1; adds r0, #2
    cpu_code_changed(bench.cpu, SRAM + 0x100, 4);
    (void)run_from(SRAM + 0x100, 40);
    assert_int_equal(met_count, 4);
    assert_int_equal(cpu_register(bench.cpu, 0), 3);
}

// A snapshot has no marks in it: what was marked then and is not now, and the other way round.
static void marks_stay_as_they_are_over_a_snapshot(void **state) {
    (void)state;
    put_loop(CODE);
    cpu_mark(bench.cpu, CODE + 2);
    (void)run_from(CODE, 40);
    struct cpu_snapshot *snapshot = cpu_save(bench.cpu);
    cpu_unmark(bench.cpu, CODE + 2);
    cpu_mark(bench.cpu, CODE + 4);
    met_count = 0;
    cpu_restore(bench.cpu, snapshot);
    (void)run_from(CODE, 40);
    assert_int_equal(met_count, 3);
    assert_int_equal(met[0], CODE + 4);
    assert_int_equal(cpu_register(bench.cpu, 0), 3);
    cpu_snapshot_free(snapshot);
}

// --- the probe --------------------------------------------------------------------------------------

struct probe {
    unsigned steps, limit, loads;
    uint32_t device, show;
    uint32_t last_pc;
};

static bool step(void *ctx, uint32_t pc, unsigned exception) {
    struct probe *probe = ctx;
    assert_int_equal(exception, 0);
    probe->last_pc = pc;
    return probe->steps++ < probe->limit;
}

static bool read_device(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    const struct probe *probe = ctx;
    assert_int_equal(addr, DEVICE);
    assert_int_equal(size, 4);
    *value = probe->device;
    return true;
}

static void loaded(void *ctx, uint32_t addr, unsigned size, uint32_t *value) {
    struct probe *probe = ctx;
    assert_int_equal(addr, SRAM + 0x40);
    assert_int_equal(size, 4);
    probe->loads++;
    *value = probe->show;
}

static void a_probe_leaves_nothing_behind(void **state) {
    (void)state;
    CODE_AT(&bench, CODE,
            0x6801,  // 1: ldr r1, [r0]     the device
            0x6812,  // ldr r2, [r2]        memory
            0x6019,  // str r1, [r3]        memory
            0x6001,  // str r1, [r0]        the device
            0xe7fe); // b .
    cpu_set_register(bench.cpu, 0, DEVICE);
    cpu_set_register(bench.cpu, 2, SRAM + 0x40);
    cpu_set_register(bench.cpu, 3, SRAM + 0x80);
    cpu_set_register(bench.cpu, 15, CODE);
    bench_put(&bench, SRAM + 0x80, 0x1234);
    uint64_t cycles = cpu_cycles(bench.cpu);
    struct probe probe = {.limit = 10, .device = 0xABCD, .show = 77};
    assert_true(cpu_probe(
        bench.cpu,
        &(struct cpu_probe){.ctx = &probe, .step = step, .read = read_device, .loaded = loaded}));
    assert_int_equal(probe.steps, 11);
    assert_int_equal(probe.loads, 1);
    assert_int_equal(probe.last_pc, CODE + 8);
    assert_int_equal(cpu_pc(bench.cpu), CODE);
    assert_int_equal(cpu_cycles(bench.cpu), cycles);
    assert_int_equal(cpu_register(bench.cpu, 1), 0);
    assert_int_equal(cpu_register(bench.cpu, 2), SRAM + 0x40);
    assert_int_equal(bench_word(&bench, SRAM + 0x80), 0x1234);
    assert_int_equal(bench.device_writes, 0);
    assert_int_equal(bench.device_reads, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_arrival_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(single_steps_tell_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mark_costs_no_cycle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_counted_and_can_go_while_they_are_met, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_mark_outlives_the_code_under_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_stay_as_they_are_over_a_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_probe_leaves_nothing_behind, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("cpu_marks", tests, NULL, NULL);
}
