// SPDX-License-Identifier: MIT
//
// The floating-point unit as drivers and kernels meet it: access, lazy stacking, context switches,
// faults, costs (ARM DDI 0403 B1.5.7, PM0214 4.6). What instructions compute: tests/oracle.

#include "tests/unit/cpu_bench.h"

enum {
    ICSR = 0xe000ed04,
    CCR = 0xe000ed14,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    CPACR = 0xe000ed88,
    FPCCR = 0xe000ef34,
    FPCAR = 0xe000ef38,
    FPDSCR = 0xe000ef3c,
    MVFR0 = 0xe000ef40,
    MVFR1 = 0xe000ef44,
};

#define FULL_ACCESS       0x00f00000u // CPACR
#define PRIVILEGED_ACCESS 0x00500000u
#define FAULTS_ENABLED    0x00070000u // SHCSR: UsageFault, BusFault, MemManage
#define ASPEN             0x80000000u // FPCCR
#define LSPEN             0x40000000u
#define LSPACT            1u
#define BASIC             0x20u // bytes of a frame
#define EXTENDED          0x68u

#define NOP               0xbf00
#define BX_LR             0x4770
#define SVC               0xdf00
#define VMOV_S0_R0        0xee00, 0x0a10
#define VADD_S0_S0_S0     0xee30, 0x0a00
#define MSR_CONTROL_R0    0xf380, 0x8814
#define MRS_R0_CONTROL    0xf3ef, 0x8014
#define MRS_R1_CONTROL    0xf3ef, 0x8114

static void make(struct bench *bench) {
    bench_make(bench);
    bench_store(bench, CPACR, FULL_ACCESS);
    bench_store(bench, SHCSR, FAULTS_ENABLED);
    for (unsigned i = 0; i < 32; i++) {
        cpu_set_register(bench->cpu, CPU_S0 + i, 0x40000000 + i);
    }
    cpu_set_register(bench->cpu, CPU_FPSCR, 0x10000001);
}

// Thread code that used the FPU, about to be interrupted by SVC; its frame's address comes back.
static uint32_t interrupt_a_user(struct bench *bench) {
    CODE_AT(bench, CODE, VMOV_S0_R0, SVC, NOP);
    cpu_set_register(bench->cpu, 0, 0x3f800000);
    cpu_step(bench->cpu);
    cpu_set_register(bench->cpu, CPU_FPSCR, 0x10000001);
    bench_steps(bench, 2);
    assert_int_equal(cpu_pc(bench->cpu), HANDLER(11));
    return cpu_register(bench->cpu, 13);
}

static bool is_frame_saved(const struct bench *bench, uint32_t frame) {
    for (unsigned i = 1; i < 16; i++) {
        if (bench_word(bench, frame + BASIC + i * 4) != 0x40000000 + i) {
            return false;
        }
    }
    return bench_word(bench, frame + BASIC) == 0x3f800000 &&
           bench_word(bench, frame + BASIC + 64) == 0x10000001;
}

