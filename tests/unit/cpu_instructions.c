// SPDX-License-Identifier: MIT
//
// Single instructions: encoding, registers and flags in, registers and flags out. Expected values
// are worked out from the pseudocode of ARM DDI 0403 A7.7. Besides: memory access forms and IT.

#include "tests/unit/cpu_bench.h"

#define N 0x80000000u
#define Z 0x40000000u
#define C 0x20000000u
#define V 0x10000000u
#define Q 0x08000000u

// r0 to r3 in, r0 and (where not ANY) r1 out; flags as in APSR.
struct instruction_case {
    const char *text;
    uint16_t hw1, hw2;
    uint32_t in[4], flags_in;
    uint32_t r0, r1, flags;
};

static const struct instruction_case cases[] = {
    {"lsls r0,r1,#1", 0x0048, 0, {0, 0x80000001}, 0, 2, 0x80000001, C},
    {"lsrs r0,r1,#32", 0x0808, 0, {0, 0x80000000}, 0, 0, 0x80000000, Z | C},
    {"asrs r0,r1,#32", 0x1008, 0, {0, 0x80000000}, V, 0xffffffff, 0x80000000, N | C | V},
    {"adds r0,r1,r2", 0x1888, 0, {0, 0x7fffffff, 1}, 0, 0x80000000, 0x7fffffff, N | V},
    {"adds r0,r1,r2", 0x1888, 0, {0, 0xffffffff, 1}, 0, 0, 0xffffffff, Z | C},
    {"subs r0,r1,r2", 0x1a88, 0, {0, 0, 1}, 0, 0xffffffff, 0, N},
    {"subs r0,r1,r2", 0x1a88, 0, {0, 0x80000000, 1}, 0, 0x7fffffff, 0x80000000, C | V},
    {"movs r0,#0", 0x2000, 0, {9, 9}, N | C | V, 0, 9, Z | C | V},
    {"cmp r0,#5", 0x2805, 0, {5, 1}, 0, 5, 1, Z | C},
    {"lsls r0,r1 (33)", 0x4088, 0, {1, 33}, C, 0, 33, Z},
    {"lsls r0,r1 (0)", 0x4088, 0, {4, 0x100}, C, 4, 0x100, C},
    {"rors r0,r1 (32)", 0x41c8, 0, {0x80000000, 32}, 0, 0x80000000, 32, N | C},
    {"adcs r0,r1", 0x4148, 0, {0xffffffff, 0}, C, 0, 0, Z | C},
    {"sbcs r0,r1", 0x4188, 0, {5, 5}, 0, 0xffffffff, 5, N},
    {"negs r0,r1", 0x4248, 0, {0, 0x80000000}, 0, 0x80000000, 0x80000000, N | V},
    {"muls r0,r1", 0x4348, 0, {0x10000, 0x10000}, C | V, 0, 0x10000, Z | C | V},
    {"bics r0,r1", 0x4388, 0, {0xff, 0x0f}, C, 0xf0, 0x0f, C},
    {"revsh r0,r1", 0xbac8, 0, {0, 0x1280}, 0, 0xffff8012, 0x1280, 0},
    {"ands.w r0,r1,#0x80000000", 0xf011, 0x4000, {0, ~0u}, 0, 0x80000000, ~0u, N | C},
    {"ands.w r0,r1,#0xff00ff00", 0xf011, 0x20ff, {0, ~0u}, C, 0xff00ff00, ~0u, N | C},
    {"orn r0,r1,#0xff", 0xf061, 0x00ff, {0, 1}, 0, 0xffffff01, 1, 0},
    {"rsbs r0,r1,#0", 0xf1d1, 0x0000, {0, 1}, 0, 0xffffffff, 1, N},
    {"movw r0,#0xabcd", 0xf64a, 0x30cd, {0}, 0, 0xabcd, 0, 0},
    {"movt r0,#0x1234", 0xf2c1, 0x2034, {0xffffffff}, 0, 0x1234ffff, 0, 0},
    {"movs.w r0,r1,rrx", 0xea5f, 0x0031, {0, 3}, C, 0x80000001, 3, N | C},
    {"eors.w r0,r1,r2,lsl #31", 0xea91, 0x70c2, {0, 0, 3}, 0, 0x80000000, 0, N | C},
    {"bfi r0,r1,#8,#4", 0xf361, 0x200b, {0xffffffff, 5}, 0, 0xfffff5ff, 5, 0},
    {"bfc r0,#0,#32", 0xf36f, 0x001f, {0xffffffff}, 0, 0, 0, 0},
    {"sbfx r0,r1,#4,#4", 0xf341, 0x1003, {0, 0x80}, 0, 0xfffffff8, 0x80, 0},
    {"ubfx r0,r1,#0,#32", 0xf3c1, 0x001f, {0, 0xdeadbeef}, 0, 0xdeadbeef, 0xdeadbeef, 0},
    {"ssat r0,#8,r1", 0xf301, 0x0007, {0, 200}, 0, 127, 200, Q},
    {"usat r0,#8,r1", 0xf381, 0x0008, {0, 0xfffffff0}, 0, 0, 0xfffffff0, Q},
    {"usat r0,#0,r1,asr #1", 0xf3a1, 0x0040, {0, 1}, 0, 0, 1, 0},
    {"udiv r0,r1,r2", 0xfbb1, 0xf0f2, {0, 0xffffffff, 2}, 0, 0x7fffffff, 0xffffffff, 0},
    {"sdiv r0,r1,r2", 0xfb91, 0xf0f2, {0, 0x80000000, ~0u}, 0, 0x80000000, 0x80000000, 0},
    {"sdiv r0,r1,r2 (by 0)", 0xfb91, 0xf0f2, {7, 7, 0}, 0, 0, 7, 0},
    {"umull r0,r1,r2,r3", 0xfba2, 0x0103, {0, 0, ~0u, ~0u}, 0, 1, 0xfffffffe, 0},
    {"smull r0,r1,r2,r3", 0xfb82, 0x0103, {0, 0, ~0u, 2}, 0, 0xfffffffe, 0xffffffff, 0},
    {"umlal r0,r1,r2,r3", 0xfbe2, 0x0103, {~0u, ~0u, 1, 1}, 0, 0, 0, 0},
    {"umaal r0,r1,r2,r3", 0xfbe2, 0x0163, {~0u, ~0u, ~0u, ~0u}, 0, ~0u, ~0u, 0},
    {"mls r0,r1,r2,r3", 0xfb01, 0x3012, {0, 3, 4, 5}, 0, 0xfffffff9, 3, 0},
    {"clz r0,r1", 0xfab1, 0xf081, {0, 0}, 0, 32, 0, 0},
    {"rbit r0,r1", 0xfa91, 0xf0a1, {0, 0x00000005}, 0, 0xa0000000, 5, 0},
    {"sxtb.w r0,r1,ror #8", 0xfa4f, 0xf091, {0, 0x8000}, 0, 0xffffff80, 0x8000, 0},
    {"uxtah r0,r1,r2", 0xfa11, 0xf082, {0, 1, 0xffffffff}, 0, 0x10000, 1, 0},
    {"qadd r0,r1,r2", 0xfa82, 0xf081, {0, 0x7fffffff, 1}, 0, 0x7fffffff, 0x7fffffff, Q},
    {"qdsub r0,r1,r2", 0xfa82, 0xf0b1, {0, 0, 0x40000000}, 0, 0x80000001, 0, Q},
    {"uqadd8 r0,r1,r2", 0xfa81, 0xf052, {0, 0xff01fe02, 0x02020202}, 0, 0xff03ff04, 0xff01fe02, 0},
    {"shsub16 r0,r1,r2", 0xfad1, 0xf022, {0, 0x00028000, 0x00047fff}, 0, 0xffff8000, 0x28000, 0},
    {"smuad r0,r1,r2", 0xfb21, 0xf002, {0, 0x80008000, 0x80008000}, 0, 0x80000000, 0x80008000, Q},
    {"smlabb r0,r1,r2,r3", 0xfb11, 0x3002, {0, 2, 3, 0x7fffffff}, 0, 0x80000005, 2, Q},
    {"smmulr r0,r1,r2", 0xfb51, 0xf012, {0, 0x40000000, 2}, 0, 1, 0x40000000, 0},
    {"pkhtb r0,r1,r2,asr #16",
     0xeac1,
     0x4022,
     {0, 0xaaaa0000, 0x80010000},
     0,
     0xaaaa8001,
     0xaaaa0000,
     0},
    {"usad8 r0,r1,r2", 0xfb71, 0xf002, {0, 0x01020304, 0x04030201}, 0, 8, 0x01020304, 0},
};

