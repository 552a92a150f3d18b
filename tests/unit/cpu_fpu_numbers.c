// SPDX-License-Identifier: MIT
//
// What floating-point instructions compute where it is not plain arithmetic: each rounding mode, each flag, NaNs,
// default NaN, flush to zero, half precision in both formats. The results were worked out by hand from ARM DDI 0403 A2.5 and its
// pseudocode (FPRound, FPProcessNaNs, FPMulAdd, FPToFixed ...); tests/oracle compares random operands with another
// implementation, where there is one.

#include "tests/unit/cpu_bench.h"
#include "vboard/cpu/fpu.h"

#define CPACR   0xe000ed88u
#define NEAREST 0u
#define UP      (1u << 22)
#define DOWN    (2u << 22)
#define ZERO    (3u << 22)

// S0 from S1 and S2, or from S2.
#define VADD                                                                                       \
    { 0xee30, 0x0a81 }
#define VSUB                                                                                       \
    { 0xee30, 0x0ac1 }
#define VMUL                                                                                       \
    { 0xee20, 0x0a81 }
#define VDIV                                                                                       \
    { 0xee80, 0x0a81 }
#define VMLA                                                                                       \
    { 0xee00, 0x0a81 }
#define VFMA                                                                                       \
    { 0xeea0, 0x0a81 }
#define VSQRT                                                                                      \
    { 0xeeb1, 0x0ac1 }
#define VABS                                                                                       \
    { 0xeeb0, 0x0ac1 }
#define FROM_HALF                                                                                  \
    { 0xeeb2, 0x0a41 } // VCVTB.F32.F16
#define FROM_TOP                                                                                   \
    { 0xeeb2, 0x0ac1 } // VCVTT
#define TO_HALF                                                                                    \
    { 0xeeb3, 0x0a41 } // VCVTB.F16.F32: the other half of S0 stays
#define TO_INT                                                                                     \
    { 0xeebd, 0x0ac1 } // VCVT.S32.F32, toward zero
#define TO_INT_R                                                                                   \
    { 0xeebd, 0x0a41 } // VCVTR.S32.F32
#define TO_UNSIGNED                                                                                \
    { 0xeebc, 0x0ac1 }
#define FROM_INT                                                                                   \
    { 0xeeb8, 0x0ac1 }
#define FROM_UNSIGNED                                                                              \
    { 0xeeb8, 0x0a41 }
#define VCMP                                                                                       \
    { 0xeeb4, 0x0a41 } // of S0 and S2
#define VCMPE                                                                                      \
    { 0xeeb4, 0x0ac1 }

#define ONE        0x3f800000u
#define MINUS_ONE  0xbf800000u
#define THREE      0x40400000u
#define HALF       0x3f000000u
#define MAX        0x7f7fffffu
#define MINUS_MAX  0xff7fffffu
#define MIN_NORMAL 0x00800000u
#define DENORMAL   0x00400000u
#define TINY       0x00000001u
#define TWO_24     0x33800000u // 2^-24: half of what 1 is from its neighbour
#define QNAN       0x7fc12345u
#define SNAN       0x7f800001u
#define MINUS      0x80000000u

struct number_case {
    const char *text;
    uint16_t code[2];
    uint32_t mode; // FPSCR before
    uint32_t s0, s1, s2;
    uint32_t result; // S0
    uint32_t flags;  // of FPSCR, set by it
};

