// SPDX-License-Identifier: MIT
//
// Decodes the 16-bit Thumb instructions (ARM DDI 0403 A5.2) and wraps every instruction, long ones
// from decode32.c included, for IT blocks. Decoding depends on the bytes, the address and ITSTATE
// only. Forms that are UNPREDICTABLE decode to the nearest defined behaviour; UNDEFINED ones to
// OP_UNDEF.

#include "vboard/cpu/cpu_state.h"

enum { COND_ALWAYS = 14 };

void op_alu(struct op *op, enum op_code first, bool flags, unsigned rd, unsigned rn, unsigned rm,
            enum shift_type type, unsigned amount) {
    // Arithmetic takes nothing but the value from the shifter; logic takes the carry too.
    bool arithmetic = first >= OP_ADD_I && first != OP_TST_I && first != OP_TEQ_I;
    bool test = first >= OP_TST_I;
    bool sets = flags || test;
    bool plain = type == SHIFT_LSL && (amount == 0 || arithmetic || !sets);
    op->code = (uint16_t)(first + (plain ? 1 : 2) + (flags && !test ? 3 : 0));
    op->rd = (uint8_t)rd;
    op->rn = (uint8_t)rn;
    op->rm = (uint8_t)rm;
    op->imm = plain ? amount : SHIFT(type, amount);
    static const uint16_t shifts[3][2] = {
        {0, OP_LSLS_I}, {OP_LSR_I, OP_LSRS_I}, {OP_ASR_I, OP_ASRS_I}};
    if (first == OP_MOV_I && !plain && type <= SHIFT_ASR) {
        op->code = shifts[type][flags];
        op->imm = amount;
    }
}

void op_alu_imm(struct op *op, enum op_code first, bool flags, unsigned rd, unsigned rn,
                uint32_t imm) {
    op->code = (uint16_t)(first + (flags && first < OP_TST_I ? 3 : 0));
    op->rd = (uint8_t)rd;
    op->rn = (uint8_t)rn;
    op->imm = imm;
}

static void op_memory(struct op *op, enum op_code code, unsigned rt, unsigned rn, uint32_t imm,
                      unsigned cycles) {
    op->code = (uint16_t)code;
    op->rd = (uint8_t)rt;
    op->rn = (uint8_t)rn;
    op->imm = imm;
    op->cycles = (uint8_t)cycles;
}

// A5.2.2, 010000
static void decode_data_processing(struct op *op, unsigned hw, bool flags) {
    unsigned rdn = hw & 7, rm = hw >> 3 & 7;
    static const uint16_t shifts[16] = {[2] = OP_LSL, [3] = OP_LSR, [4] = OP_ASR, [7] = OP_ROR};
    static const uint16_t families[16] = {
        [0] = OP_AND_I,  [1] = OP_EOR_I, [5] = OP_ADC_I,  [6] = OP_SBC_I,
        [8] = OP_TST_I,  [9] = OP_RSB_I, [10] = OP_CMP_I, [11] = OP_CMN_I,
        [12] = OP_ORR_I, [13] = 0,       [14] = OP_BIC_I, [15] = OP_MVN_I,
    };
    unsigned which = hw >> 6 & 15;
    if (shifts[which]) {
        op->code = (uint16_t)(shifts[which] + flags);
        op->rd = op->rn = (uint8_t)rdn;
        op->rm = (uint8_t)rm;
    } else if (which == 9) { // RSB Rd, Rn, #0
        op_alu_imm(op, OP_RSB_I, flags, rdn, rm, 0);
    } else if (which == 13) {
        op->code = flags ? OP_MULS : OP_MUL;
        op->rd = op->rn = (uint8_t)rdn;
        op->rm = (uint8_t)rm;
    } else {
        op_alu(op, families[which], flags, rdn, rdn, rm, SHIFT_LSL, 0);
    }
}