static void each_instruction_gives_the_manuals_result(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct instruction_case *c = &cases[i];
        CODE_AT(&bench, CODE, c->hw1, c->hw2 ? c->hw2 : 0xbf00);
        if (c->hw1 >= 0xe800) {
            CODE_AT(&bench, CODE + 2, c->hw2);
        }
        for (unsigned r = 0; r < 4; r++) {
            cpu_set_register(bench.cpu, r, c->in[r]);
        }
        cpu_set_register(bench.cpu, 15, CODE);
        cpu_set_register(bench.cpu, 16, c->flags_in | 1 << 24);
        cpu_step(bench.cpu);
        uint32_t flags = cpu_register(bench.cpu, 16) & 0xf8000000;
        if (cpu_register(bench.cpu, 0) != c->r0 || cpu_register(bench.cpu, 1) != c->r1 ||
            flags != c->flags) {
            fail_msg("%s: r0 %08x (expected %08x) r1 %08x (%08x) flags %08x (%08x)", c->text,
                     cpu_register(bench.cpu, 0), c->r0, cpu_register(bench.cpu, 1), c->r1, flags,
                     c->flags);
        }
        assert_int_equal(cpu_pc(bench.cpu), CODE + (c->hw1 >= 0xe800 ? 4 : 2));
    }
    bench_free(&bench);
}

