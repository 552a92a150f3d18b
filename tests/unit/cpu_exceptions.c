// SPDX-License-Identifier: MIT
//
// Exceptions, faults, SysTick, sleep, stops and guards of the processor, each against PM0214 and
// ARM DDI 0403 B1.5. Programs are hand-encoded; see cpu_bench.h for the world around.

#include "tests/unit/cpu_bench.h"

enum {
    ISER0 = 0xe000e100,
    ISER2 = 0xe000e108,
    ICER0 = 0xe000e180,
    ISPR0 = 0xe000e200,
    ICPR0 = 0xe000e280,
    IPR0 = 0xe000e400,
    ICSR = 0xe000ed04,
    VTOR = 0xe000ed08,
    AIRCR = 0xe000ed0c,
    SCR = 0xe000ed10,
    CCR = 0xe000ed14,
    SHPR3 = 0xe000ed20,
    SHCSR = 0xe000ed24,
    CFSR = 0xe000ed28,
    HFSR = 0xe000ed2c,
    BFAR = 0xe000ed38,
    CPACR = 0xe000ed88,
    SYST_CSR = 0xe000e010,
    SYST_RVR = 0xe000e014,
    SYST_CVR = 0xe000e018,
    DEMCR = 0xe000edfc,
    DWT_CTRL = 0xe0001000,
    DWT_CYCCNT = 0xe0001004,
};

#define FAULTS_ENABLED 0x00070000u // SHCSR: UsageFault, BusFault, MemManage

static void svc_stacks_the_frame_and_returns(void **state) {
    (void)state;
    for (unsigned odd = 0; odd < 2; odd++) { // SP 8-byte aligned, and not
        struct bench bench;
        bench_make(&bench);
        uint32_t sp = STACK - odd * 4, frame = (sp - 32) & ~7u;
        cpu_set_register(bench.cpu, 13, sp);
        for (unsigned i = 0; i < 4; i++) {
            cpu_set_register(bench.cpu, i, 100 + i);
        }
        cpu_set_register(bench.cpu, 12, 112);
        cpu_set_register(bench.cpu, 14, 0x1234);
        cpu_set_register(bench.cpu, 16, 0xa9000000);
        CODE_AT(&bench, CODE, 0xdf05, 0xbf00);
        bench_steps(&bench, 2);
        assert_int_equal(cpu_pc(bench.cpu), HANDLER(11));
        assert_int_equal(cpu_register(bench.cpu, 14), 0xfffffff9);
        assert_int_equal(cpu_register(bench.cpu, 13), frame);
        assert_int_equal(cpu_register(bench.cpu, 16) & 0x1ff, 11);
        const uint32_t expected[8] = {100, 101,    102,      103,
                                      112, 0x1234, CODE + 2, 0xa9000000 | odd << 9};
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(bench_word(&bench, frame + i * 4), expected[i]);
        }
        cpu_step(bench.cpu); // bx lr
        assert_int_equal(cpu_pc(bench.cpu), CODE + 2);
        assert_int_equal(cpu_register(bench.cpu, 13), sp);
        assert_int_equal(cpu_register(bench.cpu, 16), 0xa9000000); // bit 9 leaks nowhere
        bench_free(&bench);
    }
}

static void expect_order(const struct bench *bench, const unsigned *order, unsigned count) {
    assert_int_equal(bench->entered_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(bench->entered[i], order[i]);
    }
}

