// SPDX-License-Identifier: MIT
//
// Exceptions that cannot be entered or left as they should (ARM DDI 0403 B1.5.6 to B1.5.15): frames that go nowhere,
// vectors that cannot be read, wrong EXC_RETURNs, faults where nothing is left but lockup; and what the fault status
// registers keep of it. The MPU's part is in cpu_mpu.c, the floating-point registers' in cpu_fpu.c.

#include "tests/unit/cpu_bench.h"

enum {
    ICSR = 0xe000ed04,
    VTOR = 0xe000ed08,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    BFAR = 0xe000ed38,
    SHPR2 = 0xe000ed1c,
};

#define FAULTS_ENABLED 0x00070000u // SHCSR: UsageFault, BusFault, MemManage
#define BUSFAULTPENDED 0x00004000u // SHCSR
#define SVCALLPENDED   0x00008000u
#define NMIPENDSET     0x80000000u // ICSR
#define PRECISERR      (1u << 9)
#define UNSTKERR       (1u << 11)
#define STKERR         (1u << 12)
#define BFARVALID      (1u << 15)
#define UNDEFINSTR     (1u << 16)
#define INVSTATE       (1u << 17)
#define INVPC          (1u << 18)
#define VECTTBL        (1u << 1)
#define FORCED         (1u << 30)

#define NOWHERE        0x30000000u
#define NOP            0xbf00
#define SVC            0xdf00
#define UDF            0xde00
#define BX_LR          0x4770

// A status register as it stands, while the processor may not be able to execute anything.
static uint32_t status(const struct bench *bench, uint32_t addr) {
    return bench_word(bench, addr);
}

static void make(struct bench *bench, uint32_t shcsr) {
    bench_make(bench);
    bench_store(bench, SHCSR, shcsr);
    CODE_AT(bench, CODE, SVC, NOP);
}

static void frame_that_goes_nowhere_is_a_busfault_before_the_exception(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, FAULTS_ENABLED);
    cpu_set_register(bench.cpu, 13, NOWHERE + 0x100);
    bench_steps(&bench, 2); // SVC, and an entry
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    assert_int_equal(status(&bench, CFSR), STKERR); // and no address: BFARVALID is 0
    assert_int_equal(status(&bench, HFSR), 0);
    assert_int_equal(status(&bench, SHCSR) & SVCALLPENDED, SVCALLPENDED); // still to come
    assert_int_equal(cpu_register(bench.cpu, 13), NOWHERE + 0x100 - 32);
    bench_free(&bench);
}

static void less_urgent_busfault_waits_for_the_exception(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, FAULTS_ENABLED);
    bench_store(&bench, 0xe000ed18, 0x00008000); // SHPR1: BusFault 0x80, SVCall 0
    cpu_set_register(bench.cpu, 13, NOWHERE + 0x100);
    bench_steps(&bench, 2);
    // B1.5.6: the derived one is taken only where it is more urgent; it is not lost.
    assert_int_equal(status(&bench, CFSR), STKERR);
    assert_int_equal(status(&bench, SHCSR) & BUSFAULTPENDED, BUSFAULTPENDED);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(11));
    bench_free(&bench);
}

static void without_busfault_it_is_a_hardfault(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, 0);
    cpu_set_register(bench.cpu, 13, NOWHERE + 0x100);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(3));
    assert_int_equal(status(&bench, CFSR), STKERR);
    assert_int_equal(status(&bench, HFSR), FORCED);
    bench_free(&bench);
}

static void frame_that_cannot_be_read_back_is_a_busfault(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, FAULTS_ENABLED);
    CODE_AT(&bench, HANDLER(11), BX_LR);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(11));
    cpu_set_register(bench.cpu, 13, NOWHERE);
    bench_steps(&bench, 1);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    assert_int_equal(status(&bench, CFSR), UNSTKERR);
    assert_int_equal(cpu_register(bench.cpu, 13), NOWHERE); // nothing was taken from it
    // Of the return that failed, SVCall is not active any more, and BusFault is: IPSR 5.
    assert_int_equal(cpu_register(bench.cpu, 16) & 0x1ff, 5);
    bench_free(&bench);
}

struct return_case {
    const char *text;
    uint32_t exc_return;
    uint32_t xpsr; // stacked; 0: as it was
};

static void wrong_exc_return_is_a_usagefault(void **state) {
    (void)state;
    static const struct return_case cases[] = {
        {"no such", 0xfffffff3, 0},
        {"to a handler that is not there", 0xfffffff1, 0},
        {"bits 27:5 not ones", 0xfffff0f9, 0},
        {"to Thread mode with a handler's IPSR", 0xfffffff9, 0x01000005},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        make(&bench, FAULTS_ENABLED);
        CODE_AT(&bench, HANDLER(11), BX_LR);
        bench_steps(&bench, 2);
        cpu_set_register(bench.cpu, 14, cases[i].exc_return);
        if (cases[i].xpsr) {
            bench_put(&bench, cpu_register(bench.cpu, 13) + 28, cases[i].xpsr);
        }
        bench_steps(&bench, 1);
        if (cpu_pc(bench.cpu) != HANDLER(6) || status(&bench, CFSR) != INVPC) {
            fail_msg("%s: PC %08x CFSR %08x", cases[i].text, cpu_pc(bench.cpu),
                     status(&bench, CFSR));
        }
        bench_free(&bench);
    }
}