static const struct number_case number_cases[] = {
    // Rounding.
    {"1/3 to nearest", VDIV, NEAREST, 0, ONE, THREE, 0x3eaaaaab, FPSCR_IXC},
    {"1/3 up", VDIV, UP, 0, ONE, THREE, 0x3eaaaaab, FPSCR_IXC},
    {"1/3 down", VDIV, DOWN, 0, ONE, THREE, 0x3eaaaaaa, FPSCR_IXC},
    {"1/3 toward zero", VDIV, ZERO, 0, ONE, THREE, 0x3eaaaaaa, FPSCR_IXC},
    {"-1/3 to nearest", VDIV, NEAREST, 0, MINUS_ONE, THREE, 0xbeaaaaab, FPSCR_IXC},
    {"-1/3 up", VDIV, UP, 0, MINUS_ONE, THREE, 0xbeaaaaaa, FPSCR_IXC},
    {"-1/3 down", VDIV, DOWN, 0, MINUS_ONE, THREE, 0xbeaaaaab, FPSCR_IXC},
    {"-1/3 toward zero", VDIV, ZERO, 0, MINUS_ONE, THREE, 0xbeaaaaaa, FPSCR_IXC},
    {"a tie goes to even, down", VADD, NEAREST, 0, ONE, TWO_24, ONE, FPSCR_IXC},
    {"a tie goes to even, up", VADD, NEAREST, 0, ONE + 1, TWO_24, ONE + 2, FPSCR_IXC},
    {"a tie, up", VADD, UP, 0, ONE, TWO_24, ONE + 1, FPSCR_IXC},
    {"a tie, toward zero", VADD, ZERO, 0, ONE + 1, TWO_24, ONE + 1, FPSCR_IXC},
    {"1 - 1", VSUB, NEAREST, 0, ONE, ONE, 0, 0},
    {"1 - 1 down", VSUB, DOWN, 0, ONE, ONE, MINUS, 0},
    {"sqrt(3)", VSQRT, NEAREST, 0, 0, THREE, 0x3fddb3d7, FPSCR_IXC},
    // Overflow.
    {"max + max to nearest", VADD, NEAREST, 0, MAX, MAX, FP_INFINITY, FPSCR_OFC | FPSCR_IXC},
    {"max + max down", VADD, DOWN, 0, MAX, MAX, MAX, FPSCR_OFC | FPSCR_IXC},
    {"max + max toward zero", VADD, ZERO, 0, MAX, MAX, MAX, FPSCR_OFC | FPSCR_IXC},
    {"-max - max up", VADD, UP, 0, MINUS_MAX, MINUS_MAX, MINUS_MAX, FPSCR_OFC | FPSCR_IXC},
    {"-max - max down", VADD, DOWN, 0, MINUS_MAX, MINUS_MAX, MINUS | FP_INFINITY,
     FPSCR_OFC | FPSCR_IXC},
    // Underflow: told where something was lost.
    {"an exact denormal", VMUL, NEAREST, 0, MIN_NORMAL, HALF, DENORMAL, 0},
    {"half the smallest", VMUL, NEAREST, 0, TINY, HALF, 0, FPSCR_UFC | FPSCR_IXC},
    {"half the smallest, up", VMUL, UP, 0, TINY, HALF, TINY, FPSCR_UFC | FPSCR_IXC},
    {"minus half the smallest, down", VMUL, DOWN, 0, MINUS | TINY, HALF, MINUS | TINY,
     FPSCR_UFC | FPSCR_IXC},
    // Flush to zero: operands with IDC, results with UFC alone.
    {"FZ: a denormal operand", VMUL, FPSCR_FZ, 0, DENORMAL, ONE, 0, FPSCR_IDC},
    {"FZ: a negative one", VMUL, FPSCR_FZ, 0, MINUS | DENORMAL, ONE, MINUS, FPSCR_IDC},
    {"FZ: a denormal result", VMUL, FPSCR_FZ, 0, MIN_NORMAL, HALF, 0, FPSCR_UFC},
    {"FZ: a negative one", VMUL, FPSCR_FZ, 0, MINUS | MIN_NORMAL, HALF, MINUS, FPSCR_UFC},
    {"FZ: not where nothing is computed", VABS, FPSCR_FZ, 0, 0, MINUS | DENORMAL, DENORMAL, 0},
    {"FZ: compared as zero", VCMP, FPSCR_FZ, 0, 0, DENORMAL, 0, FPSCR_IDC | 0x60000000},
    {"FZ: to an integer", TO_INT, FPSCR_FZ, 0, 0, DENORMAL, 0, FPSCR_IDC},
    {"without FZ: to an integer", TO_INT, NEAREST, 0, 0, DENORMAL, 0, FPSCR_IXC},
    // NaNs.
    {"a quiet NaN goes through", VADD, NEAREST, 0, QNAN, ONE, QNAN, 0},
    {"a signalling one becomes quiet", VADD, NEAREST, 0, SNAN, ONE, 0x7fc00001, FPSCR_IOC},
    {"the first of two", VADD, NEAREST, 0, 0xffc00007, QNAN, 0xffc00007, 0},
    {"a signalling one before a quiet one", VADD, NEAREST, 0, QNAN, SNAN, 0x7fc00001, FPSCR_IOC},
    {"DN: a quiet NaN", VADD, FPSCR_DN, 0, QNAN, ONE, FP_DEFAULT_NAN, 0},
    {"DN: a signalling one", VMUL, FPSCR_DN, 0, ONE, SNAN, FP_DEFAULT_NAN, FPSCR_IOC},
    {"DN: not where nothing is computed", VABS, FPSCR_DN, 0, 0, MINUS | QNAN, QNAN, 0},
    {"a NaN's sign stays in VSUB", VSUB, NEAREST, 0, ONE, QNAN, QNAN, 0},
    // Invalid, division by zero.
    {"inf - inf", VSUB, NEAREST, 0, FP_INFINITY, FP_INFINITY, FP_DEFAULT_NAN, FPSCR_IOC},
    {"0 * inf", VMUL, NEAREST, 0, 0, FP_INFINITY, FP_DEFAULT_NAN, FPSCR_IOC},
    {"0 / 0", VDIV, NEAREST, 0, 0, 0, FP_DEFAULT_NAN, FPSCR_IOC},
    {"inf / inf", VDIV, NEAREST, 0, FP_INFINITY, FP_INFINITY, FP_DEFAULT_NAN, FPSCR_IOC},
    {"1 / 0", VDIV, NEAREST, 0, ONE, 0, FP_INFINITY, FPSCR_DZC},
    {"1 / -0", VDIV, NEAREST, 0, ONE, MINUS, MINUS | FP_INFINITY, FPSCR_DZC},
    {"FZ: 1 / a denormal", VDIV, FPSCR_FZ, 0, ONE, TINY, FP_INFINITY, FPSCR_DZC | FPSCR_IDC},
    {"inf / 0", VDIV, NEAREST, 0, FP_INFINITY, 0, FP_INFINITY, 0},
    {"sqrt(-1)", VSQRT, NEAREST, 0, 0, MINUS_ONE, FP_DEFAULT_NAN, FPSCR_IOC},
    {"sqrt(-0)", VSQRT, NEAREST, 0, 0, MINUS, MINUS, 0},
    // Fused or not: (1 + 2^-23)^2 - (1 + 2^-22) is 2^-46.
    {"fused", VFMA, NEAREST, MINUS | (ONE + 2), ONE + 1, ONE + 1, 0x28800000, 0},
    {"chained", VMLA, NEAREST, MINUS | (ONE + 2), ONE + 1, ONE + 1, 0, FPSCR_IXC},
    {"fused inf * 0 beside a quiet NaN", VFMA, NEAREST, QNAN, FP_INFINITY, 0, FP_DEFAULT_NAN,
     FPSCR_IOC},
    {"fused inf * 1 - inf", VFMA, NEAREST, MINUS | FP_INFINITY, FP_INFINITY, ONE, FP_DEFAULT_NAN,
     FPSCR_IOC},
    // Half precision.
    {"a half", FROM_HALF, NEAREST, 0, 0, 0xffff3c00, ONE, 0},
    {"the top half", FROM_TOP, NEAREST, 0, 0, 0xbc00ffff, MINUS_ONE, 0},
    {"the smallest half", FROM_HALF, NEAREST, 0, 0, 1, TWO_24, 0},
    {"FZ: the smallest half is not flushed", FROM_HALF, FPSCR_FZ, 0, 0, 1, TWO_24, 0},
    {"a half infinity", FROM_HALF, NEAREST, 0, 0, 0xfc00, MINUS | FP_INFINITY, 0},
    {"a signalling half", FROM_HALF, NEAREST, 0, 0, 0x7c01, 0x7fc02000, FPSCR_IOC},
    {"AHP: 65536", FROM_HALF, FPSCR_AHP, 0, 0, 0x7c00, 0x47800000, 0},
    {"to a half, the other one stays", TO_HALF, NEAREST, 0x12345678, 0, THREE, 0x12344200, 0},
    {"65519 to a half", TO_HALF, NEAREST, 0, 0, 0x477fef00, 0x7bff, FPSCR_IXC},
    {"65520 to a half", TO_HALF, NEAREST, 0, 0, 0x477ff000, 0x7c00, FPSCR_OFC | FPSCR_IXC},
    {"65520 to a half toward zero", TO_HALF, ZERO, 0, 0, 0x477ff000, 0x7bff, FPSCR_IXC},
    {"2^-25 to a half", TO_HALF, NEAREST, 0, 0, 0x33000000, 0, FPSCR_UFC | FPSCR_IXC},
    {"2^-24 to a half", TO_HALF, FPSCR_FZ, 0, 0, TWO_24, 1, 0}, // FZ is not for halves
    {"a NaN to a half", TO_HALF, NEAREST, 0, 0, 0x7fc02000, 0x7e01, 0},
    {"AHP: 2^17", TO_HALF, FPSCR_AHP, 0, 0, 0x48000000, 0x7fff, FPSCR_IOC},
    {"AHP: infinity", TO_HALF, FPSCR_AHP, 0, 0, MINUS | FP_INFINITY, 0xffff, FPSCR_IOC},
    {"AHP: a NaN", TO_HALF, FPSCR_AHP, 0, 0, MINUS | QNAN, 0x8000, FPSCR_IOC},
    // Integers.
    {"1.5 to an integer", TO_INT, NEAREST, 0, 0, 0x3fc00000, 1, FPSCR_IXC},
    {"-1.5 to an integer", TO_INT, NEAREST, 0, 0, 0xbfc00000, 0xffffffff, FPSCR_IXC},
    {"2.5 as FPSCR says: to even", TO_INT_R, NEAREST, 0, 0, 0x40200000, 2, FPSCR_IXC},
    {"2.5 as FPSCR says: up", TO_INT_R, UP, 0, 0, 0x40200000, 3, FPSCR_IXC},
    {"2^31", TO_INT, NEAREST, 0, 0, 0x4f000000, 0x7fffffff, FPSCR_IOC},
    {"-2^31", TO_INT, NEAREST, 0, 0, 0xcf000000, 0x80000000, 0},
    {"a NaN to an integer", TO_INT, NEAREST, 0, 0, QNAN, 0, FPSCR_IOC},
    {"-1 to an unsigned one", TO_UNSIGNED, NEAREST, 0, 0, MINUS_ONE, 0, FPSCR_IOC},
    {"-0.5 to an unsigned one", TO_UNSIGNED, NEAREST, 0, 0, 0xbf000000, 0, FPSCR_IXC},
    {"2^32 to an unsigned one", TO_UNSIGNED, NEAREST, 0, 0, 0x4f800000, 0xffffffff, FPSCR_IOC},
    {"2^31 - 1", FROM_INT, NEAREST, 0, 0, 0x7fffffff, 0x4f000000, FPSCR_IXC},
    {"2^31 - 1 toward zero", FROM_INT, ZERO, 0, 0, 0x7fffffff, 0x4effffff, FPSCR_IXC},
    {"-1", FROM_INT, NEAREST, 0, 0, 0xffffffff, MINUS_ONE, 0},
    {"2^32 - 1", FROM_UNSIGNED, NEAREST, 0, 0, 0xffffffff, 0x4f800000, FPSCR_IXC},
    // Comparisons leave N, Z, C and V.
    {"less", VCMP, NEAREST, ONE, 0, THREE, ONE, 0x80000000},
    {"equal", VCMP, NEAREST, MINUS, 0, 0, MINUS, 0x60000000},
    {"greater", VCMP, NEAREST, ONE, 0, MINUS | FP_INFINITY, ONE, 0x20000000},
    {"unordered", VCMP, NEAREST, ONE, 0, QNAN, ONE, 0x30000000},
    {"unordered, and told", VCMPE, NEAREST, ONE, 0, QNAN, ONE, 0x30000000 | FPSCR_IOC},
    {"a signalling NaN is always told", VCMP, NEAREST, SNAN, 0, ONE, SNAN, 0x30000000 | FPSCR_IOC},
};

