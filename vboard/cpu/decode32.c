// SPDX-License-Identifier: MIT
//
// Decodes the 32-bit Thumb instructions (ARM DDI 0403 A5.3). See decode.c for the rules.

#include "vboard/cpu/cpu_state.h"

static uint32_t ror32(uint32_t value, unsigned amount) {
    return amount ? value >> amount | value << (32 - amount) : value;
}

// ThumbExpandImm_C (A5.3.2); *rotated: the carry becomes bit 31 of the result.
static uint32_t expand_imm(uint32_t imm12, bool *rotated) {
    uint32_t imm8 = imm12 & 0xff;
    *rotated = false;
    if ((imm12 & 0xc00) == 0) {
        switch (imm12 >> 8 & 3) {
        case 0:
            return imm8;
        case 1:
            return imm8 * 0x00010001u;
        case 2:
            return imm8 * 0x01000100u;
        default:
            return imm8 * 0x01010101u;
        }
    }
    *rotated = true;
    return ror32(0x80 | (imm12 & 0x7f), imm12 >> 7);
}

// Which family a 4-bit data-processing opcode means (A5.3.1, A5.3.11); OP_UNDEF when none.
static enum op_code family(unsigned opcode, bool flags, unsigned rd, unsigned rn) {
    bool to_flags = rd == 15 && flags;
    switch (opcode) {
    case 0:
        return to_flags ? OP_TST_I : OP_AND_I;
    case 1:
        return OP_BIC_I;
    case 2:
        return rn == 15 ? OP_MOV_I : OP_ORR_I;
    case 3:
        return rn == 15 ? OP_MVN_I : OP_ORN_I;
    case 4:
        return to_flags ? OP_TEQ_I : OP_EOR_I;
    case 8:
        return to_flags ? OP_CMN_I : OP_ADD_I;
    case 10:
        return OP_ADC_I;
    case 11:
        return OP_SBC_I;
    case 13:
        return to_flags ? OP_CMP_I : OP_SUB_I;
    case 14:
        return OP_RSB_I;
    default:
        return OP_UNDEF;
    }
}

static void decode_modified_immediate(struct op *op, uint32_t hw1, uint32_t hw2) {
    bool rotated, flags = hw1 >> 4 & 1;
    unsigned rd = hw2 >> 8 & 15, rn = hw1 & 15;
    uint32_t imm =
        expand_imm((hw1 >> 10 & 1) << 11 | (hw2 >> 12 & 7) << 8 | (hw2 & 0xff), &rotated);
    enum op_code first = family(hw1 >> 5 & 15, flags, rd, rn);
    if (first == OP_UNDEF) {
        return;
    }
    op_alu_imm(op, first, flags, rd, rn, imm);
    op->ra = rotated;
    if (rd == 13 && !flags && (first == OP_ADD_I || first == OP_SUB_I)) {
        op->code = OP_ADD_SP_I;
        op->imm = first == OP_ADD_I ? imm : 0u - imm;
    }
}

static void decode_shifted_register(struct op *op, uint32_t hw1, uint32_t hw2) {
    bool flags = hw1 >> 4 & 1;
    unsigned rd = hw2 >> 8 & 15, rn = hw1 & 15, rm = hw2 & 15;
    unsigned amount = (hw2 >> 12 & 7) << 2 | (hw2 >> 6 & 3);
    enum shift_type type = (enum shift_type)(hw2 >> 4 & 3);
    if ((hw1 >> 5 & 15) == 6) { // PKHBT, PKHTB
        if (flags || (hw2 & 0x10)) {
            return;
        }
        op->code = OP_DSP;
        op->rd = (uint8_t)rd;
        op->rn = (uint8_t)rn;
        op->rm = (uint8_t)rm;
        op->imm = DSP_IMM(DSP_PKH, (hw2 >> 5 & 1) | amount << 1);
        return;
    }
    enum op_code first = family(hw1 >> 5 & 15, flags, rd, rn);
    if (first == OP_UNDEF) {
        return;
    }
    if (amount == 0) { // DecodeImmShift (A7.4.2)
        type = type == SHIFT_ROR ? SHIFT_RRX : type;
        amount = type == SHIFT_RRX ? 1 : type == SHIFT_LSL ? 0 : 32;
    }
    op_alu(op, first, flags, rd, rn, rm, type, amount);
    if (rd == 13 && !flags) {
        if (first == OP_ADD_I || first == OP_SUB_I) {
            op->code = first == OP_ADD_I ? OP_ADD_SP_X : OP_SUB_SP_X;
            op->imm = SHIFT(type, amount);
        } else if (first == OP_MOV_I) {
            op->code = OP_MOV_SP;
        }
    }
}