static void a_more_urgent_interrupt_preempts_an_equal_one_tail_chains(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, ISER0, 0x0f);
    bench_store(&bench, IPR0, 0x80404080); // irq 0: 0x80, 1: 0x40, 2: 0x40, 3: 0x80
    CODE_AT(&bench, HANDLER(16), 0xbf00, 0x4770);
    CODE_AT(&bench, CODE, 0xbf00, 0xbf00, 0xbf00);
    cpu_set_irq(bench.cpu, 0, true);
    cpu_set_irq(bench.cpu, 0, false);
    cpu_step(bench.cpu); // into irq 0
    cpu_set_irq(bench.cpu, 3, true);
    cpu_set_irq(bench.cpu, 3, false);
    cpu_set_irq(bench.cpu, 2, true);
    cpu_set_irq(bench.cpu, 2, false);
    cpu_set_irq(bench.cpu, 1, true);
    cpu_set_irq(bench.cpu, 1, false);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 14), 0xfffffff1); // out of a handler
    assert_int_equal(bench_word(&bench, ICSR) & (1 << 11), 0); // RETTOBASE: irq 0 is active too
    uint32_t sp = cpu_register(bench.cpu, 13);
    cpu_step(bench.cpu); // irq 1 returns: irq 2 behind it, on the same frame
    assert_int_equal(cpu_register(bench.cpu, 13), sp);
    bench_steps(&bench, 4);
    const unsigned order[] = {16, 17, 0x111, 18, 0x112, 0x110, 19, 0x113};
    expect_order(&bench, order, 8);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK);
    assert_int_equal(bench_word(&bench, ICSR) & (1 << 11), 1 << 11);
    bench_free(&bench);
}

static void subpriority_does_not_preempt(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, AIRCR, 0x05fa0500); // PRIGROUP 5: two bits of group, two of subpriority
    bench_store(&bench, ISER0, 3);
    bench_store(&bench, IPR0, 0x4070); // same group 0x40
    CODE_AT(&bench, HANDLER(16), 0xbf00, 0x4770);
    cpu_set_irq(bench.cpu, 0, true);
    cpu_set_irq(bench.cpu, 0, false);
    cpu_step(bench.cpu);
    cpu_set_irq(bench.cpu, 1, true);
    cpu_set_irq(bench.cpu, 1, false);
    bench_steps(&bench, 4);
    const unsigned order[] = {16, 0x110, 17, 0x111};
    expect_order(&bench, order, 4);
    bench_free(&bench);
}

static void priorities_have_four_bits(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, IPR0, 0xffffffff);
    assert_int_equal(bench_word(&bench, IPR0), 0xf0f0f0f0);
    bench_store(&bench, SHPR3, 0xffffffff);
    assert_int_equal(bench_word(&bench, SHPR3), 0xf0f000f0);
    bench_free(&bench);
}

static void basepri_holds_back_what_is_not_more_urgent(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, ISER0, 3);
    bench_store(&bench, IPR0, 0x4080); // irq 0: 0x80, irq 1: 0x40
    cpu_set_register(bench.cpu, 0, 0x80);
    CODE_AT(&bench, CODE, 0xf380, 0x8811, 0xbf00, 0xbf00, 0xf381, 0x8811); // msr basepri,r0 ... r1
    cpu_step(bench.cpu);
    cpu_set_irq(bench.cpu, 0, true);
    cpu_set_irq(bench.cpu, 0, false);
    cpu_step(bench.cpu);
    assert_int_equal(bench.entered_count, 0);
    cpu_set_irq(bench.cpu, 1, true);
    cpu_set_irq(bench.cpu, 1, false);
    bench_steps(&bench, 2); // 0x40 is more urgent; its return keeps BASEPRI and the xPSR clean
    assert_int_equal(bench.entered_count, 2);
    assert_int_equal(cpu_register(bench.cpu, 16) & 0x1ff, 0);
    cpu_set_register(bench.cpu, 1, 0);
    bench_steps(&bench, 3);
    const unsigned order[] = {17, 0x111, 16};
    expect_order(&bench, order, 3);
    bench_free(&bench);
}

static void wfi_wakes_under_primask_without_taking_the_interrupt(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, ISER0, 1);
    CODE_AT(&bench, CODE, 0xb672, 0xbf30, 0x2005, 0xb662,
            0xbf00); // cpsid i; wfi; movs r0,#5; cpsie i
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_SLEEP);
    uint64_t asleep = cpu_cycles(bench.cpu);
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_SLEEP);
    assert_int_equal(cpu_cycles(bench.cpu), asleep);
    cpu_set_irq(bench.cpu, 5, true); // not enabled: no wake-up
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_SLEEP);
    cpu_set_irq(bench.cpu, 0, true);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 0), 5);
    assert_int_equal(bench.entered_count, 0);
    bench_steps(&bench, 2); // cpsie i, and in
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(16));
    bench_free(&bench);
}