static void return_to_thread_from_a_nested_handler_is_refused(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, FAULTS_ENABLED);
    bench_store(&bench, SHPR2, 0x80000000); // SVCall less urgent than UsageFault
    CODE_AT(&bench, HANDLER(11), UDF);
    CODE_AT(&bench, HANDLER(6), BX_LR);
    bench_steps(&bench, 4);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(6));
    cpu_set_register(bench.cpu, 14, 0xfffffff9);
    bench_steps(&bench, 1);
    assert_int_equal(status(&bench, CFSR), UNDEFINSTR | INVPC); // what was there stays
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(6));
    bench_free(&bench);
}

static void unreadable_vectors_end_in_lockup(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, 0);
    bench_store(&bench, VTOR, NOWHERE);
    assert_int_equal(cpu_run(bench.cpu, cpu_cycles(bench.cpu) + 1000), CPU_STOP_LOCKUP);
    assert_int_equal(status(&bench, HFSR), VECTTBL);
    assert_string_equal(bench.last_complaint, "lockup");
    bench_free(&bench);
}

static void fault_in_nmi_locks_up(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, FAULTS_ENABLED);
    CODE_AT(&bench, HANDLER(2), NOP, UDF);
    CODE_AT(&bench, CODE, 0x6001, NOP, NOP); // str r1, [r0]
    cpu_set_register(bench.cpu, 0, ICSR);
    cpu_set_register(bench.cpu, 1, NMIPENDSET);
    assert_int_equal(cpu_run(bench.cpu, cpu_cycles(bench.cpu) + 1000), CPU_STOP_LOCKUP);
    assert_int_equal(bench.entered[0], 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(2) + 2);
    assert_int_equal(status(&bench, CFSR), UNDEFINSTR); // told, though nobody can ask
    assert_true(cpu_is_locked_up(bench.cpu));
    bench_free(&bench);
}

static void reset_vector_without_thumb_is_a_hardfault(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_put(&bench, FLASH + 4, CODE); // bit 0 clear
    cpu_reset(bench.cpu);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(3));
    assert_int_equal(status(&bench, CFSR), INVSTATE);
    assert_int_equal(status(&bench, HFSR), FORCED);
    assert_int_equal(bench_word(&bench, STACK - 32 + 24), CODE); // stacked
    bench_free(&bench);
}

static void status_is_kept_until_ones_are_written(void **state) {
    (void)state;
    struct bench bench;
    make(&bench, 0);
    // udf; the handler steps behind it; then ldr r1, [r0] from nowhere
    CODE_AT(&bench, CODE, UDF, 0x6801, NOP);
    CODE_AT(&bench, HANDLER(3), 0x9a06, 0x3202, 0x9206,
            BX_LR); // ldr r2,[sp,#24]; adds r2,#2; str; bx lr
    cpu_set_register(bench.cpu, 0, NOWHERE + 4);
    bench_steps(&bench, 6);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 2);
    assert_int_equal(status(&bench, CFSR), UNDEFINSTR);
    bench_steps(&bench, 2);
    assert_int_equal(status(&bench, CFSR), UNDEFINSTR | PRECISERR | BFARVALID);
    assert_int_equal(status(&bench, BFAR), NOWHERE + 4);
    assert_int_equal(status(&bench, HFSR), FORCED);
    bench_store(&bench, CFSR, UNDEFINSTR);
    assert_int_equal(status(&bench, CFSR), PRECISERR | BFARVALID);
    bench_store(&bench, CFSR, 0);
    assert_int_equal(status(&bench, CFSR), PRECISERR | BFARVALID);
    bench_store(&bench, CFSR, BFARVALID | PRECISERR);
    assert_int_equal(status(&bench, CFSR), 0);
    assert_int_equal(status(&bench, HFSR), FORCED);
    bench_store(&bench, HFSR, FORCED);
    assert_int_equal(status(&bench, HFSR), 0);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_that_goes_nowhere_is_a_busfault_before_the_exception),
        cmocka_unit_test(less_urgent_busfault_waits_for_the_exception),
        cmocka_unit_test(without_busfault_it_is_a_hardfault),
        cmocka_unit_test(frame_that_cannot_be_read_back_is_a_busfault),
        cmocka_unit_test(wrong_exc_return_is_a_usagefault),
        cmocka_unit_test(return_to_thread_from_a_nested_handler_is_refused),
        cmocka_unit_test(unreadable_vectors_end_in_lockup),
        cmocka_unit_test(fault_in_nmi_locks_up),
        cmocka_unit_test(reset_vector_without_thumb_is_a_hardfault),
        cmocka_unit_test(status_is_kept_until_ones_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