// A5.3.3
static void decode_plain_immediate(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    unsigned rd = hw2 >> 8 & 15, rn = hw1 & 15;
    uint32_t imm12 = (hw1 >> 10 & 1) << 11 | (hw2 >> 12 & 7) << 8 | (hw2 & 0xff);
    unsigned lsb = (hw2 >> 12 & 7) << 2 | (hw2 >> 6 & 3), width = hw2 & 0x1f;
    op->rd = (uint8_t)rd;
    op->rn = (uint8_t)rn;
    op->rm = (uint8_t)rn;
    switch (hw1 >> 4 & 0x1f) {
    case 0x00:
    case 0x0a: {
        bool subtract = hw1 >> 4 & 0xf;
        uint32_t offset = subtract ? 0u - imm12 : imm12;
        if (rn == 15) { // ADR
            op_alu_imm(op, OP_MOV_I, false, rd, 0, ((addr + 4) & ~3u) + offset);
        } else {
            op_alu_imm(op, rd == 13 ? OP_ADD_SP_I : OP_ADD_I, false, rd, rn, offset);
        }
        break;
    }
    case 0x04:
        op_alu_imm(op, OP_MOV_I, false, rd, 0, imm12 | rn << 12);
        break;
    case 0x0c:
        op->code = OP_MOVT;
        op->imm = (imm12 | rn << 12) << 16;
        break;
    case 0x10:
    case 0x12:
    case 0x18:
    case 0x1a: {
        bool is_unsigned = hw1 >> 7 & 1, arithmetic = hw1 >> 5 & 1;
        if (arithmetic && lsb == 0) { // SSAT16, USAT16
            op->code = OP_DSP;
            op->imm = DSP_IMM(DSP_SAT16, is_unsigned ? 1u << 5 | (hw2 & 15) : (hw2 & 15) + 1);
            break;
        }
        op->code = is_unsigned ? OP_USAT : OP_SSAT;
        op->ra = (uint8_t)(is_unsigned ? width : width + 1);
        op->imm = SHIFT(arithmetic ? SHIFT_ASR : SHIFT_LSL, lsb);
        break;
    }
    case 0x14:
    case 0x1c: // SBFX, UBFX: lsb and width
        op->code = (hw1 & 0x80) ? OP_UBFX : OP_SBFX;
        op->imm = lsb;
        op->ra = (uint8_t)(width + 1);
        if (lsb + width + 1 > 32) { // UNPREDICTABLE: what fits
            op->ra = (uint8_t)(32 - lsb);
        }
        break;
    case 0x16: // BFI, BFC; width is msb here
        op->code = rn == 15 ? OP_BFC : OP_BFI;
        op->imm = lsb;
        op->ra = (uint8_t)(width >= lsb ? width - lsb + 1 : 0);
        break;
    default:
        break;
    }
}

// A5.3.4
static void decode_branch(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    uint32_t s = hw1 >> 10 & 1, j1 = hw2 >> 13 & 1, j2 = hw2 >> 11 & 1;
    if (hw2 & 0x1000) { // B.W (T4), BL
        uint32_t offset =
            s << 24 | (j1 == s) << 23 | (j2 == s) << 22 | (hw1 & 0x3ff) << 12 | (hw2 & 0x7ff) << 1;
        op->code = (hw2 & 0x4000) ? OP_BL : OP_B;
        op->imm = addr + 4 + (uint32_t)((int32_t)(offset << 7) >> 7);
        op->cycles = 1 + CPU_REFILL;
        return;
    }
    if (hw2 & 0x4000) {
        return; // BLX immediate: no ARM state here. UDF.W among them
    }
    if ((hw1 & 0x380) != 0x380) { // Bcc.W (T3)
        uint32_t offset = s << 20 | j2 << 19 | j1 << 18 | (hw1 & 0x3f) << 12 | (hw2 & 0x7ff) << 1;
        op->code = (uint16_t)(OP_BEQ + (hw1 >> 6 & 15));
        op->imm = addr + 4 + (uint32_t)((int32_t)(offset << 11) >> 11);
        return;
    }
    switch (hw1 >> 4 & 0x7f) {
    case 0x38:
    case 0x39:
        op->code = OP_MSR;
        op->rn = hw1 & 15;
        op->imm = hw2 & 0xff;
        op->ra = hw2 >> 10 & 3;
        break;
    case 0x3a:
        if (hw2 & 0x700) { // op1 other than 0 (A5.3.4)
            op->code = OP_UNDEF;
            break;
        }
        op->code = OP_NOP;
        switch (hw2 & 0xff) {
        case 2:
            op->code = OP_WFE;
            break;
        case 3:
            op->code = OP_WFI;
            break;
        case 4:
            op->code = OP_SEV;
            break;
        default:
            break;
        }
        break;
    case 0x3b: {
        unsigned which = hw2 >> 4 & 15;
        op->code = which == 2 ? OP_CLREX : which >= 4 && which <= 6 ? OP_BARRIER : OP_UNDEF;
        break;
    }
    case 0x3e:
    case 0x3f:
        op->code = OP_MRS;
        op->rd = hw2 >> 8 & 15;
        op->imm = hw2 & 0xff;
        break;
    default:
        break;
    }
}

