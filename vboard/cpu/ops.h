// SPDX-License-Identifier: MIT
//
// The decoded instruction: what decode*.c produce and execute.c consumes. One list makes the
// enumeration here and the jump table there.
//
// Cycle costs (ARM 100166 table 3-1, Cortex-M4 instruction set summary; P, the pipeline refill, is
// 1 to 3 there and 2 here; fetch.c adds the wait states of the flash):
//
//   data processing, multiply (32 and 64 bit results), saturate, bit field, MRS, MSR, CPS, hints,
//   barriers, IT, untaken branch                                                1
//   B, BL, BX, BLX, taken Bcc, CBZ, MOV PC, ADD PC                              1 + P = 3
//   load                                                                        2
//   store with immediate offset (write buffer)                                  1
//   store with register offset or an index written back                         2
//   LDRD, STRD                                                                  1 + 2 = 3
//   LDM, STM, PUSH, POP of N registers                                          1 + N
//   load to PC (LDR, LDM, POP)                                                  + P = 2 more
//   TBB, TBH                                                                    2 + P = 4
//   floating point (table 7-1): arithmetic, conversion, VMOV, VMRS, VMSR         1
//     multiply and accumulate, fused or not                                     3
//     VDIV, VSQRT                                                               14
//     VLDR, VSTR 2, of a doubleword 3; VLDM, VSTM of N words 1 + N; VMOV of two 2
//   UDIV, SDIV          2 to 12: 3 + a quarter of the quotient's length in bits, 2 when it is 0
//   exception entry 12, return 10, tail-chaining 6 (ARM 100166 3.9.1)
//   floating-point registers saved or restored: a cycle a word, 17

#ifndef VBOARD_CPU_OPS_H
#define VBOARD_CPU_OPS_H

#include <stdint.h>

enum { CPU_REFILL = 2, CPU_ENTRY_CYCLES = 12, CPU_RETURN_CYCLES = 10, CPU_TAIL_CYCLES = 6 };
enum { CPU_FP_FRAME_CYCLES = 17 };

struct op {
    uint16_t code; // enum op_code; OP_DECODE: not decoded yet
    uint16_t real; // behind OP_IT_COND and OP_PC_READ: what to do after them
    uint8_t rd, rn, rm;
    uint8_t ra;   // third source, second destination, variant, or cycles when not taken: by op
    uint32_t imm; // immediate, absolute target or address, or a shift (SHIFT())
    uint8_t cycles;
    uint8_t halfwords; // 1 or 2
    uint8_t it;        // ITSTATE this was decoded under; 0 outside IT blocks
    uint8_t cond;      // of OP_IT_COND
};

enum shift_type { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR, SHIFT_RRX };
// op.imm of the _X forms: amount 1 to 32 and type.
#define SHIFT(type, amount) ((uint32_t)(type) << 8 | (uint32_t)(amount))