static void a_line_still_high_is_pending_again_after_its_handler(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, ISER2, 1 << 3); // irq 67: OTG_FS
    CODE_AT(&bench, CODE, 0xbf00, 0xbf00);
    cpu_set_irq(bench.cpu, 67, true);
    bench_steps(&bench, 2); // in, and bx lr: in again
    cpu_set_irq(bench.cpu, 67, false);
    bench_steps(&bench, 2);
    const unsigned order[] = {83, 0x153, 83, 0x153};
    expect_order(&bench, order, 4);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 2);
    bench_free(&bench);
}

static void the_vector_table_moves_with_vtor_and_back_at_reset(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_put(&bench, SRAM + 0x200 + 11 * 4, SRAM + 0x401);
    bench_store(&bench, VTOR, SRAM + 0x200);
    CODE_AT(&bench, CODE, 0xdf00);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), SRAM + 0x400);
    assert_int_equal(cpu_vtor(bench.cpu), SRAM + 0x200);
    cpu_reset(bench.cpu);
    assert_int_equal(cpu_vtor(bench.cpu), 0);
    assert_int_equal(cpu_pc(bench.cpu), CODE);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK);
    bench_free(&bench);
}

static void sysresetreq_needs_its_key_and_starts_over(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    cpu_set_register(bench.cpu, 5, 55);
    bench_store(&bench, AIRCR, 0x4);
    assert_int_equal(bench.resets, 0);
    assert_string_equal(bench.last_complaint, "aircr-key");
    cpu_set_register(bench.cpu, 0, AIRCR);
    cpu_set_register(bench.cpu, 1, 0x05fa0004);
    CODE_AT(&bench, CODE, 0x6001, 0xbe00);
    cpu_step(bench.cpu);
    assert_int_equal(bench.resets, 1);
    cpu_set_register(bench.cpu, 0, 0);
    CODE_AT(&bench, CODE, 0x2007);
    cpu_run(bench.cpu, cpu_cycles(bench.cpu) + 1);
    assert_int_equal(cpu_register(bench.cpu, 0), 7);
    assert_int_equal(cpu_register(bench.cpu, 5), 0);
    bench_free(&bench);
}

struct fault_case {
    const char *text;
    uint16_t code[4];
    uint32_t r0; // r1 is 1, r2 is 0
    unsigned number;
    uint32_t cfsr;
    uint32_t bfar;
    uint32_t pc; // stacked
};

static const struct fault_case fault_cases[] = {
    {"udf", {0xde00}, 0, 6, 1 << 16, 0, CODE},
    {"bx even", {0x4700}, CODE + 0x10, 6, 1 << 17, 0, CODE + 0x10},
    {"vmov without CPACR", {0xee00, 0x0a10}, 0, 6, 1 << 19, 0, CODE},
    {"mcr p15", {0xee07, 0x0f10}, 0, 6, 1 << 19, 0, CODE},
    {"udiv by 0, trapped", {0xfbb1, 0xf0f2}, 0, 6, 1 << 25, 0, CODE},
    {"ldr unaligned, trapped", {0x6800}, SRAM + 2, 6, 1 << 24, 0, CODE},
    {"ldm unaligned", {0xe890, 0x0018}, SRAM + 2, 6, 1 << 24, 0, CODE},
    {"ldr from nowhere", {0x6800}, 0x30000000, 5, 1 << 9 | 1 << 15, 0x30000000, CODE},
    {"str to flash", {0x6001}, FLASH, 5, 1 << 9 | 1 << 15, FLASH, CODE},
    {"branch to nowhere", {0x4700}, 0x30000001, 5, 1 << 8, 0, 0x30000000},
    {"branch to a peripheral", {0x4700}, DEVICE + 1, 4, 1 << 0, 0, DEVICE},
};

