// SPDX-License-Identifier: MIT
//
// Conversions of VCVT, VCVTR, VCVTB and VCVTT (ARM DDI 0403 A2.5.7: FPToFixed(), FixedToFP(),
// FPHalfToSingle(), FPSingleToHalf()).

#include "vboard/cpu/fpu.h"

// The magnitude rounded to an integer, at most 2^33; *inexact.
static uint64_t to_integer(const struct fp_number *n, int exponent, enum fp_rounding rounding,
                           bool *inexact) {
    *inexact = false;
    if (exponent >= 10) { // a significand has 24 bits at most: 2^33 or more, or a denormal's scaled
        uint64_t limit = 1ull << 33;
        return exponent > 33 || n->significand >> (33 - exponent) ? limit
                                                                  : n->significand << exponent;
    }
    if (exponent >= 0) {
        return n->significand << exponent;
    }
    // Below 2^-2 everything is the same: a quarter's place is enough.
    unsigned down = (unsigned)-exponent < 26 ? (unsigned)-exponent : 26;
    uint64_t whole = n->significand >> down, rest = n->significand & ((1ull << down) - 1);
    uint64_t half = 1ull << (down - 1);
    *inexact = rest != 0;
    bool away = rounding == FP_TO_NEAREST ? rest > half || (rest == half && (whole & 1))
                : rounding == FP_TO_ZERO  ? false
                                          : rest && n->negative == (rounding == FP_DOWN);
    return whole + away;
}

uint32_t fp_to_fixed(uint32_t *fpscr, uint32_t value, unsigned bits, unsigned fraction_bits,
                     bool is_signed, enum fp_rounding rounding) {
    struct fp_number n = fp_unpack(fpscr, value);
    bool inexact = false;
    int64_t result = 0;
    if (n.kind >= FP_QUIET_NAN) {
        *fpscr |= FPSCR_IOC;
        return 0;
    }
    if (n.kind == FP_INFINITE) {
        result = 1ll << 33;
    } else if (n.kind == FP_FINITE) {
        result = (int64_t)to_integer(&n, n.exponent + (int)fraction_bits, rounding, &inexact);
    }
    result = n.negative ? -result : result;
    int64_t low = is_signed ? -(1ll << (bits - 1)) : 0;
    int64_t high = (1ll << (bits - is_signed)) - 1;
    if (result < low || result > high) {
        *fpscr |= FPSCR_IOC;
        result = result < low ? low : high;
    } else if (inexact) {
        *fpscr |= FPSCR_IXC;
    }
    return (uint32_t)result;
}

uint32_t fp_from_fixed(uint32_t *fpscr, uint32_t value, unsigned bits, unsigned fraction_bits,
                       bool is_signed, enum fp_rounding rounding) {
    int64_t number = bits == 16 ? (is_signed ? (int16_t)value : (uint16_t)value)
                                : (is_signed ? (int64_t)(int32_t)value : (int64_t)value);
    if (number == 0) {
        return 0;
    }
    bool negative = number < 0;
    return fp_round(fpscr, (struct fp_format){8, 23}, rounding, negative, -(int)fraction_bits,
                    (uint64_t)(negative ? -number : number));
}

uint32_t fp_from_half(uint32_t *fpscr, uint16_t value) {
    uint32_t sign = (uint32_t)(value & 0x8000) << 16, exponent = value >> 10 & 31;
    uint32_t fraction = value & 0x3ff;
    if (exponent == 31 && !(*fpscr & FPSCR_AHP)) {
        if (fraction == 0) {
            return sign | FP_INFINITY;
        }
        *fpscr |= (fraction >> 9) ? 0 : FPSCR_IOC;
        return (*fpscr & FPSCR_DN) ? FP_DEFAULT_NAN : sign | FP_DEFAULT_NAN | fraction << 13;
    }
    if (exponent == 0) {
        if (fraction == 0) {
            return sign;
        }
        int up = __builtin_clz(fraction) - 21; // its highest bit to bit 10
        fraction = fraction << up & 0x3ff;
        return sign | (uint32_t)(113 - up) << 23 | fraction << 13; // 113: biases 127 and 15, plus 1
    }
    return sign | (exponent + 112) << 23 | fraction << 13;
}

uint16_t fp_to_half(uint32_t *fpscr, uint32_t value) {
    const struct fp_number n = fp_unpack(fpscr, value);
    uint16_t sign = n.negative ? 0x8000 : 0;
    bool alternative = *fpscr & FPSCR_AHP;
    switch (n.kind) {
    case FP_QUIET_NAN:
    case FP_SIGNALLING_NAN:
        if (n.kind == FP_SIGNALLING_NAN || alternative) {
            *fpscr |= FPSCR_IOC;
        }
        return alternative           ? sign
               : (*fpscr & FPSCR_DN) ? 0x7e00
                                     : (uint16_t)(sign | 0x7e00 | (value >> 13 & 0x1ff));
    case FP_INFINITE:
        *fpscr |= alternative ? FPSCR_IOC : 0;
        return sign | (alternative ? 0x7fff : 0x7c00);
    case FP_ZERO:
        return sign;
    default:
        return (uint16_t)fp_round(fpscr, (struct fp_format){5, 10}, fp_rounding(*fpscr), n.negative,
                                  n.exponent, n.significand);
    }
}