// A5.3.5
static void decode_multiple(struct op *op, uint32_t hw1, uint32_t hw2) {
    unsigned mode = hw1 >> 7 & 3, rn = hw1 & 15;
    bool load = hw1 >> 4 & 1, writeback = hw1 >> 5 & 1;
    if (mode != 1 && mode != 2) {
        return;
    }
    op->code = load ? OP_LDM : OP_STM;
    op->rn = (uint8_t)rn;
    op->imm = hw2 & (load ? 0xdfff : 0x5fff);
    op->ra = (uint8_t)(writeback | (mode == 2) << 1);
    if (load && (op->imm >> rn & 1)) {
        op->ra &= 2;
    }
    op->cycles = (uint8_t)(1 + __builtin_popcount(op->imm) + (op->imm >> 15 ? CPU_REFILL : 0));
}

// A5.3.6
static void decode_dual_exclusive(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    unsigned rn = hw1 & 15, rt = hw2 >> 12;
    bool load = hw1 >> 4 & 1;
    op->rn = (uint8_t)rn;
    op->rd = (uint8_t)rt;
    op->cycles = 3;
    if ((hw1 & 0x120) != 0) { // P or W: LDRD, STRD
        uint32_t offset = (hw1 & 0x80) ? (hw2 & 0xff) * 4 : 0u - (hw2 & 0xff) * 4;
        op->code = load ? OP_LDRD : OP_STRD;
        op->ra = hw2 >> 8 & 15;
        op->rm = (uint8_t)((hw1 >> 8 & 1) | (hw1 >> 5 & 1) << 1); // P, W
        op->imm = offset;
        if (rn == 15) { // literal: rm 4 says that imm is the address
            op->rm = 4;
            op->imm = ((addr + 4) & ~3u) + offset;
        }
        return;
    }
    if (!(hw1 & 0x80)) { // LDREX, STREX
        op->code = load ? OP_LDREX : OP_STREX;
        op->rm = hw2 >> 8 & 15; // status
        op->imm = (hw2 & 0xff) * 4;
        op->ra = 4;
        op->cycles = 2;
        return;
    }
    switch (hw2 >> 4 & 15) {
    case 0:
    case 1:
        if (load) {
            op->code = (hw2 & 0x10) ? OP_TBH : OP_TBB;
            op->rm = hw2 & 15;
            op->cycles = 2 + CPU_REFILL;
            op->cond = rn == 15 ? DECODED_READS_PC : 0;
        }
        break;
    case 4:
    case 5:
        op->code = load ? OP_LDREX : OP_STREX;
        op->rm = hw2 & 15;
        op->ra = (hw2 & 0x10) ? 2 : 1;
        op->cycles = 2;
        break;
    default:
        break;
    }
}