// A5.2.3, 010001
static void decode_special(struct op *op, unsigned hw) {
    unsigned rd = (hw & 7) | (hw >> 4 & 8), rm = hw >> 3 & 15;
    if (rm == 15) {
        op->cond = DECODED_READS_PC;
    }
    switch (hw >> 8 & 3) {
    case 0:
        if (rd == 15) {
            op->code = OP_ADD_PC;
            op->rm = (uint8_t)rm;
            op->cond = DECODED_READS_PC;
            op->cycles = 1 + CPU_REFILL;
        } else if (rd == 13) {
            op->code = OP_ADD_SP_X;
            op->rd = op->rn = 13;
            op->rm = (uint8_t)rm;
            op->imm = SHIFT(SHIFT_LSL, 0);
        } else {
            op_alu(op, OP_ADD_I, false, rd, rd, rm, SHIFT_LSL, 0);
        }
        break;
    case 1:
        op_alu(op, OP_CMP_I, true, 0, rd, rm, SHIFT_LSL, 0);
        if (rd == 15) {
            op->cond = DECODED_READS_PC;
        }
        break;
    case 2:
        op_alu(op, OP_MOV_I, false, rd, 0, rm, SHIFT_LSL, 0);
        if (rd == 15) {
            op->code = OP_MOV_PC;
            op->cycles = 1 + CPU_REFILL;
        } else if (rd == 13) {
            op->code = OP_MOV_SP;
        }
        break;
    default:
        op->code = (hw & 0x80) ? OP_BLX : OP_BX;
        op->rm = (uint8_t)rm;
        op->cycles = 1 + CPU_REFILL;
        break;
    }
}

// A5.2.5, 1011
static void decode_miscellaneous(struct op *op, uint32_t addr, unsigned hw) {
    unsigned rd = hw & 7, rm = hw >> 3 & 7;
    switch (hw >> 8 & 15) {
    case 0x0: {
        uint32_t imm = (hw & 0x7f) * 4;
        op_alu_imm(op, OP_ADD_SP_I, false, 13, 13, (hw & 0x80) ? 0u - imm : imm);
        break;
    }
    case 0x1:
    case 0x3:
    case 0x9:
    case 0xb:
        op->code = (hw & 0x800) ? OP_CBNZ : OP_CBZ;
        op->rn = (uint8_t)rd;
        op->imm = addr + 4 + ((hw >> 3 & 0x1f) << 1 | (hw >> 9 & 1) << 6);
        break;
    case 0x2: {
        static const uint16_t codes[4] = {OP_SXTH, OP_SXTB, OP_UXTH, OP_UXTB};
        op->code = codes[hw >> 6 & 3];
        op->rd = (uint8_t)rd;
        op->rm = (uint8_t)rm;
        break;
    }
    case 0x4:
    case 0x5: { // PUSH: STMDB SP!
        uint32_t list = (hw & 0xff) | (hw & 0x100) << 6;
        op_memory(op, OP_STM, 0, 13, list, 1 + (unsigned)__builtin_popcount(list));
        op->ra = 3;
        break;
    }
    case 0x6:
        if ((hw & 0xffe8) == 0xb660) {
            op->code = OP_CPS;
            op->imm = hw & 0x1f;
        }
        break;
    case 0xa: {
        static const uint16_t codes[4] = {OP_REV, OP_REV16, OP_UNDEF, OP_REVSH};
        op->code = codes[hw >> 6 & 3];
        op->rd = (uint8_t)rd;
        op->rm = (uint8_t)rm;
        break;
    }
    case 0xc:
    case 0xd: { // POP: LDMIA SP!
        uint32_t list = (hw & 0xff) | (hw & 0x100) << 7;
        op_memory(op, OP_LDM, 0, 13, list, 1 + (unsigned)__builtin_popcount(list));
        op->cycles += (list >> 15) ? CPU_REFILL : 0;
        op->ra = 1;
        break;
    }
    case 0xe:
        op->code = OP_BKPT;
        op->imm = hw & 0xff;
        break;
    case 0xf:
        if (hw & 15) {
            op->code = OP_IT;
            op->imm = hw & 0xff;
        } else {
            static const uint16_t hints[5] = {OP_NOP, OP_NOP, OP_WFE, OP_WFI, OP_SEV};
            unsigned hint = hw >> 4 & 15;
            op->code = hint < 5 ? hints[hint] : OP_NOP;
        }
        break;
    }
}

