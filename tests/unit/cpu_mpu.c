// SPDX-License-Identifier: MIT
//
// The MPU against PM0214 4.2 and ARM DDI 0403 B3.5: who may do what where, and what a refusal leaves in CFSR and MMFAR.

#include "tests/unit/cpu_bench.h"

enum {
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    MMFAR = 0xe000ed34,
    MPU_TYPE = 0xe000ed90,
    MPU_CTRL = 0xe000ed94,
    MPU_RNR = 0xe000ed98,
    MPU_RBAR = 0xe000ed9c,
    MPU_RASR = 0xe000eda0,
    MPU_RBAR_A1 = 0xe000eda4,
    MPU_RASR_A1 = 0xe000eda8,
};
enum { ENABLE = 1, HFNMIENA = 2, PRIVDEFENA = 4 };
#define FAULTS_ENABLED 0x00070000u
#define VALID          0x10u
#define AP(n)          ((uint32_t)(n) << 24)
#define SIZE(bits)     (((uint32_t)(bits)-1) << 1 | 1) // and enabled
#define XN             (1u << 28)
#define PLACE          (SRAM + 0x4000)
#define DACCVIOL       0x82u // with MMARVALID

static void make(struct bench *bench) {
    bench_make(bench);
    bench_store(bench, SHCSR, FAULTS_ENABLED);
    CODE_AT(bench, CODE, 0x6801, 0xbf00);      // ldr r1, [r0]
    CODE_AT(bench, CODE + 8, 0x6001, 0xbf00);  // str r1, [r0]
    CODE_AT(bench, CODE + 16, 0xdf00, 0xbf00); // svc 0
}

static void region(struct bench *bench, unsigned number, uint32_t base, uint32_t rasr) {
    bench_store(bench, MPU_RBAR, base | VALID | number);
    bench_store(bench, MPU_RASR, rasr);
}

static uint32_t peek(struct bench *bench, uint32_t addr) {
    uint32_t value = 0;
    assert_true(cpu_peek(bench->cpu, addr, 4, &value));
    return value;
}

// Runs one instruction with R0 as address; the CFSR it leaves, cleared afterwards. Back in thread mode.
static uint32_t tried(struct bench *bench, uint32_t at, uint32_t addr, bool privileged) {
    cpu_set_register(bench->cpu, 0, addr);
    cpu_set_register(bench->cpu, 13, STACK);
    cpu_set_register(bench->cpu, CPU_CONTROL, !privileged);
    cpu_set_register(bench->cpu, 15, at);
    cpu_step(bench->cpu);
    uint32_t cfsr = peek(bench, CFSR);
    if (cfsr) {
        cpu_step(bench->cpu); // the handler
        assert_int_equal(cpu_pc(bench->cpu), HANDLER(4));
        cpu_step(bench->cpu); // bx lr
        assert_int_equal(cpu_pc(bench->cpu), at);
        if (cfsr & 0x80) {
            assert_int_equal(peek(bench, MMFAR), addr);
        }
        cpu_set_register(bench->cpu, CPU_CONTROL, 0);
        bench_store(bench, CFSR, cfsr);
    }
    cpu_set_register(bench->cpu, CPU_CONTROL, 0);
    return cfsr;
}

#define loads(bench, addr, privileged)  tried(bench, CODE, addr, privileged)
#define stores(bench, addr, privileged) tried(bench, CODE + 8, addr, privileged)

static void registers_are_eight_regions(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    assert_int_equal(peek(&bench, MPU_TYPE), 8 << 8);
    bench_store(&bench, MPU_RBAR, 0x20000123 | VALID); // region 3
    assert_int_equal(peek(&bench, MPU_RNR), 3);
    assert_int_equal(peek(&bench, MPU_RBAR), 0x20000120 | 3);
    bench_store(&bench, MPU_RASR, 0xffffffff);
    assert_int_equal(peek(&bench, MPU_RASR), 0x173fff3f);
    bench_store(&bench, MPU_RNR, 5);
    assert_int_equal(peek(&bench, MPU_RASR), 0);
    bench_store(&bench, MPU_RBAR_A1, 0x08000000 | VALID | 6);
    bench_store(&bench, MPU_RASR_A1, AP(3) | SIZE(20));
    assert_int_equal(peek(&bench, MPU_RASR), AP(3) | SIZE(20));
    bench_store(&bench, MPU_CTRL, 0xfffffffe);
    assert_int_equal(peek(&bench, MPU_CTRL), 6);
    cpu_reset(bench.cpu);
    assert_int_equal(peek(&bench, MPU_CTRL), 0);
    bench_free(&bench);
}

static void permissions_are_kept(void **state) {
    (void)state;
    static const struct {
        unsigned ap;
        bool privileged_load, privileged_store, load, store; // refused
    } cases[] = {
        {0, 1, 1, 1, 1}, {1, 0, 0, 1, 1}, {2, 0, 0, 0, 1}, {3, 0, 0, 0, 0},
        {5, 0, 1, 1, 1}, {6, 0, 1, 0, 1}, {7, 0, 1, 0, 1},
    };
    struct bench bench;
    make(&bench);
    region(&bench, 0, FLASH, AP(3) | SIZE(16)); // code for all
    region(&bench, 2, SRAM, AP(3) | SIZE(16));
    bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        region(&bench, 3, PLACE, AP(cases[i].ap) | SIZE(8)); // the higher number wins
        assert_int_equal(loads(&bench, PLACE, true), cases[i].privileged_load ? DACCVIOL : 0);
        assert_int_equal(stores(&bench, PLACE, true), cases[i].privileged_store ? DACCVIOL : 0);
        assert_int_equal(loads(&bench, PLACE, false), cases[i].load ? DACCVIOL : 0);
        assert_int_equal(stores(&bench, PLACE, false), cases[i].store ? DACCVIOL : 0);
        assert_int_equal(loads(&bench, PLACE + 256, false), 0);
        assert_int_equal(loads(&bench, PLACE - 4, false), 0);
    }
    bench_store(&bench, MPU_CTRL, 0);
    region(&bench, 3, PLACE, AP(0) | SIZE(8));
    assert_int_equal(stores(&bench, PLACE, false), 0);
    bench_free(&bench);
}

