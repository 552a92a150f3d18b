// SPDX-License-Identifier: MIT
//
// Single-precision arithmetic as ARM DDI 0403 A2.5 has it: rounding, flags, flush-to-zero, NaNs. In
// integers, not by the host's floating-point unit: that rounds and raises flags alike, but its
// denormals and NaNs differ, and compilers move its operations about. What has none of these takes a shorter
// way (fpu_fast.h).

#include "vboard/cpu/fpu.h"
#include "vboard/cpu/fpu_fast.h"

static const struct fp_format single = {8, 23};

static uint64_t shift_right_sticky(uint64_t value, unsigned count) {
    if (count > 63) {
        return value != 0;
    }
    return value >> count | ((value & ((1ull << count) - 1)) != 0);
}

struct fp_number fp_unpack(uint32_t *fpscr, uint32_t value) {
    uint32_t exponent = value >> 23 & 0xff, fraction = value & 0x7fffff;
    struct fp_number number = {.negative = value >> 31};
    if (exponent == 0xff) {
        number.kind = fraction == 0      ? FP_INFINITE
                      : (fraction >> 22) ? FP_QUIET_NAN
                                         : FP_SIGNALLING_NAN;
    } else if (exponent != 0) {
        number.kind = FP_FINITE;
        number.exponent = (int)exponent - 150; // bias 127, 23 fraction bits
        number.significand = fraction | 0x800000;
    } else if (fraction == 0) {
        number.kind = FP_ZERO;
    } else if (*fpscr & FPSCR_FZ) {
        *fpscr |= FPSCR_IDC;
        number.kind = FP_ZERO;
    } else {
        number.kind = FP_FINITE;
        number.exponent = -149;
        number.significand = fraction;
    }
    return number;
}

// Too large: FPRound()'s overflow, but for alternative half precision.
static uint32_t overflow(uint32_t *fpscr, struct fp_format format, enum fp_rounding rounding,
                         bool negative) {
    uint32_t infinity = ((1u << format.exponent_bits) - 1) << format.fraction_bits;
    bool to_infinity = rounding == FP_TO_NEAREST || rounding == (negative ? FP_DOWN : FP_UP);
    *fpscr |= FPSCR_OFC | FPSCR_IXC;
    return infinity - !to_infinity;
}

uint32_t fp_round(uint32_t *fpscr, struct fp_format format, enum fp_rounding rounding,
                  bool negative, int exponent, uint64_t significand) {
    enum { TOP = 62 }; // where the significand's highest bit is put
    uint32_t sign = (uint32_t)negative << (format.exponent_bits + format.fraction_bits);
    bool is_half = format.exponent_bits == 5;
    if (significand >> 63) {
        significand = shift_right_sticky(significand, 1);
        exponent++;
    }
    int up = __builtin_clzll(significand) - (63 - TOP);
    significand <<= up;
    int biased = exponent - up + TOP + (1 << (format.exponent_bits - 1)) - 1;
    if (biased < 1) {
        if ((*fpscr & FPSCR_FZ) && !is_half) { // flushed before rounding: nothing is inexact
            *fpscr |= FPSCR_UFC;
            return sign;
        }
        significand = shift_right_sticky(significand, (unsigned)(1 - biased));
        biased = 0;
    }
    unsigned dropped = TOP - format.fraction_bits;
    uint64_t rest = significand & ((1ull << dropped) - 1), half = 1ull << (dropped - 1);
    uint32_t kept = (uint32_t)(significand >> dropped);
    if (biased == 0 && rest) { // tininess is seen before rounding
        *fpscr |= FPSCR_UFC;
    }
    bool away = rounding == FP_TO_NEAREST ? rest > half || (rest == half && (kept & 1))
                : rounding == FP_TO_ZERO  ? false
                                          : rest && negative == (rounding == FP_DOWN);
    // A normal number's highest bit adds 1 to the exponent; so does a carry out of rounding.
    uint32_t result = ((uint32_t)(biased ? biased - 1 : 0) << format.fraction_bits) + kept + away;
    uint32_t infinity = ((1u << format.exponent_bits) - 1) << format.fraction_bits;
    bool is_alternative = is_half && (*fpscr & FPSCR_AHP); // no infinities: one exponent more
    if (is_alternative && (biased > 31 || result > 0x7fff)) {
        *fpscr |= FPSCR_IOC;
        return sign | 0x7fff;
    }
    if (!is_alternative && (biased > 255 || result >= infinity)) {
        return sign | overflow(fpscr, format, rounding, negative);
    }
    if (rest) {
        *fpscr |= FPSCR_IXC;
    }
    return sign | result;
}