static void access_is_what_cpacr_gives(void **state) {
    (void)state;
    static const struct {
        uint32_t cpacr, control;
        bool works;
    } cases[] = {{0, 0, false},
                 {PRIVILEGED_ACCESS, 0, true},
                 {PRIVILEGED_ACCESS, 1, false},
                 {FULL_ACCESS, 0, true},
                 {FULL_ACCESS, 1, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        make(&bench);
        bench_store(&bench, CPACR, cases[i].cpacr);
        CODE_AT(&bench, CODE, MSR_CONTROL_R0, VMOV_S0_R0, NOP);
        cpu_set_register(bench.cpu, 0, cases[i].control);
        bench_steps(&bench, 3);
        assert_int_equal(bench_word(&bench, CFSR), cases[i].works ? 0 : 1 << 19); // NOCP
        assert_int_equal(bench.entered_count, !cases[i].works);
        assert_int_equal(cpu_register(bench.cpu, CPU_S0),
                         cases[i].works ? cases[i].control : 0x40000000);
        bench_free(&bench);
    }
}

static void without_an_fpu_there_is_nothing_to_enable(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    struct cpu *with = bench.cpu;
    assert_int_equal(bench_word(&bench, MVFR0), 0x10110021);
    assert_int_equal(bench_word(&bench, MVFR1), 0x11000011);
    assert_int_equal(bench_word(&bench, FPCCR), ASPEN | LSPEN);
    bench.cpu = cpu_new(82, 4, 0x410fc241, false);
    assert_non_null(bench.cpu);
    cpu_add_region(bench.cpu, &(struct cpu_region){.base = FLASH,
                                                   .size = sizeof bench.flash,
                                                   .bytes = bench.flash,
                                                   .executable = true});
    cpu_add_region(
        bench.cpu,
        &(struct cpu_region){.size = sizeof bench.flash, .bytes = bench.flash, .executable = true});
    cpu_reset(bench.cpu);
    bench_steps(&bench, 1);
    bench_store(&bench, CPACR, FULL_ACCESS);
    bench_store(&bench, FPCCR, ASPEN);
    assert_int_equal(bench_word(&bench, CPACR), 0);
    assert_int_equal(bench_word(&bench, FPCCR), 0);
    assert_int_equal(bench_word(&bench, MVFR0), 0);
    CODE_AT(&bench, CODE, VMOV_S0_R0);
    cpu_set_register(bench.cpu, 15, CODE);
    cpu_step(bench.cpu);
    assert_int_equal(bench_word(&bench, CFSR), 1 << 19);
    cpu_free(with);
    bench_free(&bench);
}

static void the_first_use_makes_a_context_with_fpdscr(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    bench_store(&bench, FPDSCR, 0xffffffff);
    assert_int_equal(bench_word(&bench, FPDSCR), 0x07c00000);
    // mrs r1,control; vmov s0,r0; mrs r0,control; vmrs r2,fpscr; vmsr fpscr,r3; vadd; vmrs r4,fpscr
    CODE_AT(&bench, CODE, MRS_R1_CONTROL, VMOV_S0_R0, MRS_R0_CONTROL, 0xeef1, 0x2a10, 0xeee1,
            0x3a10, 0xeef0, 0x0a40, 0xeef1, 0x4a10);
    cpu_set_register(bench.cpu, 3, 0xffffffff);
    bench_steps(&bench, 7);
    assert_int_equal(cpu_register(bench.cpu, 1), 0);
    assert_int_equal(cpu_register(bench.cpu, 0), 4); // FPCA
    assert_int_equal(cpu_register(bench.cpu, 2), 0x07c00000);
    assert_int_equal(cpu_register(bench.cpu, 4), 0xf7c0009f); // and no second time
    // What the operating system put there: FPCA can be written, for code that used the FPU.
    CODE_AT(&bench, CODE, MSR_CONTROL_R0, MRS_R1_CONTROL);
    cpu_set_register(bench.cpu, 15, CODE);
    cpu_set_register(bench.cpu, 0, 0);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_register(bench.cpu, 1), 0);
    bench_free(&bench);
}

static void lazy_stacking_leaves_room_and_fills_it_at_the_handlers_first_use(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    // vmov s0,r0; vmov s5,r0; bx lr
    CODE_AT(&bench, HANDLER(11), NOP, VMOV_S0_R0, 0xee02, 0x0a90, BX_LR);
    uint64_t before = cpu_cycles(bench.cpu);
    uint32_t frame = interrupt_a_user(&bench);
    assert_int_equal(frame, STACK - EXTENDED);
    assert_int_equal(cpu_register(bench.cpu, 14), 0xffffffe9);
    assert_int_equal(cpu_cycles(bench.cpu) - before, 1 + 12); // nothing more than any entry
    assert_int_equal(bench_word(&bench, FPCAR), frame + BASIC);
    // Thread, privileged; HardFault, BusFault and MemManage could be taken then.
    assert_int_equal(bench_word(&bench, FPCCR), ASPEN | LSPEN | 0x78 | LSPACT);
    cpu_set_register(bench.cpu, 0, 0x11111111);
    cpu_step(bench.cpu); // nop
    assert_int_equal(bench_word(&bench, frame + BASIC), 0);
    assert_int_equal(bench_word(&bench, FPCCR) & LSPACT, LSPACT);
    cpu_step(bench.cpu); // vmov
    assert_true(is_frame_saved(&bench, frame));
    assert_int_equal(bench_word(&bench, FPCCR) & LSPACT, 0);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x11111111);
    assert_int_equal(cpu_register(bench.cpu, CPU_FPSCR), 0); // a context of the handler's own
    bench_steps(&bench, 2);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 6);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x3f800000);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0 + 5), 0x40000005);
    assert_int_equal(cpu_register(bench.cpu, CPU_FPSCR), 0x10000001);
    CODE_AT(&bench, CODE + 6, MRS_R0_CONTROL);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 0), 4); // FPCA is the thread's again
    bench_free(&bench);
}

