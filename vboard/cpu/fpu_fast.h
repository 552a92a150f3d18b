// SPDX-License-Identifier: MIT
//
// The common case of fpu_arith.c, by the host's double precision: normal numbers, rounded to nearest, with a normal
// result. Everything else is left to the integers there. Nothing depends on the host's rounding mode being another
// one (nobody here changes it) or on its flags.
//
// Why it is the same: a double has more than twice a single's digits and two, so an exact sum or product rounded
// to a double and then to a single is what it is rounded once (Figueroa, "When is double rounding
// innocuous?", 1995). A product is exact in a double; a sum is while the exponents are not far apart. Of a
// fused product the sum may not be: then the error says so, and only where the double lies on the middle
// between two singles would it matter to which side.

#ifndef VBOARD_CPU_FPU_FAST_H
#define VBOARD_CPU_FPU_FAST_H

#include <float.h>
#include <string.h>

#include "vboard/cpu/fpu.h"

// A host that computes with more digits than a double's goes without.
#define FPU_IS_FAST   (FLT_EVAL_METHOD == 0 && DBL_MANT_DIG == 53)
#define FPSCR_RMODE   0x00c00000u
// Digits of a double behind a single's.
#define FPU_BEHIND    ((1ull << 29) - 1)
#define FPU_MIDDLE    (1ull << 28)
// Exponents so far apart at most that a sum of two singles fits in 53 digits.
#define FPU_APART_MAX 28

static inline bool fpu_is_normal(uint32_t value) {
    return (value & 0x7fffffff) - 0x00800000 < 0x7f000000;
}

static inline float fpu_float(uint32_t value) {
    float number;
    memcpy(&number, &value, sizeof number);
    return number;
}

// False: not for here. `is_exact`: nothing was lost up to `wide`.
static inline bool fpu_narrow(uint32_t *fpscr, double wide, bool is_exact, uint32_t *result) {
    float narrow = (float)wide;
    memcpy(result, &narrow, sizeof narrow);
    // From 2^-125 on nothing was tiny before it was rounded; below 2^127 nothing overflowed.
    if ((*result & 0x7fffffff) - 0x01000000 >= 0x7e000000) {
        return false;
    }
    if (!is_exact || (double)narrow != wide) {
        *fpscr |= FPSCR_IXC;
    }
    return true;
}

static inline bool fpu_fast_add(uint32_t *fpscr, uint32_t a, uint32_t b, uint32_t *result) {
    int apart = (int)(a >> 23 & 0xff) - (int)(b >> 23 & 0xff);
    return FPU_IS_FAST && !(*fpscr & FPSCR_RMODE) && fpu_is_normal(a) && fpu_is_normal(b) &&
           apart <= FPU_APART_MAX && apart >= -FPU_APART_MAX &&
           fpu_narrow(fpscr, (double)fpu_float(a) + (double)fpu_float(b), true, result);
}

static inline bool fpu_fast_multiply(uint32_t *fpscr, uint32_t a, uint32_t b, uint32_t *result) {
    return FPU_IS_FAST && !(*fpscr & FPSCR_RMODE) && fpu_is_normal(a) && fpu_is_normal(b) &&
           fpu_narrow(fpscr, (double)fpu_float(a) * (double)fpu_float(b), true, result);
}

static inline bool fpu_fast_multiply_add(uint32_t *fpscr, uint32_t addend, uint32_t a, uint32_t b,
                                         uint32_t *result) {
    if (!FPU_IS_FAST || (*fpscr & FPSCR_RMODE) || !fpu_is_normal(addend) || !fpu_is_normal(a) ||
        !fpu_is_normal(b)) {
        return false;
    }
    // Compiled with -ffp-contract=off, or a compiler might fuse the two.
    double p = (double)fpu_float(a) * (double)fpu_float(b), c = (double)fpu_float(addend);
    double sum = p + c;
    // The error of a sum, exactly (Knuth's TwoSum).
    double of_c = sum - p, error = (p - (sum - of_c)) + (c - of_c);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (error == 0 || (bits & FPU_BEHIND) != FPU_MIDDLE) &&
           fpu_narrow(fpscr, sum, error == 0, result);
}

#endif
