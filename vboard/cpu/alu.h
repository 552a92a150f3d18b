// SPDX-License-Identifier: MIT
//
// What instructions calculate with: conditions, shifts, sums and their flags (ARM DDI 0403 A7.3, A7.4, A2.2.1).

#ifndef VBOARD_CPU_ALU_H
#define VBOARD_CPU_ALU_H

#include "vboard/cpu/cpu_state.h"

// Inlined with a constant wherever the condition is one.
static inline __attribute__((always_inline)) bool condition_holds(const struct cpu_state *s,
                                                                  unsigned cond) {
    bool n = s->n >> 31, z = s->z == 0, c = s->c, v = s->v >> 31, holds = true;
    switch (cond >> 1) {
    case 0:
        holds = z;
        break;
    case 1:
        holds = c;
        break;
    case 2:
        holds = n;
        break;
    case 3:
        holds = v;
        break;
    case 4:
        holds = c && !z;
        break;
    case 5:
        holds = n == v;
        break;
    case 6:
        holds = n == v && !z;
        break;
    default:
        return true;
    }
    return holds != (cond & 1);
}

// Shift_C (ARM DDI 0403 A7.4.2); amount 0 to 255, RRX aside.
static inline uint32_t shift(uint32_t value, unsigned type, unsigned amount, uint32_t carry_in,
                             uint32_t *carry) {
    *carry = carry_in;
    if (amount == 0) {
        return value;
    }
    switch (type) {
    case SHIFT_LSL:
        *carry = amount <= 32 ? (uint32_t)((uint64_t)value << amount >> 32) & 1 : 0;
        return amount < 32 ? value << amount : 0;
    case SHIFT_LSR:
        *carry = amount <= 32 ? value >> (amount - 1) & 1 : 0;
        return amount < 32 ? value >> amount : 0;
    case SHIFT_ASR:
        amount = amount > 32 ? 32 : amount;
        *carry = (uint32_t)((int64_t)(int32_t)value >> (amount - 1)) & 1;
        return (uint32_t)((int64_t)(int32_t)value >> amount);
    case SHIFT_ROR: {
        unsigned turn = amount & 31;
        uint32_t result = turn ? value >> turn | value << (32 - turn) : value;
        *carry = result >> 31;
        return result;
    }
    default: // RRX
        *carry = value & 1;
        return value >> 1 | carry_in << 31;
    }
}

static inline uint32_t add_flags(struct cpu_state *s, uint32_t a, uint32_t b, uint32_t carry) {
    uint64_t sum = (uint64_t)a + b + carry;
    uint32_t result = (uint32_t)sum;
    s->n = s->z = result;
    s->c = (uint32_t)(sum >> 32);
    s->v = ~(a ^ b) & (a ^ result);
    return result;
}

static inline uint32_t reverse_bits(uint32_t x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}

static inline uint32_t saturate(struct cpu_state *s, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
        s->q = 1;
        value = value < low ? low : high;
    }
    return (uint32_t)value;
}

static inline unsigned bit_length(uint32_t x) {
    return x ? 32 - (unsigned)__builtin_clz(x) : 0;
}

// Cycles beyond the 1 in the decoded op; see the table in ops.h.
static inline unsigned divide_cycles(uint32_t dividend, uint32_t divisor) {
    unsigned a = bit_length(dividend), b = bit_length(divisor);
    return b == 0 || a < b ? 1 : 2 + (a - b + 1) / 4;
}

#endif