static void a_handler_without_floating_point_costs_no_stores(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    uint32_t frame = interrupt_a_user(&bench);
    for (unsigned i = 0; i < 17; i++) { // what is there is not taken for registers
        bench_put(&bench, frame + BASIC + i * 4, 0xdeadbeef);
    }
    cpu_step(bench.cpu); // bx lr
    assert_int_equal(cpu_register(bench.cpu, 13), STACK);
    assert_int_equal(bench_word(&bench, FPCCR), ASPEN | LSPEN | 0x78);
    assert_int_equal(bench_word(&bench, frame + BASIC), 0xdeadbeef);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x3f800000);
    assert_int_equal(cpu_register(bench.cpu, CPU_FPSCR), 0x10000001);
    bench_free(&bench);
}

static void without_lspen_everything_is_saved_on_entry(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    bench_store(&bench, FPCCR, ASPEN);
    uint64_t before = cpu_cycles(bench.cpu);
    uint32_t frame = interrupt_a_user(&bench);
    assert_int_equal(cpu_cycles(bench.cpu) - before, 1 + 12 + 17);
    assert_true(is_frame_saved(&bench, frame));
    assert_int_equal(bench_word(&bench, FPCCR), ASPEN);
    bench_put(&bench, frame + BASIC + 4, 0x12345678); // s1
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0 + 1), 0x12345678);
    bench_free(&bench);
}

static void without_aspen_frames_stay_basic(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    bench_store(&bench, FPCCR, LSPEN);
    assert_int_equal(interrupt_a_user(&bench), STACK - BASIC);
    assert_int_equal(cpu_register(bench.cpu, 14), 0xfffffff9);
    bench_free(&bench);
}

static void an_extended_frame_is_aligned_whatever_stkalign_says(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    bench_store(&bench, CCR, 0);
    cpu_set_register(bench.cpu, 13, STACK - 4);
    uint32_t frame = interrupt_a_user(&bench);
    assert_int_equal(frame, STACK - 8 - EXTENDED);
    assert_int_equal(bench_word(&bench, frame + 28) >> 9 & 1, 1);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK - 4);
    bench_free(&bench);
}

static void a_nested_handler_saves_the_threads_registers_where_the_thread_left_room(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    // SVC's handler uses no floating point; NMI, taken inside it, does: vmov s0,r0; bx lr
    CODE_AT(&bench, HANDLER(11), NOP, NOP, BX_LR);
    CODE_AT(&bench, HANDLER(2), VMOV_S0_R0, BX_LR);
    uint32_t frame = interrupt_a_user(&bench);
    bench_store(&bench, ICSR, 1u << 31); // NMI
    cpu_step(bench.cpu);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(2));
    assert_int_equal(cpu_register(bench.cpu, 14), 0xfffffff1);
    assert_int_equal(cpu_register(bench.cpu, 13), frame - BASIC);
    cpu_step(bench.cpu);
    assert_true(is_frame_saved(&bench, frame));
    bench_steps(&bench, 4);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 6);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x3f800000);
    bench_free(&bench);
}

static void a_lazy_save_to_nowhere_is_a_busfault_of_its_own(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    CODE_AT(&bench, HANDLER(11), VMOV_S0_R0, BX_LR);
    (void)interrupt_a_user(&bench);
    bench_store(&bench, FPCAR, 0x30000000);
    cpu_set_register(bench.cpu, 0, 0x22222222);
    cpu_step(bench.cpu);
    // BusFault has the SVC handler's priority: it waits, and the instruction is executed.
    assert_int_equal(bench_word(&bench, CFSR), 1 << 13); // LSPERR, no BFARVALID
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x22222222);
    assert_int_equal(bench_word(&bench, FPCCR) & LSPACT, 0);
    cpu_step(bench.cpu); // bx lr: BusFault behind it
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    bench_free(&bench);
    // Where it cannot wait: BusFault more urgent than SVC (SHPR1, SHPR2).
    make(&bench);
    bench_store(&bench, 0xe000ed1c, 0x80000000);
    CODE_AT(&bench, HANDLER(11), VMOV_S0_R0, BX_LR);
    (void)interrupt_a_user(&bench);
    bench_store(&bench, FPCAR, 0x30000000);
    cpu_set_register(bench.cpu, 0, 0x22222222);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    assert_int_equal(bench_word(&bench, cpu_register(bench.cpu, 13) + 24), HANDLER(11));
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x3f800000);
    assert_int_equal(bench_word(&bench, FPCCR) & LSPACT, LSPACT);
    bench_free(&bench);
    // Without BusFault it is a HardFault.
    make(&bench);
    bench_store(&bench, SHCSR, 0);
    CODE_AT(&bench, HANDLER(11), VMOV_S0_R0, BX_LR);
    (void)interrupt_a_user(&bench);
    bench_store(&bench, FPCAR, 0x30000000);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(3));
    assert_int_equal(bench_word(&bench, HFSR), 1 << 30);
    bench_free(&bench);
}