static void each_fault_sets_its_status_and_stacks_its_pc(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof fault_cases / sizeof fault_cases[0]; i++) {
        const struct fault_case *c = &fault_cases[i];
        struct bench bench;
        bench_make(&bench);
        bench_store(&bench, SHCSR, FAULTS_ENABLED);
        bench_store(&bench, CCR, 0x218); // STKALIGN, DIV_0_TRP, UNALIGN_TRP
        bench_code(&bench, CODE, c->code, sizeof c->code);
        cpu_set_register(bench.cpu, 0, c->r0);
        cpu_set_register(bench.cpu, 1, 1);
        for (unsigned step = 0; step < 3 && bench.entered_count == 0; step++) {
            cpu_step(bench.cpu);
        }
        uint32_t cfsr = bench_word(&bench, CFSR), pc = bench_word(&bench, STACK - 32 + 24);
        if (bench.entered_count != 1 || bench.entered[0] != c->number || cfsr != c->cfsr ||
            bench_word(&bench, BFAR) != c->bfar || pc != c->pc) {
            fail_msg("%s: exception %u CFSR %08x BFAR %08x PC %08x", c->text, bench.entered[0],
                     cfsr, bench_word(&bench, BFAR), pc);
        }
        assert_int_equal(cpu_register(bench.cpu, 0), c->r0);
        bench_store(&bench, CFSR, c->cfsr); // write one to clear
        assert_int_equal(bench_word(&bench, CFSR), 0);
        bench_free(&bench);
    }
}

static void a_disabled_fault_escalates_and_a_second_one_locks_up(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    CODE_AT(&bench, CODE, 0xde00);
    CODE_AT(&bench, HANDLER(3), 0xbf00, 0xde00);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(3));
    assert_int_equal(bench_word(&bench, HFSR), 1 << 30);
    assert_int_equal(bench_word(&bench, CFSR), 1 << 16);
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_LOCKUP);
    assert_string_equal(bench.last_complaint, "lockup");
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(3) + 2);
    cpu_reset(bench.cpu); // and only that helps
    assert_int_equal(cpu_run(bench.cpu, cpu_cycles(bench.cpu) + 1), CPU_STOP_LIMIT);
    bench_free(&bench);
}

static void a_fault_inside_an_it_block_keeps_itstate(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, SHCSR, FAULTS_ENABLED);
    // cmp r0,r0; itte eq; ldreq r1,[r2] (0x30000000); moveq r3,#1; movne r3,#2
    CODE_AT(&bench, CODE, 0x4280, 0xbf06, 0x6811, 0x2301, 0x2302);
    CODE_AT(&bench, HANDLER(5), 0xbf00, 0x4770); // nop; bx lr
    cpu_set_register(bench.cpu, 2, 0x30000000);
    bench_steps(&bench, 4);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    uint32_t xpsr = bench_word(&bench, STACK - 4);
    // firstcond 0000, mask 0110: ITSTATE 0x06 at the load
    assert_int_equal((xpsr >> 25 & 3) | (xpsr >> 8 & 0xfc), 0x06);
    cpu_set_register(bench.cpu, 2, SRAM);
    bench_put(&bench, STACK - 32 + 8, SRAM); // stacked r2
    bench_steps(&bench, 5);                  // handler (2), load, moveq, movne (skipped)
    assert_int_equal(cpu_register(bench.cpu, 3), 1);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 10);
    bench_free(&bench);
}

static void a_breakpoint_does_not_ask_the_it_blocks_condition(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    CODE_AT(&bench, CODE, 0xbf04, 0xbf00, 0xbe00); // itt eq; nop; bkpt #0 (A7.7.17)
    cpu_set_register(bench.cpu, 16, 1 << 24);      // Z clear: EQ fails
    bench_steps(&bench, 3);
    assert_string_equal(bench.last_complaint, "bkpt");
    cpu_step(bench.cpu); // HardFault, whose frame has BKPT's address and ITSTATE
    assert_int_equal(bench.entered[0], 3);
    assert_int_equal(bench_word(&bench, STACK - 8), CODE + 4);
    assert_int_equal(bench_word(&bench, STACK - 4) & 0x0600fc00, 0x00000800);
    bench_free(&bench);
}

static void unprivileged_code_gets_a_busfault_from_the_system_registers(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, SHCSR, FAULTS_ENABLED);
    cpu_set_register(bench.cpu, 0, 1);
    cpu_set_register(bench.cpu, 1, VTOR);
    CODE_AT(&bench, CODE, 0xf380, 0x8814, 0xf380, 0x8810,
            0x6808); // msr control,r0; msr primask,r0; ldr
    bench_steps(&bench, 4);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(5));
    assert_int_equal(bench_word(&bench, BFAR), VTOR);
    assert_int_equal(bench.device_reads, 0);
    cpu_set_register(bench.cpu, 1, DBGMCU_IDCODE); // a handler is privileged
    CODE_AT(&bench, HANDLER(5), 0x680a);           // ldr r2,[r1]
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 2), 0x10016413);
    bench_free(&bench);
}