static void subregions_and_background(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    region(&bench, 0, FLASH, AP(3) | SIZE(16));
    region(&bench, 1, PLACE, AP(0) | SIZE(8) | 1u << (8 + 2)); // the third 32 bytes are not of it
    bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA);
    assert_int_equal(loads(&bench, PLACE + 0x3c, true), DACCVIOL);
    assert_int_equal(loads(&bench, PLACE + 0x40, true), 0);
    assert_int_equal(loads(&bench, PLACE + 0x5c, true), 0);
    assert_int_equal(loads(&bench, PLACE + 0x60, true), DACCVIOL);
    // Half a word on each side.
    assert_int_equal(loads(&bench, PLACE + 0x3e, true) & 0x82, DACCVIOL);
    region(&bench, 2, SRAM + 0x8000 - 0x800, AP(3) | SIZE(11)); // a stack
    assert_int_equal(loads(&bench, PLACE + 0x40, false),
                     DACCVIOL); // the background is privileged code's
    assert_int_equal(loads(&bench, DEVICE, true), 0);
    assert_int_equal(loads(&bench, DEVICE, false), DACCVIOL);
    bench_free(&bench);
}

static void code_may_be_kept_from_running(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    CODE_AT(&bench, SRAM + 0x1000, 0xbf00, 0xbf00);
    region(&bench, 1, SRAM + 0x1000, AP(3) | SIZE(5) | XN);
    bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA);
    assert_int_equal(tried(&bench, SRAM + 0x1000, 0, true), 0x01); // IACCVIOL, no address
    region(&bench, 1, SRAM + 0x1000, AP(3) | SIZE(5));
    assert_int_equal(tried(&bench, SRAM + 0x1000, 0, true), 0);
    // A long instruction's second half in another region.
    CODE_AT(&bench, SRAM + 0x101e, 0xf3af, 0x8000); // nop.w
    assert_int_equal(tried(&bench, SRAM + 0x101e, 0, true), 0);
    region(&bench, 2, SRAM + 0x1020, AP(3) | SIZE(5) | XN);
    assert_int_equal(tried(&bench, SRAM + 0x101e, 0, true), 0x01);
    bench_free(&bench);
}

static void stacking_and_unstacking_are_looked_at(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    region(&bench, 1, PLACE, AP(0) | SIZE(8));
    bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA);
    cpu_set_register(bench.cpu, 13, PLACE + 0x100);
    cpu_set_register(bench.cpu, 15, CODE + 16);
    bench_steps(&bench, 2);                          // SVC, and its frame
    assert_int_equal(peek(&bench, CFSR), 0x10);      // MSTKERR, no address
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(4)); // the derived one first
    bench_free(&bench);

    make(&bench);
    region(&bench, 1, STACK - 0x100, AP(3) | SIZE(8));
    bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA);
    cpu_set_register(bench.cpu, 13, STACK);
    cpu_set_register(bench.cpu, 15, CODE + 16);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(11));
    cpu_set_register(bench.cpu, 13, PLACE); // bench_store() stacks nothing, but keeps SP
    bench_store(&bench, MPU_RASR, AP(0) | SIZE(8));
    cpu_set_register(bench.cpu, 13, STACK - 32);
    bench_steps(&bench, 1);                     // bx lr
    assert_int_equal(peek(&bench, CFSR), 0x08); // MUNSTKERR
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(4));
    bench_free(&bench);
}

static void hard_fault_is_free_of_it_unless_told(void **state) {
    (void)state;
    for (unsigned told = 0; told < 2; told++) {
        struct bench bench;
        make(&bench);
        bench_store(&bench, SHCSR, 0); // escalates
        region(&bench, 1, PLACE, AP(0) | SIZE(8));
        CODE_AT(&bench, HANDLER(3), 0x6801, 0xbf00); // ldr r1, [r0] again
        bench_store(&bench, MPU_CTRL, ENABLE | PRIVDEFENA | (told ? HFNMIENA : 0));
        cpu_set_register(bench.cpu, 0, PLACE);
        cpu_set_register(bench.cpu, 13, STACK);
        cpu_set_register(bench.cpu, 15, CODE);
        bench_steps(&bench, 2);
        assert_int_equal(cpu_pc(bench.cpu), HANDLER(3));
        assert_int_equal(peek(&bench, HFSR), 1u << 30);
        assert_int_equal(peek(&bench, MMFAR), PLACE);
        bench_steps(&bench, 1);
        assert_int_equal(cpu_is_locked_up(bench.cpu), told);
        bench_free(&bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_eight_regions),
        cmocka_unit_test(permissions_are_kept),
        cmocka_unit_test(subregions_and_background),
        cmocka_unit_test(code_may_be_kept_from_running),
        cmocka_unit_test(stacking_and_unstacking_are_looked_at),
        cmocka_unit_test(hard_fault_is_free_of_it_unless_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