static void a_conditional_branch_follows_every_flag_pattern(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    for (unsigned cond = 0; cond < 14; cond++) {
        CODE_AT(&bench, CODE, (uint16_t)(0xd002 | cond << 8)); // b<cond> CODE + 8
        for (unsigned nzcv = 0; nzcv < 16; nzcv++) {
            bool n = nzcv & 8, z = nzcv & 4, c = nzcv & 2, v = nzcv & 1;
            const bool holds[14] = {
                z,  !z,      c,       !c,     n,      !n,           v,
                !v, c && !z, !c || z, n == v, n != v, !z && n == v, z || n != v};
            cpu_set_register(bench.cpu, 15, CODE);
            cpu_set_register(bench.cpu, 16, nzcv << 28 | 1 << 24);
            cpu_step(bench.cpu);
            assert_int_equal(cpu_pc(bench.cpu), holds[cond] ? CODE + 8 : CODE + 2);
        }
    }
    bench_free(&bench);
}

static void an_it_block_runs_then_and_else_and_sets_no_flags(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    // cmp r0,#1; ite eq; moveq r1,#7; movne r2,#9; movs r3,#0
    CODE_AT(&bench, CODE, 0x2801, 0xbf0c, 0x2107, 0x2209, 0x2300);
    for (unsigned r0 = 0; r0 < 2; r0++) {
        cpu_set_register(bench.cpu, 15, CODE);
        cpu_set_register(bench.cpu, 0, r0);
        cpu_set_register(bench.cpu, 1, 0);
        cpu_set_register(bench.cpu, 2, 0);
        bench_steps(&bench, 4);
        assert_int_equal(cpu_register(bench.cpu, 1), r0 == 1 ? 7 : 0);
        assert_int_equal(cpu_register(bench.cpu, 2), r0 == 1 ? 0 : 9);
        assert_int_equal(cpu_register(bench.cpu, 16) & Z, r0 == 1 ? Z : 0);
        cpu_step(bench.cpu); // outside the block MOVS sets flags again
        assert_int_equal(cpu_register(bench.cpu, 16) & Z, Z);
    }
    // The same bytes without IT in front are plain MOVS.
    CODE_AT(&bench, CODE + 2, 0xbf00);
    cpu_set_register(bench.cpu, 15, CODE);
    cpu_set_register(bench.cpu, 0, 5);
    bench_steps(&bench, 4);
    assert_int_equal(cpu_register(bench.cpu, 1), 7);
    assert_int_equal(cpu_register(bench.cpu, 2), 9);
    bench_free(&bench);
}

static void loads_and_stores_reach_memory_in_every_form(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    cpu_set_register(bench.cpu, 0, SRAM + 0x100);
    cpu_set_register(bench.cpu, 1, 0x8899aabb);
    cpu_set_register(bench.cpu, 2, 4);
    // str r1,[r0,#4]!; ldrsb.w r3,[r0]; ldrsh.w r4,[r0,#2]; ldr r5,[r0],#-4; strd r1,r2,[r0,#16];
    // ldrd r6,r7,[r0,#16]; strb.w r1,[r0,r2,lsl #1]; ldr.w r8,[r0,#9] (unaligned)
    CODE_AT(&bench, CODE, 0xf840, 0x1f04, 0xf990, 0x3000, 0xf9b0, 0x4002, 0xf850, 0x5904, 0xe9c0,
            0x1204, 0xe9d0, 0x6704, 0xf800, 0x1012, 0xf8d0, 0x8009);
    bench_put(&bench, SRAM + 0x10c, 0x00000055);
    bench_steps(&bench, 8);
    assert_int_equal(cpu_register(bench.cpu, 0), SRAM + 0x100);
    assert_int_equal(bench_word(&bench, SRAM + 0x104), 0x8899aabb);
    assert_int_equal(cpu_register(bench.cpu, 3), 0xffffffbb);
    assert_int_equal(cpu_register(bench.cpu, 4), 0xffff8899);
    assert_int_equal(cpu_register(bench.cpu, 5), 0x8899aabb);
    assert_int_equal(cpu_register(bench.cpu, 6), 0x8899aabb);
    assert_int_equal(cpu_register(bench.cpu, 7), 4);
    assert_int_equal(bench_word(&bench, SRAM + 0x108), 0xbb);
    assert_int_equal(cpu_register(bench.cpu, 8), 0x55000000);
    bench_free(&bench);
}