// Second operand: _I constant, _R register (LSL imm; flag-setting logic has LSL 0 only), _X
// register with any other shift. The S forms set flags. The order matters: op_alu() counts on it.
// MOV with a shift, but ROR and RRX, is frequent enough for operations of its own (LSLS_I to ASRS_I).
#define ALU_FORMS(X, name)                                                                         \
    X(name##_I) X(name##_R) X(name##_X) X(name##S_I) X(name##S_R) X(name##S_X)
#define TEST_FORMS(X, name) X(name##_I) X(name##_R) X(name##_X)

// Addressing: _I rn + imm, _R rn + (rm << imm), _W rn + imm written back, _P rn then rn + imm
// written back, _L absolute (PC-relative).
#define LOAD_FORMS(X, name) X(name##_I) X(name##_R) X(name##_W) X(name##_P) X(name##_L)

// clang-format indents each group below the one before, and then differently again.
// clang-format off
#define CPU_OPS(X)                                                                                 \
    X(DECODE) X(EDGE) X(MARK) X(IT_COND) X(PC_READ) X(UNDEF) X(COPROC)                                     \
    ALU_FORMS(X, AND) ALU_FORMS(X, EOR) ALU_FORMS(X, ORR) ALU_FORMS(X, ORN) ALU_FORMS(X, BIC)      \
    ALU_FORMS(X, MOV) ALU_FORMS(X, MVN) ALU_FORMS(X, ADD) ALU_FORMS(X, ADC) ALU_FORMS(X, SUB)      \
    ALU_FORMS(X, SBC) ALU_FORMS(X, RSB)                                                            \
    TEST_FORMS(X, TST) TEST_FORMS(X, TEQ) TEST_FORMS(X, CMP) TEST_FORMS(X, CMN)                    \
    X(LSLS_I) X(LSR_I) X(LSRS_I) X(ASR_I) X(ASRS_I)                                                \
    X(ADD_SP_I) X(ADD_SP_X) X(SUB_SP_X) X(MOV_SP) X(MOV_PC) X(ADD_PC)                              \
    X(LSL) X(LSLS) X(LSR) X(LSRS) X(ASR) X(ASRS) X(ROR) X(RORS) X(MOVT)                            \
    X(MUL) X(MULS) X(MLA) X(MLS) X(UMULL) X(SMULL) X(UMLAL) X(SMLAL) X(UDIV) X(SDIV)               \
    X(CLZ) X(RBIT) X(REV) X(REV16) X(REVSH) X(SXTB) X(SXTH) X(UXTB) X(UXTH)                        \
    X(BFI) X(BFC) X(SBFX) X(UBFX) X(SSAT) X(USAT) X(DSP)                                           \
    X(B) X(BL) X(BX) X(BLX) X(CBZ) X(CBNZ) X(TBB) X(TBH)                                           \
    X(BEQ) X(BNE) X(BCS) X(BCC) X(BMI) X(BPL) X(BVS) X(BVC) X(BHI) X(BLS) X(BGE) X(BLT) X(BGT)     \
    X(BLE)                                                                                         \
    LOAD_FORMS(X, LDR) LOAD_FORMS(X, LDRB) LOAD_FORMS(X, LDRH) LOAD_FORMS(X, LDRSB)                \
    LOAD_FORMS(X, LDRSH)                                                                           \
    LOAD_FORMS(X, STR) LOAD_FORMS(X, STRB) LOAD_FORMS(X, STRH)                                     \
    X(LDR_PC) X(LDRT) X(STRT) X(LDRD) X(STRD) X(LDM) X(STM) X(LDREX) X(STREX) X(CLREX)             \
    X(IT) X(NOP) X(WFI) X(WFE) X(SEV) X(BARRIER) X(SVC) X(BKPT) X(CPS) X(MRS) X(MSR)   \
    X(VFP) X(VADD) X(VSUB) X(VMUL) X(VMLA) X(VFMA)                                                 \
    X(VMOVE) X(VLDR) X(VLDR_L) X(VSTR) X(VLDM) X(VSTM) X(VLDR_1) X(VSTR_1) X(VLDM_1) X(VSTM_1)
// clang-format on

enum op_code {
#define X(name) OP_##name,
    CPU_OPS(X)
#undef X
        OP_COUNT
};

// OP_DSP's op.imm: which, with variant bits below 8 (see dsp.c).
enum dsp_op {
    DSP_PARALLEL, // variant: prefix (S Q SH U UQ UH) << 3 | operation
    DSP_SAT_ADD,  // variant: 0 QADD 1 QDADD 2 QSUB 3 QDSUB
    DSP_SEL,
    DSP_EXTEND, // variant: opcode of SXTH .. UXTB, rotation << 4; ra: accumulate
    DSP_PKH,    // variant: 1 PKHTB, shift amount << 1
    DSP_SAT16,  // variant: unsigned << 5 | saturate bits
    DSP_SMLAXY, // variant: n << 1 | m; ra 15: SMULxy
    DSP_SMLAW,  // variant: m
    DSP_SMLAD,  // variant: subtract << 1 | exchange
    DSP_SMMLA,  // variant: subtract << 1 | round
    DSP_USAD8,
    DSP_SMLALXY, // variant: n << 1 | m
    DSP_SMLALD,  // variant: subtract << 1 | exchange
    DSP_UMAAL,
};
#define DSP_IMM(which, variant) ((uint32_t)(which) << 8 | (uint32_t)(variant))

// OP_VFP's op.imm: which, with variant bits below 8; rd, rn and rm are S registers (see fpu.c).
enum fpu_op {
    FPU_VMLA,
    FPU_VMLS,
    FPU_VNMLA,
    FPU_VNMLS,
    FPU_VMUL,
    FPU_VNMUL,
    FPU_VADD,
    FPU_VSUB,
    FPU_VDIV,
    FPU_VFMA,
    FPU_VFMS,
    FPU_VFNMA,
    FPU_VFNMS,
    FPU_VMOV_I, // variant: imm8
    FPU_VMOV,
    FPU_VABS,
    FPU_VNEG,
    FPU_VSQRT,
    FPU_VCMP,         // variant: E
    FPU_VCMP_ZERO,    // variant: E
    FPU_FROM_HALF,    // variant: T
    FPU_TO_HALF,      // variant: T
    FPU_FROM_INTEGER, // variant: signed
    FPU_TO_INTEGER,   // variant: signed, toward zero << 1
    FPU_FROM_FIXED,   // variant: fraction bits, signed << 6, 32 bits << 7
    FPU_TO_FIXED,
};
#define FPU_IMM(which, variant) ((uint32_t)(which) << 8 | (uint32_t)(variant))

// OP_VMOVE's op.ra. rd is the S register, rn and rm core registers.
enum vmove {
    VMOVE_FROM_CORE,
    VMOVE_TO_CORE,
    VMOVE_FROM_CORE_TWO, // rd and the next one
    VMOVE_TO_CORE_TWO,
    VMOVE_MRS, // rn 15: APSR
    VMOVE_MSR,
};

// OP_VLDR, OP_VSTR: rd the first S register, ra words (1 or 2), address rn + imm; OP_VLDR_L: imm.
// Of one word, which is nearly all of them, they have an operation of their own (_1), and so have frequent
// calculations: OP_VADD to OP_VFMA are OP_VFP with the usual case tried on the spot.
// OP_VLDM, OP_VSTM: ra words, imm what the address moves by, rm 1 write back, 2 decrement before.

#endif