static uint32_t round_single(uint32_t *fpscr, bool negative, int exponent, uint64_t significand) {
    return fp_round(fpscr, single, fp_rounding(*fpscr), negative, exponent, significand);
}

static uint32_t invalid(uint32_t *fpscr) {
    *fpscr |= FPSCR_IOC;
    return FP_DEFAULT_NAN;
}

static bool is_nan(const struct fp_number *number) {
    return number->kind >= FP_QUIET_NAN;
}

// FPProcessNaN()
static uint32_t nan_result(uint32_t *fpscr, enum fp_kind kind, uint32_t value) {
    if (kind == FP_SIGNALLING_NAN) {
        *fpscr |= FPSCR_IOC;
    }
    return (*fpscr & FPSCR_DN) ? FP_DEFAULT_NAN : value | 1u << 22;
}

// FPProcessNaNs() and FPProcessNaNs3(): the first signalling one, else the first quiet one.
static bool take_nan(uint32_t *fpscr, const struct fp_number *numbers, const uint32_t *values,
                     unsigned count, uint32_t *result) {
    for (unsigned kind = FP_SIGNALLING_NAN; kind >= FP_QUIET_NAN; kind--) {
        for (unsigned i = 0; i < count; i++) {
            if (numbers[i].kind == kind) {
                *result = nan_result(fpscr, (enum fp_kind)kind, values[i]);
                return true;
            }
        }
    }
    return false;
}

static uint32_t signed_zero(bool negative) {
    return negative ? FP_SIGN : 0;
}

static void normalise(struct fp_number *number, unsigned top) {
    int up = __builtin_clzll(number->significand) - (63 - (int)top);
    number->significand <<= up;
    number->exponent -= up;
}

// Of two that are zero or finite. A significand of up to 48 bits: put at bit 61 there are 14 to spare,
// and where bits fall off behind them the larger operand has two of exponent more, so that what
// subtraction leaves is long enough for them to be no more than sticky.
static uint32_t sum(uint32_t *fpscr, struct fp_number a, struct fp_number b) {
    if (a.kind == FP_ZERO && b.kind == FP_ZERO) {
        return signed_zero(a.negative == b.negative ? a.negative : fp_rounding(*fpscr) == FP_DOWN);
    }
    if (a.kind == FP_ZERO || b.kind == FP_ZERO) {
        const struct fp_number *only = a.kind == FP_ZERO ? &b : &a;
        return round_single(fpscr, only->negative, only->exponent, only->significand);
    }
    normalise(&a, 61);
    normalise(&b, 61);
    if (a.exponent < b.exponent) {
        struct fp_number other = a;
        a = b;
        b = other;
    }
    b.significand = shift_right_sticky(b.significand, (unsigned)(a.exponent - b.exponent));
    if (a.negative == b.negative) {
        return round_single(fpscr, a.negative, a.exponent, a.significand + b.significand);
    }
    if (a.significand == b.significand) {
        return signed_zero(fp_rounding(*fpscr) == FP_DOWN);
    }
    bool less = a.significand < b.significand;
    return round_single(fpscr, less ? b.negative : a.negative, a.exponent,
                        less ? b.significand - a.significand : a.significand - b.significand);
}