static void threads_on_the_process_stack_return_there(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    cpu_set_register(bench.cpu, 0, SRAM + 0x4000);
    cpu_set_register(bench.cpu, 1, 2);
    // msr psp,r0; msr control,r1; push {r1}; svc; nop
    CODE_AT(&bench, CODE, 0xf380, 0x8809, 0xf381, 0x8814, 0xb402, 0xdf00, 0xbf00);
    bench_steps(&bench, 5);
    assert_int_equal(cpu_register(bench.cpu, 14), 0xfffffffd);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK); // handlers use the main stack
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 13), SRAM + 0x3ffc);
    bench_free(&bench);
}

static void systick_counts_exactly(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, SYST_RVR, 99);
    bench_store(&bench, SYST_CVR, 0);
    uint64_t start = cpu_cycles(bench.cpu);
    bench_store(&bench, SYST_CSR, 7); // enabled at `start`, processor clock, interrupt
    CODE_AT(&bench, CODE, 0xe7fe);    // b .
    // The first tick loads 99, the hundredth reaches 0.
    while (bench.entered_count == 0) {
        assert_true(cpu_cycles(bench.cpu) < start + 120);
        assert_int_equal(bench_word(&bench, SYST_CVR),
                         cpu_cycles(bench.cpu) == start
                             ? 0
                             : (100 - (cpu_cycles(bench.cpu) - start) % 100) % 100);
        cpu_step(bench.cpu);
    }
    assert_in_range(cpu_cycles(bench.cpu), start + 100, start + 100 + 3 + 12);
    assert_int_equal(bench.entered[0], 15);
    cpu_run(bench.cpu, start + 100 * 50 + 30);
    assert_int_equal(bench.entered_count, 100);              // 50 in, 50 out
    assert_int_equal(bench_word(&bench, SYST_CSR), 0x10007); // peeking does not clear COUNTFLAG
    cpu_set_register(bench.cpu, 0, SYST_CSR);
    CODE_AT(&bench, CODE, 0x6801, 0x6802); // ldr r1,[r0]; ldr r2,[r0]
    cpu_set_register(bench.cpu, 15, CODE);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_register(bench.cpu, 1), 0x10007);
    assert_int_equal(cpu_register(bench.cpu, 2), 0x7); // reading does
    bench_free(&bench);
}

static void systick_wakes_sleep_at_the_cycle_announced(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    assert_true(cpu_next_wake(bench.cpu) == UINT64_MAX);
    bench_store(&bench, SYST_RVR, 9);
    bench_store(&bench, SYST_CSR, 3); // reference clock: 8 cycles a tick
    CODE_AT(&bench, CODE, 0xbf30, 0xe7fe);
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_SLEEP);
    uint64_t wake = cpu_next_wake(bench.cpu);
    assert_int_equal(wake, 80); // enabled in tick 0; the tenth tick is cycle 80
    cpu_stall(bench.cpu, wake - 1 - cpu_cycles(bench.cpu));
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_SLEEP);
    cpu_stall(bench.cpu, 1);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_pc(bench.cpu), HANDLER(15));
    bench_free(&bench);
}

static void the_cycle_counter_counts_while_enabled(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, DEMCR, 1 << 24);
    bench_store(&bench, DWT_CYCCNT, 1000);
    bench_store(&bench, DWT_CTRL, 1);
    uint32_t first = bench_word(&bench, DWT_CYCCNT);
    cpu_stall(bench.cpu, 500);
    assert_int_equal(bench_word(&bench, DWT_CYCCNT) - first, 500);
    bench_store(&bench, DWT_CTRL, 0);
    first = bench_word(&bench, DWT_CYCCNT);
    cpu_stall(bench.cpu, 500);
    assert_int_equal(bench_word(&bench, DWT_CYCCNT), first);
    bench_free(&bench);
}