static void push_pop_and_table_branch(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    cpu_set_register(bench.cpu, 4, 44);
    cpu_set_register(bench.cpu, 14, CODE + 0x21);
    CODE_AT(&bench, CODE, 0xb510, 0x2400, 0xbd10); // push {r4,lr}; movs r4,#0; pop {r4,pc}
    // At CODE+0x20: movs r0,#1; tbb [pc,r0]; .byte 2, 4
    CODE_AT(&bench, CODE + 0x20, 0x2001, 0xe8df, 0xf000, 0x0402);
    bench_steps(&bench, 3);
    assert_int_equal(cpu_register(bench.cpu, 4), 44);
    assert_int_equal(cpu_register(bench.cpu, 13), STACK);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 0x20);
    bench_steps(&bench, 2);
    assert_int_equal(cpu_pc(bench.cpu), CODE + 0x26 + 8);
    bench_free(&bench);
}

static void exclusive_store_fails_without_a_reservation(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    cpu_set_register(bench.cpu, 0, SRAM);
    cpu_set_register(bench.cpu, 1, 5);
    // ldrex r2,[r0]; strex r3,r1,[r0]; strex r4,r1,[r0]; ldrex r2,[r0]; clrex; strex r5,r1,[r0]
    CODE_AT(&bench, CODE, 0xe850, 0x2f00, 0xe840, 0x1300, 0xe840, 0x1400, 0xe850, 0x2f00, 0xf3bf,
            0x8f2f, 0xe840, 0x1500);
    bench_steps(&bench, 6);
    assert_int_equal(cpu_register(bench.cpu, 3), 0);
    assert_int_equal(cpu_register(bench.cpu, 4), 1);
    assert_int_equal(cpu_register(bench.cpu, 5), 1);
    assert_int_equal(bench_word(&bench, SRAM), 5);
    bench_free(&bench);
}

static void bit_band_aliases_change_one_bit(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_put(&bench, SRAM + 0x10, 0xffffffff);
    bench.device[1] = 0xf0;
    cpu_set_register(bench.cpu, 0, 0x22000000 + 0x10 * 32 + 5 * 4);
    cpu_set_register(bench.cpu, 1, 0xfffffffe); // bit 0 alone counts
    cpu_set_register(bench.cpu, 2, 0x42000000 + 4 * 32 + 7 * 4);
    // str r1,[r0]; ldr r3,[r0]; ldr r4,[r2]; str r1,[r2]
    CODE_AT(&bench, CODE, 0x6001, 0x6803, 0x6814, 0x6011);
    bench_steps(&bench, 4);
    assert_int_equal(bench_word(&bench, SRAM + 0x10), 0xffffffdf);
    assert_int_equal(cpu_register(bench.cpu, 3), 0);
    assert_int_equal(cpu_register(bench.cpu, 4), 1);
    assert_int_equal(bench.device[1], 0x70);
    assert_int_equal(bench.device_writes, 1);
    bench_free(&bench);
}

static void code_written_to_ram_is_executed_as_written(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    CODE_AT(&bench, SRAM, 0x2001, 0x8021, 0xe7fc); // movs r0,#1; strh r1,[r4]; b SRAM
    cpu_set_register(bench.cpu, 1, 0x2002);        // movs r0,#2
    cpu_set_register(bench.cpu, 4, SRAM);
    cpu_set_register(bench.cpu, 15, SRAM);
    bench_steps(&bench, 1);
    assert_int_equal(cpu_register(bench.cpu, 0), 1);
    bench_steps(&bench, 3);
    assert_int_equal(cpu_register(bench.cpu, 0), 2);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instruction_gives_the_manuals_result),
        cmocka_unit_test(a_conditional_branch_follows_every_flag_pattern),
        cmocka_unit_test(an_it_block_runs_then_and_else_and_sets_no_flags),
        cmocka_unit_test(loads_and_stores_reach_memory_in_every_form),
        cmocka_unit_test(push_pop_and_table_branch),
        cmocka_unit_test(exclusive_store_fails_without_a_reservation),
        cmocka_unit_test(bit_band_aliases_change_one_bit),
        cmocka_unit_test(code_written_to_ram_is_executed_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