// Apart, so that the short way saves no registers.
static __attribute__((noinline)) uint32_t add_any(uint32_t *fpscr, uint32_t a, uint32_t b) {
    const uint32_t values[2] = {a, b};
    const struct fp_number n[2] = {fp_unpack(fpscr, a), fp_unpack(fpscr, b)};
    uint32_t result;
    if (take_nan(fpscr, n, values, 2, &result)) {
        return result;
    }
    if (n[0].kind == FP_INFINITE && n[1].kind == FP_INFINITE && n[0].negative != n[1].negative) {
        return invalid(fpscr);
    }
    if (n[0].kind == FP_INFINITE || n[1].kind == FP_INFINITE) {
        return n[0].kind == FP_INFINITE ? a : b;
    }
    return sum(fpscr, n[0], n[1]);
}

uint32_t fp_add(uint32_t *fpscr, uint32_t a, uint32_t b) {
    uint32_t result;
    return fpu_fast_add(fpscr, a, b, &result) ? result : add_any(fpscr, a, b);
}

static bool is_zero_times_infinity(const struct fp_number *a, const struct fp_number *b) {
    return (a->kind == FP_ZERO && b->kind == FP_INFINITE) ||
           (a->kind == FP_INFINITE && b->kind == FP_ZERO);
}

// Exact; neither is a NaN.
static struct fp_number product(const struct fp_number *a, const struct fp_number *b) {
    return (struct fp_number){
        .kind = a->kind == FP_INFINITE || b->kind == FP_INFINITE ? FP_INFINITE
                : a->kind == FP_ZERO || b->kind == FP_ZERO       ? FP_ZERO
                                                                 : FP_FINITE,
        .negative = a->negative != b->negative,
        .exponent = a->exponent + b->exponent,
        .significand = a->significand * b->significand,
    };
}

static __attribute__((noinline)) uint32_t multiply_any(uint32_t *fpscr, uint32_t a, uint32_t b) {
    const uint32_t values[2] = {a, b};
    const struct fp_number n[2] = {fp_unpack(fpscr, a), fp_unpack(fpscr, b)};
    uint32_t result;
    if (take_nan(fpscr, n, values, 2, &result)) {
        return result;
    }
    if (is_zero_times_infinity(&n[0], &n[1])) {
        return invalid(fpscr);
    }
    const struct fp_number p = product(&n[0], &n[1]);
    if (p.kind != FP_FINITE) {
        return signed_zero(p.negative) | (p.kind == FP_INFINITE ? FP_INFINITY : 0);
    }
    return round_single(fpscr, p.negative, p.exponent, p.significand);
}

uint32_t fp_multiply(uint32_t *fpscr, uint32_t a, uint32_t b) {
    uint32_t result;
    return fpu_fast_multiply(fpscr, a, b, &result) ? result : multiply_any(fpscr, a, b);
}

static __attribute__((noinline)) uint32_t multiply_add_any(uint32_t *fpscr, uint32_t addend,
                                                           uint32_t a, uint32_t b) {
    const uint32_t values[3] = {addend, a, b};
    const struct fp_number n[3] = {fp_unpack(fpscr, addend), fp_unpack(fpscr, a),
                                   fp_unpack(fpscr, b)};
    uint32_t result;
    bool is_invalid = is_zero_times_infinity(&n[1], &n[2]);
    if (take_nan(fpscr, n, values, 3, &result)) {
        // FPMulAdd(): a quiet NaN added to an invalid product
        return n[0].kind == FP_QUIET_NAN && is_invalid ? invalid(fpscr) : result;
    }
    const struct fp_number p = product(&n[1], &n[2]);
    if (is_invalid ||
        (n[0].kind == FP_INFINITE && p.kind == FP_INFINITE && n[0].negative != p.negative)) {
        return invalid(fpscr);
    }
    if (n[0].kind == FP_INFINITE || p.kind == FP_INFINITE) {
        return signed_zero(n[0].kind == FP_INFINITE ? n[0].negative : p.negative) | FP_INFINITY;
    }
    return sum(fpscr, n[0], p);
}

uint32_t fp_multiply_add(uint32_t *fpscr, uint32_t addend, uint32_t a, uint32_t b) {
    uint32_t result;
    return fpu_fast_multiply_add(fpscr, addend, a, b, &result)
               ? result
               : multiply_add_any(fpscr, addend, a, b);
}