// PendSV as kernels write it, with two stack pointers to swap.
static void two_threads_keep_their_own_floating_point_registers(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    enum { THREAD_B = FLASH + 0x800, OTHER = SRAM + 0x100, STACK_A = SRAM + 0x2000 };
    const uint32_t stack_b = SRAM + 0x3000 - 32 - 36;
    // mrs r0,psp; tst lr,#16; it eq; vstmdbeq r0!,{s16-s31}; stmdb r0!,{r4-r11,lr}; ldr r1,=OTHER;
    // ldr r3,[r1]; str r0,[r1]; mov r0,r3; ldmia r0!,{r4-r11,lr}; tst lr,#16; it eq;
    // vldmiaeq r0!,{s16-s31}; msr psp,r0; bx lr
    CODE_AT(&bench, HANDLER(14), 0xf3ef, 0x8009, 0xf01e, 0x0f10, 0xbf08, 0xed20, 0x8a10, 0xe920,
            0x4ff0, 0x4907, 0x680b, 0x6008, 0x4618, 0xe8b0, 0x4ff0, 0xf01e, 0x0f10, 0xbf08, 0xecb0,
            0x8a10, 0xf380, 0x8809, BX_LR, NOP, OTHER & 0xffff, OTHER >> 16);
    // msr psp,r0; movs r1,#2; msr control,r1; vmov s0,r4; vmov s16,r4; vmov.f32 s1,#1.0
    // loop: vadd s0,s0,s1; vadd s16,s16,s1; b loop
    CODE_AT(&bench, CODE, 0xf380, 0x8809, 0x2102, 0xf381, 0x8814, 0xee00, 0x4a10, 0xee08, 0x4a10,
            0xeef7, 0x0a00, 0xee30, 0x0a20, 0xee38, 0x8a20, 0xe7fa);
    // the same from vmov s0,r4 on, with #2.0
    CODE_AT(&bench, THREAD_B, 0xee00, 0x4a10, 0xee08, 0x4a10, 0xeef0, 0x0a00, 0xee30, 0x0a20,
            0xee38, 0x8a20, 0xe7fa);
    cpu_set_register(bench.cpu, 0, STACK_A);
    bench_put(&bench, OTHER, stack_b);
    bench_put(&bench, stack_b + 32, 0xfffffffd); // no floating point yet
    bench_put(&bench, stack_b + 36 + 24, THREAD_B);
    bench_put(&bench, stack_b + 36 + 28, 0x01000000);
    float last[2] = {0, 0};
    for (unsigned i = 0; i < 20; i++) {
        cpu_run(bench.cpu, cpu_cycles(bench.cpu) + 300 + i);
        float s0, s1, s16, step = i % 2 ? 2 : 1;
        uint32_t words[3] = {cpu_register(bench.cpu, CPU_S0), cpu_register(bench.cpu, CPU_S0 + 1),
                             cpu_register(bench.cpu, CPU_S0 + 16)};
        memcpy(&s0, &words[0], 4);
        memcpy(&s1, &words[1], 4);
        memcpy(&s16, &words[2], 4);
        assert_true(s1 == step);
        assert_true(s0 == s16 || s0 == s16 + step);
        assert_true(s0 > last[i % 2] + 10 * step && s0 < last[i % 2] + 80 * step);
        last[i % 2] = s0;
        bench_store(&bench, ICSR, 1u << 28); // PENDSVSET
    }
    assert_int_equal(bench.entered_count, 2 * 19);
    assert_int_equal(bench.complaints, 0);
    bench_free(&bench);
}

struct fault_case {
    const char *text;
    uint16_t code[2];
    uint32_t r0;
    uint32_t cfsr;
};