static void guard_flash(struct bench *bench, uint32_t addr, uint32_t value) {
    (void)addr;
    cpu_region_guard(bench->cpu, bench->flash_region, value != 0);
}

static void a_guard_raised_by_a_store_meets_the_very_next_fetch(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench.on_write = guard_flash;
    cpu_set_register(bench.cpu, 0, DEVICE);
    cpu_set_register(bench.cpu, 1, 1);
    // str r1,[r0] (guards); ldr r3,[pc,#4] (literal in flash); nop; movs r1,#0; str r1,[r0]
    // (unguards); b .
    CODE_AT(&bench, CODE, 0x6001, 0x4b01, 0xbf00, 0x2100, 0x6001, 0xe7fe);
    cpu_run(bench.cpu, 100);
    assert_int_equal(bench.guarded_fetches, 4);
    assert_int_equal(bench.guarded_reads, 1);
    assert_int_equal(bench.guarded_writes, 0);
    // From SRAM, only data accesses of flash are noticed.
    CODE_AT(&bench, SRAM, 0x6001, 0x6813, 0xbf00, 0xe7fe); // str; ldr r3,[r2]; nop; b .
    cpu_set_register(bench.cpu, 1, 1);
    cpu_set_register(bench.cpu, 2, FLASH);
    cpu_set_register(bench.cpu, 15, SRAM);
    cpu_run(bench.cpu, 200);
    assert_int_equal(bench.guarded_fetches, 4);
    assert_int_equal(bench.guarded_reads, 2);
    bench_free(&bench);
}

static void stop_here(struct bench *bench, uint32_t addr, uint32_t value) {
    (void)addr;
    (void)value;
    cpu_break(bench->cpu);
}

static void callbacks_see_exact_pc_and_cycles_and_can_stop_the_run(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench.on_write = stop_here;
    cpu_set_register(bench.cpu, 0, DEVICE);
    CODE_AT(&bench, CODE, 0xbf00, 0xbf00, 0x6001, 0x3201, 0x3201); // nop; nop; str; adds r2,#1 ...
    assert_int_equal(cpu_run(bench.cpu, 1000), CPU_STOP_BREAK);
    assert_int_equal(bench.pc_at_access, CODE + 4);
    assert_int_equal(bench.cycles_at_access, 2);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 6);
    assert_int_equal(cpu_cycles(bench.cpu), 3);
    assert_int_equal(cpu_instructions(bench.cpu), 3);
    assert_int_equal(cpu_register(bench.cpu, 2), 0);
    bench_free(&bench);
}

// CRC of everything visible after a run of `total` cycles in slices of `slice`.
static uint32_t run_in_slices(uint64_t slice, uint64_t total) {
    static struct bench bench;
    bench_make(&bench);
    bench_store(&bench, SYST_RVR, 37);
    bench_store(&bench, SYST_CSR, 7);
    // SysTick: ldr r3,[pc,#8] ; ldr r2,[r3] ; adds r2,#1 ; str r2,[r3] ; bx lr ; .word SRAM+0x100
    CODE_AT(&bench, HANDLER(15), 0x4b02, 0x681a, 0x3201, 0x601a, 0x4770, 0xbf00, 0x0100, 0x2000);
    // loop: adds r4,#3; ite cs; addcs r5,#1; eorcc.w r5,r5,r4; str r5,[r6]; ldr r7,[r6]; b loop
    CODE_AT(&bench, CODE, 0x3403, 0xbf2c, 0x3501, 0xea85, 0x0504, 0x6035, 0x6837, 0xe7f7);
    cpu_set_register(bench.cpu, 6, DEVICE);
    uint64_t start = cpu_cycles(bench.cpu);
    for (uint64_t until = slice; until < total; until += slice) {
        cpu_run(bench.cpu, start + until);
    }
    cpu_run(bench.cpu, start + total);
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i <= 16; i++) {
        hash = (hash ^ cpu_register(bench.cpu, i)) * 16777619u;
    }
    hash = (hash ^ bench_word(&bench, SRAM + 0x100)) * 16777619u;
    hash = (hash ^ (uint32_t)cpu_cycles(bench.cpu)) * 16777619u;
    hash = (hash ^ (uint32_t)cpu_instructions(bench.cpu)) * 16777619u;
    hash = (hash ^ bench.device_writes) * 16777619u;
    assert_true(bench_word(&bench, SRAM + 0x100) > total / 60); // the interrupts did come
    bench_free(&bench);
    return hash;
}