// A5.3.7 to A5.3.10
static void decode_load_store(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    unsigned rn = hw1 & 15, rt = hw2 >> 12, size = hw1 >> 5 & 3;
    bool load = hw1 >> 4 & 1, is_signed = hw1 >> 8 & 1;
    // The five forms of each family follow one another (LOAD_FORMS).
    enum { FORM_I, FORM_R, FORM_W, FORM_P, FORM_L } form;
    static const uint16_t loads[2][4] = {{OP_LDRB_I, OP_LDRH_I, OP_LDR_I, 0},
                                         {OP_LDRSB_I, OP_LDRSH_I, 0, 0}};
    static const uint16_t stores[4] = {OP_STRB_I, OP_STRH_I, OP_STR_I, 0};
    unsigned first = load ? loads[is_signed][size] : is_signed ? 0 : stores[size];
    if (first == 0 || (!load && rn == 15)) {
        return;
    }
    bool unprivileged = false;
    op->rd = (uint8_t)rt;
    op->rn = (uint8_t)rn;
    if (rn == 15) {
        form = FORM_L;
        op->imm = ((addr + 4) & ~3u) + ((hw1 & 0x80) ? hw2 & 0xfff : 0u - (hw2 & 0xfff));
    } else if (hw1 & 0x80) {
        form = FORM_I;
        op->imm = hw2 & 0xfff;
    } else if (hw2 & 0x800) {
        bool index = hw2 >> 10 & 1, up = hw2 >> 9 & 1, writeback = hw2 >> 8 & 1;
        if (!index && !writeback) {
            return;
        }
        unprivileged = index && up && !writeback;
        op->imm = up ? hw2 & 0xff : 0u - (hw2 & 0xff);
        form = !index ? FORM_P : writeback ? FORM_W : FORM_I;
    } else if ((hw2 & 0xfc0) == 0) {
        form = FORM_R;
        op->rm = hw2 & 15;
        op->imm = hw2 >> 4 & 3;
    } else {
        return;
    }
    op->code = (uint16_t)(first + form);
    op->cycles = load || form != FORM_I ? 2 : 1;
    if (load && rt == 15) {
        if (size != 2) { // PLD, PLI: hints
            op->code = OP_NOP;
            op->cycles = 1;
            return;
        }
        op->code = OP_LDR_PC;
        op->ra = form;
        op->cycles = 2 + CPU_REFILL;
    } else if (unprivileged) {
        op->code = load ? OP_LDRT : OP_STRT;
        op->ra = (uint8_t)(1 << size);
        op->rm = is_signed;
    }
}

// A5.3.12 to A5.3.15
static void decode_register(struct op *op, uint32_t hw1, uint32_t hw2) {
    unsigned rd = hw2 >> 8 & 15, rn = hw1 & 15, rm = hw2 & 15, op1 = hw1 >> 4 & 15;
    unsigned op2 = hw2 >> 4 & 15;
    op->rd = (uint8_t)rd;
    op->rn = (uint8_t)rn;
    op->rm = (uint8_t)rm;
    if ((hw2 & 0xf000) != 0xf000) {
        return;
    }
    if (op1 < 8 && op2 == 0) { // shifts by register
        static const uint16_t codes[8] = {OP_LSL, OP_LSLS, OP_LSR, OP_LSRS,
                                          OP_ASR, OP_ASRS, OP_ROR, OP_RORS};
        op->code = codes[op1];
    } else if (op1 < 6 && (op2 & 8)) { // extends
        static const uint16_t plain[6] = {OP_SXTH, OP_UXTH, OP_DSP, OP_DSP, OP_SXTB, OP_UXTB};
        op->ra = (uint8_t)rn;
        op->imm = (op2 & 3) * 8;
        op->code = rn == 15 ? plain[op1] : OP_DSP;
        if (op->code == OP_DSP) {
            op->imm = DSP_IMM(DSP_EXTEND, op1 | (op2 & 3) << 4);
        }
    } else if (op1 >= 8 && op2 < 8) { // parallel add and subtract
        static const bool defined[8] = {true, true, true, false, true, true, true, false};
        if ((op2 & 3) != 3 && defined[op1 & 7]) {
            op->code = OP_DSP;
            op->imm = DSP_IMM(DSP_PARALLEL, op2 << 3 | (op1 & 7));
        }
    } else if (op1 >= 8 && op1 < 12 && (op2 & 12) == 8) {
        switch ((op1 & 3) << 2 | (op2 & 3)) {
        case 0:
        case 1:
        case 2:
        case 3:
            op->code = OP_DSP;
            op->imm = DSP_IMM(DSP_SAT_ADD, op2 & 3);
            break;
        case 4:
            op->code = OP_REV;
            break;
        case 5:
            op->code = OP_REV16;
            break;
        case 6:
            op->code = OP_RBIT;
            break;
        case 7:
            op->code = OP_REVSH;
            break;
        case 8:
            op->code = OP_DSP;
            op->imm = DSP_IMM(DSP_SEL, 0);
            break;
        case 12:
            op->code = OP_CLZ;
            break;
        default:
            break;
        }
    }
}