static void each_number_is_the_manuals(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, CPACR, 0x00f00000);
    CODE_AT(&bench, CODE, 0xee00, 0x0a10); // vmov s0, r0: the context is made
    cpu_step(bench.cpu);
    for (size_t i = 0; i < sizeof number_cases / sizeof number_cases[0]; i++) {
        const struct number_case *c = &number_cases[i];
        bench_code(&bench, CODE, c->code, sizeof c->code);
        cpu_set_register(bench.cpu, CPU_S0, c->s0);
        cpu_set_register(bench.cpu, CPU_S0 + 1, c->s1);
        cpu_set_register(bench.cpu, CPU_S0 + 2, c->s2);
        cpu_set_register(bench.cpu, CPU_FPSCR, c->mode);
        cpu_set_register(bench.cpu, 15, CODE);
        cpu_step(bench.cpu);
        uint32_t s0 = cpu_register(bench.cpu, CPU_S0);
        uint32_t fpscr = cpu_register(bench.cpu, CPU_FPSCR);
        if (s0 != c->result || fpscr != (c->mode | c->flags)) {
            fail_msg("%s: S0 %08x instead of %08x, FPSCR %08x instead of %08x", c->text, s0,
                     c->result, fpscr, c->mode | c->flags);
        }
    }
    bench_free(&bench);
}

// They are sticky: what is exact leaves what was there.
static void flags_stay(void **state) {
    (void)state;
    struct bench bench;
    bench_make(&bench);
    bench_store(&bench, CPACR, 0x00f00000);
    CODE_AT(&bench, CODE, 0xee00, 0x0a10, 0xee30, 0x0a81); // vmov s0, r0; vadd.f32 s0, s1, s2
    cpu_step(bench.cpu);
    cpu_set_register(bench.cpu, CPU_S0 + 1, ONE);
    cpu_set_register(bench.cpu, CPU_S0 + 2, ONE);
    cpu_set_register(bench.cpu, CPU_FPSCR, 0xf000009f);
    cpu_step(bench.cpu);
    assert_int_equal(cpu_register(bench.cpu, CPU_S0), 0x40000000);
    assert_int_equal(cpu_register(bench.cpu, CPU_FPSCR), 0xf000009f);
    bench_free(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_is_the_manuals),
        cmocka_unit_test(flags_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