static void slices_of_any_length_give_the_same_run(void **state) {
    (void)state;
    uint32_t whole = run_in_slices(100000, 5000);
    assert_int_equal(run_in_slices(1, 5000), whole);
    assert_int_equal(run_in_slices(7, 5000), whole);
    assert_int_equal(run_in_slices(100, 5000), whole);
    assert_int_not_equal(run_in_slices(100, 4000), whole); // the hash can tell runs apart
}

static void memory_mapped_elsewhere_is_executed_from_there(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    CODE_AT(&bench, FLASH + 0x800, 0x2001); // movs r0,#1
    CODE_AT(&bench, SRAM + 0x800, 0x2002);
    cpu_set_register(bench.cpu, 15, 0x800);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 0), 1);
    cpu_region_set_bytes(bench.cpu, 0, bench.sram, sizeof bench.sram, true);
    cpu_set_register(bench.cpu, 15, 0x800);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 0), 2);
    CODE_AT(&bench, SRAM + 0x800, 0x2003); // seen through both addresses
    cpu_set_register(bench.cpu, 15, 0x800);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, 0), 3);
    bench_free(&bench);
}

static void hints_of_another_group_are_undefined(void **state) {
    (void)state;
    static const uint16_t hints[] = {0x8602, 0x8603, 0x8604, 0x8100, 0x8000};
    for (unsigned i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        struct bench bench;
        bench_make(&bench);
        bench_store(&bench, SHCSR, FAULTS_ENABLED);
        CODE_AT(&bench, CODE, 0xf3af, hints[i], 0xbf00);
        bench_steps(&bench, 2);
        uint32_t cfsr = 0;
        assert_true(cpu_peek(bench.cpu, CFSR, 4, &cfsr));
        assert_int_equal(cfsr, hints[i] == 0x8000 ? 0 : 1u << 16); // NOP.W, UNDEFINSTR
        assert_false(cpu_is_asleep(bench.cpu));
        bench_free(&bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_of_another_group_are_undefined),
        cmocka_unit_test(svc_stacks_the_frame_and_returns),
        cmocka_unit_test(a_more_urgent_interrupt_preempts_an_equal_one_tail_chains),
        cmocka_unit_test(subpriority_does_not_preempt),
        cmocka_unit_test(priorities_have_four_bits),
        cmocka_unit_test(basepri_holds_back_what_is_not_more_urgent),
        cmocka_unit_test(wfi_wakes_under_primask_without_taking_the_interrupt),
        cmocka_unit_test(a_line_still_high_is_pending_again_after_its_handler),
        cmocka_unit_test(the_vector_table_moves_with_vtor_and_back_at_reset),
        cmocka_unit_test(sysresetreq_needs_its_key_and_starts_over),
        cmocka_unit_test(each_fault_sets_its_status_and_stacks_its_pc),
        cmocka_unit_test(a_disabled_fault_escalates_and_a_second_one_locks_up),
        cmocka_unit_test(a_fault_inside_an_it_block_keeps_itstate),
        cmocka_unit_test(a_breakpoint_does_not_ask_the_it_blocks_condition),
        cmocka_unit_test(unprivileged_code_gets_a_busfault_from_the_system_registers),
        cmocka_unit_test(threads_on_the_process_stack_return_there),
        cmocka_unit_test(systick_counts_exactly),
        cmocka_unit_test(systick_wakes_sleep_at_the_cycle_announced),
        cmocka_unit_test(the_cycle_counter_counts_while_enabled),
        cmocka_unit_test(a_guard_raised_by_a_store_meets_the_very_next_fetch),
        cmocka_unit_test(callbacks_see_exact_pc_and_cycles_and_can_stop_the_run),
        cmocka_unit_test(slices_of_any_length_give_the_same_run),
        cmocka_unit_test(memory_mapped_elsewhere_is_executed_from_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
