// SPDX-License-Identifier: MIT
//
// The DSP extension of ARMv7E-M: SIMD in a register, saturating arithmetic, 16-bit and
// most-significant-word multiplies (ARM DDI 0403 A5.3.13 to A5.3.17, pseudocode in A7.7). Slower
// than execute.c: a call each.

#include "vboard/cpu/cpu_state.h"

static int32_t half(uint32_t value, unsigned which) {
    return (int16_t)(value >> (which ? 16 : 0));
}

static uint32_t saturate32(struct cpu_state *s, int64_t value) {
    if (value > INT32_MAX || value < INT32_MIN) {
        s->q = 1;
        return value > 0 ? 0x7fffffff : 0x80000000;
    }
    return (uint32_t)value;
}

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

// Adds in 64 bits and notes in Q that the signed result did not fit (it wraps all the same).
static uint32_t accumulate(struct cpu_state *s, int64_t product, uint32_t addend) {
    int64_t sum = product + (int32_t)addend;
    if (sum != (int32_t)sum) {
        s->q = 1;
    }
    return (uint32_t)sum;
}

static uint32_t ror32(uint32_t value, unsigned amount) {
    return amount ? value >> amount | value << (32 - amount) : value;
}

// One lane of a parallel addition or subtraction; *ge says whether its GE bits become ones.
static uint32_t lane(unsigned prefix, int32_t result, unsigned bits, bool subtract, bool *ge) {
    uint32_t mask = (1u << bits) - 1;
    switch (prefix) {
    case 0: // S
        *ge = result >= 0;
        break;
    case 1: // Q
        result = clamp(result, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        break;
    case 2: // SH
    case 6: // UH
        result >>= 1;
        break;
    case 4: // U
        *ge = subtract ? result >= 0 : result > (int32_t)mask;
        break;
    default: // UQ
        result = clamp(result, 0, (int32_t)mask);
        break;
    }
    return (uint32_t)result & mask;
}

static uint32_t parallel(struct cpu_state *s, unsigned variant, uint32_t n, uint32_t m) {
    unsigned prefix = variant >> 3, operation = variant & 7;
    bool is_signed = prefix < 4;
    uint32_t result = 0, ges = 0;
    if ((operation & 3) == 0) { // ADD8 (0), SUB8 (4)
        for (unsigned i = 0; i < 32; i += 8) {
            int32_t a = is_signed ? (int8_t)(n >> i) : (uint8_t)(n >> i);
            int32_t b = is_signed ? (int8_t)(m >> i) : (uint8_t)(m >> i);
            bool ge = false;
            result |= lane(prefix, operation ? a - b : a + b, 8, operation != 0, &ge) << i;
            ges |= (uint32_t)ge << i / 8;
        }
    } else {
        // ADD16 1, ASX 2, SUB16 5, SAX 6. ASX subtracts low and adds high, lanes of m exchanged.
        bool exchange = operation == 2 || operation == 6;
        for (unsigned i = 0; i < 2; i++) {
            unsigned j = exchange ? !i : i;
            int32_t a = is_signed ? half(n, i) : (uint16_t)(n >> 16 * i);
            int32_t b = is_signed ? half(m, j) : (uint16_t)(m >> 16 * j);
            bool subtract = operation == 5 || (operation == 2 && i == 0) || (operation == 6 && i);
            bool ge = false;
            result |= lane(prefix, subtract ? a - b : a + b, 16, subtract, &ge) << 16 * i;
            ges |= (ge ? 3u : 0) << 2 * i;
        }
    }
    if (prefix == 0 || prefix == 4) {
        s->ge = ges;
    }
    return result;
}

static uint32_t extend(unsigned variant, uint32_t base, uint32_t value) {
    value = ror32(value, (variant >> 4) * 8);
    switch (variant & 15) {
    case 0:
        return base + (uint32_t)(int16_t)value;
    case 1:
        return base + (uint16_t)value;
    case 2: // SXTB16
        return ((base + (uint32_t)(int8_t)value) & 0xffff) |
               ((base >> 16) + (uint32_t)(int8_t)(value >> 16)) << 16;
    case 3: // UXTB16
        return ((base + (uint8_t)value) & 0xffff) | ((base >> 16) + (uint8_t)(value >> 16)) << 16;
    case 4:
        return base + (uint32_t)(int8_t)value;
    default:
        return base + (uint8_t)value;
    }
}

static uint32_t pack(unsigned variant, uint32_t n, uint32_t m) {
    unsigned amount = variant >> 1;
    if (variant & 1) { // PKHTB: ASR, 0 means 32
        uint32_t shifted = (uint32_t)((int64_t)(int32_t)m >> (amount ? amount : 32));
        return (n & 0xffff0000) | (shifted & 0xffff);
    }
    return (m << amount & 0xffff0000) | (n & 0xffff);
}

static uint32_t saturate16(struct cpu_state *s, unsigned variant, uint32_t n) {
    unsigned bits = variant & 0x1f;
    int32_t low = (variant & 0x20) ? 0 : -(1 << (bits - 1));
    int32_t high = (variant & 0x20) ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
    uint32_t result = 0;
    for (unsigned i = 0; i < 2; i++) {
        int32_t value = clamp(half(n, i), low, high);
        s->q |= value != half(n, i);
        result |= (uint32_t)(value & 0xffff) << 16 * i;
    }
    return result;
}

static int64_t dual(unsigned variant, uint32_t n, uint32_t m) {
    bool exchange = variant & 1;
    int64_t low = (int64_t)half(n, 0) * half(m, exchange);
    int64_t high = (int64_t)half(n, 1) * half(m, !exchange);
    return (variant & 2) ? low - high : low + high;
}

// RdLo is op->rd, RdHi op->ra.
static void long_result(struct cpu_state *s, const struct op *op, uint64_t value) {
    s->r[op->rd] = (uint32_t)value;
    s->r[op->ra] = (uint32_t)(value >> 32);
}

void dsp_execute(struct cpu_state *s, const struct op *op) {
    uint32_t *r = s->r, n = r[op->rn], m = r[op->rm];
    uint32_t addend = op->ra == 15 ? 0 : r[op->ra];
    unsigned variant = op->imm & 0xff;
    uint64_t both = (uint64_t)r[op->ra] << 32 | r[op->rd];
    switch (op->imm >> 8) {
    case DSP_PARALLEL:
        r[op->rd] = parallel(s, variant, n, m);
        break;
    case DSP_SAT_ADD: {
        uint32_t value = (variant & 1) ? saturate32(s, 2ll * (int32_t)n) : n;
        int64_t sum = (variant & 2) ? (int64_t)(int32_t)m - (int32_t)value
                                    : (int64_t)(int32_t)m + (int32_t)value;
        r[op->rd] = saturate32(s, sum);
        break;
    }
    case DSP_SEL: {
        uint32_t mask = 0;
        for (unsigned i = 0; i < 4; i++) {
            mask |= (s->ge >> i & 1) ? 0xffu << 8 * i : 0;
        }
        r[op->rd] = (n & mask) | (m & ~mask);
        break;
    }
    case DSP_EXTEND:
        r[op->rd] = extend(variant, addend, m);
        break;
    case DSP_PKH:
        r[op->rd] = pack(variant, n, m);
        break;
    case DSP_SAT16:
        r[op->rd] = saturate16(s, variant, n);
        break;
    case DSP_SMLAXY: {
        int64_t product = (int64_t)half(n, variant >> 1) * half(m, variant & 1);
        r[op->rd] = accumulate(s, product, addend);
        break;
    }
    case DSP_SMLAW: {
        int64_t product = (int64_t)(int32_t)n * half(m, variant & 1) >> 16;
        r[op->rd] = accumulate(s, product, addend);
        break;
    }
    case DSP_SMLAD:
        r[op->rd] = accumulate(s, dual(variant, n, m), addend);
        break;
    case DSP_SMMLA: {
        uint64_t product = (uint64_t)((int64_t)(int32_t)n * (int32_t)m);
        uint64_t wide = (uint64_t)addend << 32;
        wide = (variant & 2) ? wide - product : wide + product;
        r[op->rd] = (uint32_t)((wide + ((variant & 1) ? 0x80000000u : 0)) >> 32);
        break;
    }
    case DSP_USAD8: {
        uint32_t sum = addend;
        for (unsigned i = 0; i < 32; i += 8) {
            int difference = (int)(n >> i & 0xff) - (int)(m >> i & 0xff);
            sum += (uint32_t)(difference < 0 ? -difference : difference);
        }
        r[op->rd] = sum;
        break;
    }
    case DSP_SMLALXY:
        long_result(s, op,
                    both + (uint64_t)((int64_t)half(n, variant >> 1) * half(m, variant & 1)));
        break;
    case DSP_SMLALD:
        long_result(s, op, both + (uint64_t)dual(variant, n, m));
        break;
    case DSP_UMAAL:
        long_result(s, op, (uint64_t)n * m + r[op->rd] + r[op->ra]);
        break;
    }
}