uint32_t fp_divide(uint32_t *fpscr, uint32_t a, uint32_t b) {
    const uint32_t values[2] = {a, b};
    struct fp_number n[2] = {fp_unpack(fpscr, a), fp_unpack(fpscr, b)};
    uint32_t result, sign = (a ^ b) & FP_SIGN;
    if (take_nan(fpscr, n, values, 2, &result)) {
        return result;
    }
    if (n[0].kind == n[1].kind && n[0].kind != FP_FINITE) { // 0 / 0, infinity / infinity
        return invalid(fpscr);
    }
    if (n[0].kind == FP_INFINITE || n[1].kind == FP_ZERO) {
        *fpscr |= n[0].kind == FP_INFINITE ? 0 : FPSCR_DZC;
        return sign | FP_INFINITY;
    }
    if (n[0].kind == FP_ZERO || n[1].kind == FP_INFINITE) {
        return sign;
    }
    normalise(&n[0], 23);
    normalise(&n[1], 23);
    // A quotient of 39 or 40 bits, and one for the remainder.
    uint64_t dividend = n[0].significand << 39, quotient = dividend / n[1].significand;
    bool inexact = dividend % n[1].significand != 0;
    return round_single(fpscr, sign != 0, n[0].exponent - n[1].exponent - 40,
                        quotient << 1 | inexact);
}

// The integer square root, and whether there is a rest.
static uint64_t square_root(uint64_t value, bool *inexact) {
    uint64_t root = 0, rest = 0;
    for (int i = 62; i >= 0; i -= 2) { // two bits of the value give one of the root
        rest = rest << 2 | (value >> i & 3);
        uint64_t trial = root << 2 | 1;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    *inexact = rest != 0;
    return root;
}

uint32_t fp_square_root(uint32_t *fpscr, uint32_t a) {
    struct fp_number n = fp_unpack(fpscr, a);
    if (is_nan(&n)) {
        return nan_result(fpscr, n.kind, a);
    }
    if (n.kind == FP_ZERO) {
        return signed_zero(n.negative);
    }
    if (n.negative) {
        return invalid(fpscr);
    }
    if (n.kind == FP_INFINITE) {
        return a;
    }
    normalise(&n, 61);
    if (n.exponent & 1) {
        n.significand <<= 1;
        n.exponent--;
    }
    bool inexact;
    uint64_t root = square_root(n.significand, &inexact); // of 31 or 32 bits
    return round_single(fpscr, false, n.exponent / 2 - 1, root << 1 | inexact);
}

static bool is_less(const struct fp_number *a, const struct fp_number *b, uint32_t x, uint32_t y) {
    // Magnitudes of finite numbers and infinities are in their bits' order; zeros may be flushed ones.
    uint32_t left = a->kind == FP_ZERO ? 0 : x & ~FP_SIGN;
    uint32_t right = b->kind == FP_ZERO ? 0 : y & ~FP_SIGN;
    if (left == 0 && right == 0) {
        return false;
    }
    if (a->negative != b->negative) {
        return a->negative;
    }
    return a->negative ? left > right : left < right;
}

void fp_compare(uint32_t *fpscr, uint32_t a, uint32_t b, bool quiet_nan_signals) {
    const struct fp_number x = fp_unpack(fpscr, a), y = fp_unpack(fpscr, b);
    uint32_t nzcv;
    if (is_nan(&x) || is_nan(&y)) {
        if (quiet_nan_signals || x.kind == FP_SIGNALLING_NAN || y.kind == FP_SIGNALLING_NAN) {
            *fpscr |= FPSCR_IOC;
        }
        nzcv = 3; // unordered (A7.7.223, FPCompare())
    } else if (is_less(&x, &y, a, b)) {
        nzcv = 8;
    } else if (is_less(&y, &x, b, a)) {
        nzcv = 2;
    } else {
        nzcv = 6;
    }
    *fpscr = (*fpscr & 0x0fffffff) | nzcv << 28;
}