static void what_the_fpu_cannot_do_faults(void **state) {
    (void)state;
    static const struct fault_case cases[] = {
        {"vadd.f64 d0,d0,d0", {0xee30, 0x0b00}, 0, 1 << 16},
        {"vldr d16,[r0]", {0xedd0, 0x0b00}, SRAM, 1 << 16},
        {"vmrs r0,fpsid", {0xeef0, 0x0a10}, 0, 1 << 16},
        {"vldr s0,[r0], unaligned", {0xed90, 0x0a00}, SRAM + 2, 1 << 24},
        {"vstr s0,[r0], unaligned", {0xed80, 0x0a00}, SRAM + 1, 1 << 24},
        {"vldm r0!,{s0-s31}, unaligned", {0xecb0, 0x0a20}, SRAM + 2, 1 << 24},
        {"vldm r0!,{s0-s31} from nowhere", {0xecb0, 0x0a20}, 0x30000000, 1 << 9 | 1 << 15},
        {"vstm r0!,{s0-s31} over an end", {0xeca0, 0x0a20}, SRAM + 0xffc0, 1 << 9 | 1 << 15},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct fault_case *c = &cases[i];
        struct bench bench;
        make(&bench);
        bench_code(&bench, CODE, c->code, sizeof c->code);
        cpu_set_register(bench.cpu, 0, c->r0);
        bench_steps(&bench, 2);
        if (bench_word(&bench, CFSR) != c->cfsr || cpu_register(bench.cpu, 0) != c->r0 ||
            cpu_register(bench.cpu, CPU_S0) != 0x40000000) {
            fail_msg("%s: CFSR %08x r0 %08x", c->text, bench_word(&bench, CFSR),
                     cpu_register(bench.cpu, 0));
        }
        bench_free(&bench);
    }
}

static void instructions_cost_what_the_manual_says(void **state) {
    (void)state;
    static const struct {
        uint16_t code[2];
        unsigned cycles;
    } cases[] = {
        {{VADD_S0_S0_S0}, 1},   {{0xee00, 0x0a81}, 3}, // vmla
        {{0xee80, 0x1a80}, 14},                        // vdiv
        {{0xeeb1, 0x0ac0}, 14},                        // vsqrt
        {{0xed90, 0x0a00}, 2},  {{0xed90, 0x0b00}, 3}, // vldr s0, d0
        {{0xecb0, 0x0a20}, 33},                        // vldm of 32
        {{0xec41, 0x0a10}, 2},                         // vmov s0,s1,r0,r1
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        make(&bench);
        bench_code(&bench, CODE, cases[i].code, sizeof cases[i].code);
        cpu_set_register(bench.cpu, 0, SRAM);
        uint64_t before = cpu_cycles(bench.cpu);
        cpu_step(bench.cpu);
        assert_int_equal(cpu_cycles(bench.cpu) - before, cases[i].cycles);
        bench_free(&bench);
    }
}

static void a_snapshot_carries_the_registers(void **state) {
    (void)state;
    struct bench bench;
    make(&bench);
    (void)interrupt_a_user(&bench);
    struct cpu_snapshot *snapshot = cpu_save(bench.cpu);
    for (unsigned i = 0; i < 32; i++) {
        cpu_set_register(bench.cpu, CPU_S0 + i, 0);
    }
    cpu_step(bench.cpu);
    cpu_restore(bench.cpu, snapshot);
    cpu_snapshot_free(snapshot);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0 + 31), 0x4000001f);
    assert_int_equal(bench_word(&bench, FPCCR) & LSPACT, LSPACT);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x3f800000);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_is_what_cpacr_gives),
        cmocka_unit_test(without_an_fpu_there_is_nothing_to_enable),
        cmocka_unit_test(the_first_use_makes_a_context_with_fpdscr),
        cmocka_unit_test(lazy_stacking_leaves_room_and_fills_it_at_the_handlers_first_use),
        cmocka_unit_test(a_handler_without_floating_point_costs_no_stores),
        cmocka_unit_test(without_lspen_everything_is_saved_on_entry),
        cmocka_unit_test(without_aspen_frames_stay_basic),
        cmocka_unit_test(an_extended_frame_is_aligned_whatever_stkalign_says),
        cmocka_unit_test(a_nested_handler_saves_the_threads_registers_where_the_thread_left_room),
        cmocka_unit_test(a_lazy_save_to_nowhere_is_a_busfault_of_its_own),
        cmocka_unit_test(two_threads_keep_their_own_floating_point_registers),
        cmocka_unit_test(what_the_fpu_cannot_do_faults),
        cmocka_unit_test(instructions_cost_what_the_manual_says),
        cmocka_unit_test(a_snapshot_carries_the_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