static void decode_short(struct op *op, uint32_t addr, unsigned hw, bool flags) {
    unsigned rd = hw & 7, rn = hw >> 3 & 7, rm = hw >> 6 & 7, imm5 = hw >> 6 & 0x1f;
    unsigned high = hw >> 8 & 7, imm8 = hw & 0xff;
    switch (hw >> 11) {
    case 0x00: // LSL #0 is MOVS
        op_alu(op, OP_MOV_I, flags, rd, 0, rn, SHIFT_LSL, imm5);
        break;
    case 0x01:
        op_alu(op, OP_MOV_I, flags, rd, 0, rn, SHIFT_LSR, imm5 ? imm5 : 32);
        break;
    case 0x02:
        op_alu(op, OP_MOV_I, flags, rd, 0, rn, SHIFT_ASR, imm5 ? imm5 : 32);
        break;
    case 0x03: {
        enum op_code family = (hw & 0x200) ? OP_SUB_I : OP_ADD_I;
        if (hw & 0x400) {
            op_alu_imm(op, family, flags, rd, rn, rm);
        } else {
            op_alu(op, family, flags, rd, rn, rm, SHIFT_LSL, 0);
        }
        break;
    }
    case 0x04:
        op_alu_imm(op, OP_MOV_I, flags, high, 0, imm8);
        break;
    case 0x05:
        op_alu_imm(op, OP_CMP_I, true, 0, high, imm8);
        break;
    case 0x06:
        op_alu_imm(op, OP_ADD_I, flags, high, high, imm8);
        break;
    case 0x07:
        op_alu_imm(op, OP_SUB_I, flags, high, high, imm8);
        break;
    case 0x08:
        if (hw & 0x400) {
            decode_special(op, hw);
        } else {
            decode_data_processing(op, hw, flags);
        }
        break;
    case 0x09:
        op_memory(op, OP_LDR_L, high, 15, ((addr + 4) & ~3u) + imm8 * 4, 2);
        break;
    case 0x0a:
    case 0x0b: {
        static const uint16_t codes[8] = {OP_STR_R, OP_STRH_R, OP_STRB_R, OP_LDRSB_R,
                                          OP_LDR_R, OP_LDRH_R, OP_LDRB_R, OP_LDRSH_R};
        op_memory(op, codes[hw >> 9 & 7], rd, rn, 0, 2);
        op->rm = (uint8_t)rm;
        break;
    }
    case 0x0c:
        op_memory(op, OP_STR_I, rd, rn, imm5 * 4, 1);
        break;
    case 0x0d:
        op_memory(op, OP_LDR_I, rd, rn, imm5 * 4, 2);
        break;
    case 0x0e:
        op_memory(op, OP_STRB_I, rd, rn, imm5, 1);
        break;
    case 0x0f:
        op_memory(op, OP_LDRB_I, rd, rn, imm5, 2);
        break;
    case 0x10:
        op_memory(op, OP_STRH_I, rd, rn, imm5 * 2, 1);
        break;
    case 0x11:
        op_memory(op, OP_LDRH_I, rd, rn, imm5 * 2, 2);
        break;
    case 0x12:
        op_memory(op, OP_STR_I, high, 13, imm8 * 4, 1);
        break;
    case 0x13:
        op_memory(op, OP_LDR_I, high, 13, imm8 * 4, 2);
        break;
    case 0x14: // ADR
        op_alu_imm(op, OP_MOV_I, false, high, 0, ((addr + 4) & ~3u) + imm8 * 4);
        break;
    case 0x15:
        op_alu_imm(op, OP_ADD_I, false, high, 13, imm8 * 4);
        break;
    case 0x16:
    case 0x17:
        decode_miscellaneous(op, addr, hw);
        break;
    case 0x18:
        op_memory(op, OP_STM, 0, high, imm8, 1 + (unsigned)__builtin_popcount(imm8));
        op->ra = 1;
        break;
    case 0x19:
        op_memory(op, OP_LDM, 0, high, imm8, 1 + (unsigned)__builtin_popcount(imm8));
        op->ra = (imm8 >> high & 1) ? 0 : 1;
        break;
    case 0x1a:
    case 0x1b: {
        unsigned cond = hw >> 8 & 15;
        if (cond < 14) {
            op->code = (uint16_t)(OP_BEQ + cond);
            op->imm = addr + 4 + (uint32_t)((int32_t)(int8_t)imm8 * 2);
        } else if (cond == 15) {
            op->code = OP_SVC;
            op->imm = imm8;
        }
        break;
    }
    case 0x1c:
        op->code = OP_B;
        op->imm = addr + 4 + (uint32_t)((int32_t)(hw << 21) >> 20);
        op->cycles = 1 + CPU_REFILL;
        break;
    default:
        break;
    }
}

void decode(struct op *op, uint32_t addr, uint16_t hw1, uint16_t hw2, uint8_t it) {
    *op = (struct op){.code = OP_UNDEF, .cycles = 1, .halfwords = 1, .it = it};
    if (is_long(hw1)) {
        op->halfwords = 2;
        decode_long(op, addr, hw1, hw2);
    } else {
        decode_short(op, addr, hw1, it == 0);
    }
    op->real = op->code;
    // CMP and friends set flags in IT blocks too; branches are allowed last in a block.
    // BKPT does not ask the block's condition (A7.7.17).
    if (it) {
        op->cond = op->real == OP_BKPT ? COND_ALWAYS : it >> 4;
        op->code = OP_IT_COND; // also makes r[15] readable
    } else if (op->cond == DECODED_READS_PC) {
        op->code = OP_PC_READ;
    }
}
