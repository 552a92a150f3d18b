// SPDX-License-Identifier: MIT
//
// Decodes the floating-point instructions, coprocessors 10 and 11 (ARM DDI 0403 A6.4 to A6.7). What is
// left at OP_COPROC is UNDEFINED: double-precision arithmetic, D16 to D31, later versions' instructions.

#include "vboard/cpu/cpu_state.h"

// Register numbers in S registers: a single's is four bits and one below, a double's one above and four.
static unsigned register_of(uint32_t four, uint32_t one, bool is_double) {
    return four << 1 | (is_double ? 0 : one);
}

static void op_vfp(struct op *op, enum fpu_op which, unsigned variant, unsigned cycles) {
    op->code = which == FPU_VADD   ? OP_VADD
               : which == FPU_VSUB ? OP_VSUB
               : which == FPU_VMUL ? OP_VMUL
               : which == FPU_VMLA ? OP_VMLA
               : which == FPU_VFMA ? OP_VFMA
                                   : OP_VFP;
    op->imm = FPU_IMM(which, variant);
    op->cycles = (uint8_t)cycles;
}

// A6.4, table A6-4: opc1 is 1x11
static void decode_other(struct op *op, uint32_t hw1, uint32_t hw2) {
    unsigned opc2 = hw1 & 15, seventh = hw2 >> 7 & 1, fraction = (hw2 & 15) << 1 | (hw2 >> 5 & 1);
    if (!(hw2 & 0x40)) {
        op_vfp(op, FPU_VMOV_I, opc2 << 4 | (hw2 & 15), 1);
        return;
    }
    switch (opc2) {
    case 0:
        op_vfp(op, seventh ? FPU_VABS : FPU_VMOV, 0, 1);
        break;
    case 1:
        op_vfp(op, seventh ? FPU_VSQRT : FPU_VNEG, 0, seventh ? 14 : 1);
        break;
    case 2:
        op_vfp(op, FPU_FROM_HALF, seventh, 1);
        break;
    case 3:
        op_vfp(op, FPU_TO_HALF, seventh, 1);
        break;
    case 4:
        op_vfp(op, FPU_VCMP, seventh, 1);
        break;
    case 5:
        op_vfp(op, FPU_VCMP_ZERO, seventh, 1);
        break;
    case 8:
        op_vfp(op, FPU_FROM_INTEGER, seventh, 1);
        break;
    case 12:
    case 13:
        op_vfp(op, FPU_TO_INTEGER, (opc2 & 1) | seventh << 1, 1);
        break;
    case 10:
    case 11:
    case 14:
    case 15: // more than 16 fraction bits of 16: UNPREDICTABLE
        op_vfp(op, (opc2 & 4) ? FPU_TO_FIXED : FPU_FROM_FIXED,
               (((seventh ? 32 : 16) - fraction) & 63) | !(opc2 & 1) << 6 | seventh << 7, 1);
        break;
    default:
        break;
    }
}

// A6.4
static void decode_data_processing(struct op *op, uint32_t hw1, uint32_t hw2) {
    bool sixth = hw2 & 0x40;
    op->rd = (uint8_t)register_of(hw2 >> 12, hw1 >> 6 & 1, false);
    op->rn = (uint8_t)register_of(hw1 & 15, hw2 >> 7 & 1, false);
    op->rm = (uint8_t)register_of(hw2 & 15, hw2 >> 5 & 1, false);
    switch ((hw1 >> 5 & 4) | (hw1 >> 4 & 3)) {
    case 0:
        op_vfp(op, sixth ? FPU_VMLS : FPU_VMLA, 0, 3);
        break;
    case 1:
        op_vfp(op, sixth ? FPU_VNMLA : FPU_VNMLS, 0, 3);
        break;
    case 2:
        op_vfp(op, sixth ? FPU_VNMUL : FPU_VMUL, 0, 1);
        break;
    case 3:
        op_vfp(op, sixth ? FPU_VSUB : FPU_VADD, 0, 1);
        break;
    case 4:
        if (!sixth) {
            op_vfp(op, FPU_VDIV, 0, 14);
        }
        break;
    case 5:
        op_vfp(op, sixth ? FPU_VFNMA : FPU_VFNMS, 0, 3);
        break;
    case 6:
        op_vfp(op, sixth ? FPU_VFMS : FPU_VFMA, 0, 3);
        break;
    default:
        decode_other(op, hw1, hw2);
        break;
    }
}

