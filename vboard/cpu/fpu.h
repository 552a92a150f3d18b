// SPDX-License-Identifier: MIT
//
// The floating-point extension FPv4-SP of the Cortex-M4 (ARM DDI 0403 A2.5, A6), shared by the files of
// this folder only. The answer is the same on every host: fpu_arith.c computes with integers, fpu_fast.h shortens
// the common case, fpu_convert.c turns numbers into others, fpu.c has the registers and when they
// may be used, decode_fpu.c the encodings.

#ifndef VBOARD_CPU_FPU_H
#define VBOARD_CPU_FPU_H

#include <stdbool.h>
#include <stdint.h>

// FPSCR (A2.5.3). What is not named is read as zero.
#define FPSCR_IOC     (1u << 0) // invalid operation
#define FPSCR_DZC     (1u << 1) // division by zero
#define FPSCR_OFC     (1u << 2) // overflow
#define FPSCR_UFC     (1u << 3) // underflow
#define FPSCR_IXC     (1u << 4) // inexact
#define FPSCR_IDC     (1u << 7) // denormal input taken as zero
#define FPSCR_FZ      (1u << 24)
#define FPSCR_DN      (1u << 25)
#define FPSCR_AHP     (1u << 26)
#define FPSCR_DEFAULT 0x07c00000u // AHP, DN, FZ, RMode: what FPDSCR holds
#define FPSCR_MASK    0xf7c0009fu

// FPSCR.RMode.
enum fp_rounding { FP_TO_NEAREST, FP_UP, FP_DOWN, FP_TO_ZERO };

#define FP_SIGN        0x80000000u
#define FP_INFINITY    0x7f800000u
#define FP_DEFAULT_NAN 0x7fc00000u

static inline enum fp_rounding fp_rounding(uint32_t fpscr) {
    return (enum fp_rounding)(fpscr >> 22 & 3);
}

enum fp_kind { FP_ZERO, FP_FINITE, FP_INFINITE, FP_QUIET_NAN, FP_SIGNALLING_NAN };

// An operand taken apart. FP_FINITE: its magnitude is significand * 2^exponent.
struct fp_number {
    enum fp_kind kind;
    bool negative;
    int exponent;
    uint64_t significand;
};

// A binary format: single precision is {8, 23}, half precision {5, 10}.
struct fp_format {
    unsigned exponent_bits, fraction_bits;
};

// fpu_arith.c. Each adds its flags to *fpscr.

// FPUnpack() of a single.
struct fp_number fp_unpack(uint32_t *fpscr, uint32_t value);
// FPRound(): a magnitude (significand not 0) in `format`. Below 2^40 the significand's lowest bit may
// stand for everything behind it.
uint32_t fp_round(uint32_t *fpscr, struct fp_format format, enum fp_rounding rounding,
                  bool negative, int exponent, uint64_t significand);
uint32_t fp_add(uint32_t *fpscr, uint32_t a, uint32_t b);
uint32_t fp_multiply(uint32_t *fpscr, uint32_t a, uint32_t b);
// addend + a * b, rounded once.
uint32_t fp_multiply_add(uint32_t *fpscr, uint32_t addend, uint32_t a, uint32_t b);
uint32_t fp_divide(uint32_t *fpscr, uint32_t a, uint32_t b);
uint32_t fp_square_root(uint32_t *fpscr, uint32_t a);
// Leaves the result in FPSCR's N, Z, C and V. `quiet_nan_signals`: VCMPE.
void fp_compare(uint32_t *fpscr, uint32_t a, uint32_t b, bool quiet_nan_signals);

// fpu_convert.c

// To a fixed-point number of `bits` (16 or 32), saturated, extended to 32 bits.
uint32_t fp_to_fixed(uint32_t *fpscr, uint32_t value, unsigned bits, unsigned fraction_bits,
                     bool is_signed, enum fp_rounding rounding);
uint32_t fp_from_fixed(uint32_t *fpscr, uint32_t value, unsigned bits, unsigned fraction_bits,
                       bool is_signed, enum fp_rounding rounding);
uint32_t fp_from_half(uint32_t *fpscr, uint16_t value);
uint16_t fp_to_half(uint32_t *fpscr, uint32_t value);

#endif