// A5.3.16
static void decode_multiply(struct op *op, uint32_t hw1, uint32_t hw2) {
    unsigned op1 = hw1 >> 4 & 7, op2 = hw2 >> 4 & 3, ra = hw2 >> 12;
    op->rd = hw2 >> 8 & 15;
    op->rn = hw1 & 15;
    op->rm = hw2 & 15;
    op->ra = (uint8_t)ra;
    if (hw2 & 0xc0) {
        return;
    }
    op->code = OP_DSP;
    switch (op1) {
    case 0:
        op->code = op2 == 0 ? (ra == 15 ? OP_MUL : OP_MLA) : op2 == 1 ? OP_MLS : OP_UNDEF;
        break;
    case 1:
        op->imm = DSP_IMM(DSP_SMLAXY, op2);
        break;
    case 2:
    case 4:
        op->imm = DSP_IMM(DSP_SMLAD, (op1 == 4) << 1 | (op2 & 1));
        op->code = op2 < 2 ? OP_DSP : OP_UNDEF;
        break;
    case 3:
        op->imm = DSP_IMM(DSP_SMLAW, op2 & 1);
        op->code = op2 < 2 ? OP_DSP : OP_UNDEF;
        break;
    case 5:
    case 6:
        op->imm = DSP_IMM(DSP_SMMLA, (op1 == 6) << 1 | (op2 & 1));
        op->code = op2 < 2 ? OP_DSP : OP_UNDEF;
        break;
    default:
        op->imm = DSP_IMM(DSP_USAD8, 0);
        op->code = op2 == 0 ? OP_DSP : OP_UNDEF;
        break;
    }
}

// A5.3.17; rd is the low word's register (RdLo), ra the high one's
static void decode_long_multiply(struct op *op, uint32_t hw1, uint32_t hw2) {
    unsigned op2 = hw2 >> 4 & 15;
    op->rd = hw2 >> 12;
    op->ra = hw2 >> 8 & 15;
    op->rn = hw1 & 15;
    op->rm = hw2 & 15;
    switch ((hw1 >> 4 & 7) << 4 | op2) {
    case 0x00:
        op->code = OP_SMULL;
        break;
    case 0x1f:
        op->code = OP_SDIV;
        op->rd = op->ra;
        break;
    case 0x20:
        op->code = OP_UMULL;
        break;
    case 0x3f:
        op->code = OP_UDIV;
        op->rd = op->ra;
        break;
    case 0x40:
        op->code = OP_SMLAL;
        break;
    case 0x48:
    case 0x49:
    case 0x4a:
    case 0x4b:
        op->code = OP_DSP;
        op->imm = DSP_IMM(DSP_SMLALXY, op2 & 3);
        break;
    case 0x4c:
    case 0x4d:
    case 0x5c:
    case 0x5d:
        op->code = OP_DSP;
        op->imm = DSP_IMM(DSP_SMLALD, (hw1 >> 4 & 1) << 1 | (op2 & 1));
        break;
    case 0x60:
        op->code = OP_UMLAL;
        break;
    case 0x66:
        op->code = OP_DSP;
        op->imm = DSP_IMM(DSP_UMAAL, 0);
        break;
    default:
        break;
    }
}

void decode_long(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    if ((hw1 & 0xec00) == 0xec00) { // A5.3.18: coprocessor; imm is its number
        op->code = OP_COPROC;
        op->imm = hw2 >> 8 & 15;
        if ((hw1 & 0xef00) == 0xef00) { // Advanced SIMD space: undefined here
            op->code = OP_UNDEF;
        } else if ((op->imm & 14) == 10) {
            decode_fpu(op, addr, hw1, hw2);
        }
    } else if ((hw1 & 0xfe40) == 0xe800) {
        decode_multiple(op, hw1, hw2);
    } else if ((hw1 & 0xfe40) == 0xe840) {
        decode_dual_exclusive(op, addr, hw1, hw2);
    } else if ((hw1 & 0xfe00) == 0xea00) {
        decode_shifted_register(op, hw1, hw2);
    } else if ((hw1 & 0xf800) == 0xf000) {
        if (hw2 & 0x8000) {
            decode_branch(op, addr, hw1, hw2);
        } else if (hw1 & 0x200) {
            decode_plain_immediate(op, addr, hw1, hw2);
        } else {
            decode_modified_immediate(op, hw1, hw2);
        }
    } else if ((hw1 & 0xfe00) == 0xf800) {
        decode_load_store(op, addr, hw1, hw2);
    } else if ((hw1 & 0xff00) == 0xfa00) {
        decode_register(op, hw1, hw2);
    } else if ((hw1 & 0xff80) == 0xfb00) {
        decode_multiply(op, hw1, hw2);
    } else if ((hw1 & 0xff80) == 0xfb80) {
        decode_long_multiply(op, hw1, hw2);
    }
}