static void op_vmove(struct op *op, enum vmove which, unsigned s, unsigned rt) {
    op->code = OP_VMOVE;
    op->ra = which;
    op->rd = (uint8_t)s;
    op->rn = (uint8_t)rt;
}

// A6.6: between one core register and the extension
static void decode_transfer(struct op *op, uint32_t hw1, uint32_t hw2) {
    bool to_core = hw1 & 0x10, is_double = hw2 & 0x100;
    unsigned a = hw1 >> 5 & 7, rt = hw2 >> 12;
    if (is_double) { // half of a doubleword; the narrower scalars are Advanced SIMD's
        if (a < 2 && !(hw2 & 0xe0)) {
            op_vmove(op, to_core ? VMOVE_TO_CORE : VMOVE_FROM_CORE,
                     register_of(hw1 & 15, 0, true) + a, rt);
        }
    } else if (a == 0) {
        op_vmove(op, to_core ? VMOVE_TO_CORE : VMOVE_FROM_CORE,
                 register_of(hw1 & 15, hw2 >> 7 & 1, false), rt);
    } else if (a == 7 && (hw1 & 15) == 1) { // FPSCR is the only one of ARMv7-M
        op_vmove(op, to_core ? VMOVE_MRS : VMOVE_MSR, 0, rt);
    }
}

// A6.7: between two core registers and the extension
static void decode_transfer_two(struct op *op, uint32_t hw1, uint32_t hw2) {
    bool is_double = hw2 & 0x100;
    if ((hw2 & 0xd0) != 0x10 || (is_double && (hw2 & 0x20))) {
        return;
    }
    op_vmove(op, (hw1 & 0x10) ? VMOVE_TO_CORE_TWO : VMOVE_FROM_CORE_TWO,
             register_of(hw2 & 15, hw2 >> 5 & 1, is_double), hw2 >> 12);
    op->rm = hw1 & 15;
    op->cycles = 2;
}

// A6.5
static void decode_load_store(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    bool p = hw1 & 0x100, u = hw1 & 0x80, w = hw1 & 0x20, is_load = hw1 & 0x10;
    bool is_double = hw2 & 0x100;
    uint32_t imm = (hw2 & 0xff) * 4, count = hw2 & 0xff;
    op->rn = hw1 & 15;
    op->rd = (uint8_t)register_of(hw2 >> 12, hw1 >> 6 & 1, is_double);
    if ((p == u && w) || (!p && !u) || (is_double && (hw1 & 0x40))) {
        return;
    }
    if (op->rn == 15) {
        op->cond = DECODED_READS_PC;
    }
    op->imm = imm;
    if (p && !w) { // VLDR, VSTR
        bool is_literal = is_load && op->rn == 15;
        op->imm = u ? imm : 0 - imm;
        if (is_literal) {
            op->cond = 0;
            op->imm += (addr + 4) & ~3u;
        }
        op->ra = is_double ? 2 : 1;
        op->code = !is_load     ? (is_double ? OP_VSTR : OP_VSTR_1)
                   : is_literal ? OP_VLDR_L
                   : is_double  ? OP_VLDR
                                : OP_VLDR_1;
        op->cycles = is_double ? 3 : 2;
        return;
    }
    if (is_double) { // an odd count: FLDMX, FSTMX (the address moves one word on)
        count &= ~1u;
    }
    count = count < 32u - op->rd ? count : 32u - op->rd; // past S31: UNPREDICTABLE
    op->code = is_load ? (count == 1 ? OP_VLDM_1 : OP_VLDM) : (count == 1 ? OP_VSTM_1 : OP_VSTM);
    op->ra = (uint8_t)count;
    op->rm = (uint8_t)(w | (unsigned)p << 1);
    op->cycles = (uint8_t)(1 + count);
}

void decode_fpu(struct op *op, uint32_t addr, uint32_t hw1, uint32_t hw2) {
    if ((hw1 & 0xff00) == 0xee00) {
        if (hw2 & 0x10) {
            decode_transfer(op, hw1, hw2);
        } else if (!(hw2 & 0x100)) {
            decode_data_processing(op, hw1, hw2);
        }
    } else if ((hw1 & 0xffe0) == 0xec40) {
        decode_transfer_two(op, hw1, hw2);
    } else if ((hw1 & 0xfe00) == 0xec00) {
        decode_load_store(op, addr, hw1, hw2);
    }
}
