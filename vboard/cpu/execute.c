// SPDX-License-Identifier: MIT
//
// Executes decoded instructions: one function, one label an operation, a jump from each to the
// next. It knows no interrupts and no time limit but `deadline`: whatever wants attention moves the
// deadline (cpu_attention()), and execute() returns at the next instruction boundary.
//
// How it gets there is execute_forms.h's. While it runs, the place (`op`), the cycles left and the count
// of instructions live in locals; SYNC() puts them where callbacks see them, RELOAD() takes back
// what a callback may have changed.

#include <string.h>

#include "vboard/cpu/cpu_state.h"
#include "vboard/cpu/execute_forms.h"
#include "vboard/cpu/fpu_fast.h"

void execute(struct cpu *cpu) {
    static const void *const labels[OP_COUNT] = {
#define X(name) &&L_##name,
        CPU_OPS(X)
#undef X
    };
    struct cpu_state *const s = &cpu->s;
    uint32_t *const r = s->r;
    struct op *const ops = cpu->code_ops;
    const uint32_t code_base = cpu->code_base, code_size = cpu->code_size;
    struct op *op = ops + (s->pc - code_base) / 2;
    int64_t left = (int64_t)(cpu->deadline - s->cycles);
    uint64_t count = s->instructions;
    uint32_t target;

    DISPATCH(op->code);

L_DECODE:
    SYNC();
    memory_decode(cpu, op);
    RELOAD();
    DISPATCH(op->code);
L_EDGE: // ran out of the region
    SYNC();
    return;
L_MARK:
    SYNC();
    {
        enum op_code code = mark_reached(cpu, op);
        if (cpu->debug.why != CPU_DEBUG_NONE) {
            return; // before the instruction
        }
        RELOAD();
        DISPATCH(code);
    }
L_PC_READ:
    r[15] = PC_NOW() + 4;
    DISPATCH(op->real);
L_IT:
    s->it = (uint8_t)op->imm;
    if (op[1].code != OP_EDGE && op[1].it != s->it) {
        op[1].code = OP_DECODE;
    }
    NEXT();
L_IT_COND:
    if (op->it != s->it) { // somebody came here another way than last time
        op->code = OP_DECODE;
        DISPATCH(OP_DECODE);
    }
    s->it = it_advance(s->it);
    {
        struct op *next = op + op->halfwords;
        if (next->it != s->it && next->code != OP_EDGE) {
            next->code = OP_DECODE;
        }
    }
    r[15] = PC_NOW() + 4;
    if (condition_holds(s, op->cond)) {
        DISPATCH(op->real);
    }
    left -= 1; // a skipped instruction takes one cycle whatever it is
    count++;
    ADVANCE();
    if (left <= 0) {
        goto stop;
    }
    DISPATCH(op->code);

L_UNDEF:
    SYNC();
undefined:
    cpu_complain(cpu, "undefined-instruction", "undefined instruction at 0x%08x", s->pc);
    s->it = op->it;
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNDEFINSTR);
    return;
L_COPROC:
    SYNC();
    // Of the FPU's what decode_fpu.c did not know.
    if ((op->imm == 10 || op->imm == 11) && fpu_is_enabled(cpu, is_privileged(s))) {
        goto undefined;
    }
    s->it = op->it;
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_NOCP);
    return;

    LOGIC(AND, a & b)
    LOGIC(EOR, a ^ b)
    LOGIC(ORR, a | b)
    LOGIC(ORN, a | ~b)
    LOGIC(BIC, a & ~b)
    LOGIC(MOV, b)
    LOGIC(MVN, ~b)
    LOGIC_TEST(TST, &)
    LOGIC_TEST(TEQ, ^)
    ARITHMETIC(ADD, a, b, 0)
    ARITHMETIC(ADC, a, b, s->c)
    ARITHMETIC(SUB, a, ~b, 1)
    ARITHMETIC(SBC, a, ~b, s->c)
    ARITHMETIC(RSB, ~a, b, 1)
    COMPARE(CMP, 0xffffffff, 1)
    COMPARE(CMN, 0, 0)

    // Amounts of 1 to 31, or 32 to the right.
L_LSLS_I : {
    uint64_t wide = (uint64_t)RM << op->imm;
    s->n = s->z = RD = (uint32_t)wide;
    s->c = (uint32_t)(wide >> 32) & 1;
    NEXT();
}
L_LSR_I:
    RD = (uint32_t)((uint64_t)RM >> op->imm);
    NEXT();
L_LSRS_I : {
    uint32_t value = RM;
    s->n = s->z = RD = (uint32_t)((uint64_t)value >> op->imm);
    s->c = value >> (op->imm - 1) & 1;
    NEXT();
}
L_ASR_I:
    RD = (uint32_t)((int64_t)(int32_t)RM >> op->imm);
    NEXT();
L_ASRS_I : {
    int32_t value = (int32_t)RM;
    s->n = s->z = RD = (uint32_t)((int64_t)value >> op->imm);
    s->c = (uint32_t)(value >> (op->imm - 1)) & 1;
    NEXT();
}

    // SP's two low bits are always 0 (ARM DDI 0403 B1.4.1).
L_ADD_SP_I:
    r[13] = (RN + op->imm) & ~3u;
    NEXT();
L_ADD_SP_X : {
    uint32_t carry;
    r[13] = (RN + shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry)) & ~3u;
    NEXT();
}
L_SUB_SP_X : {
    uint32_t carry;
    r[13] = (RN - shift(RM, op->imm >> 8, op->imm & 0xff, s->c, &carry)) & ~3u;
    NEXT();
}
L_MOV_SP:
    r[13] = RM & ~3u;
    NEXT();
L_MOV_PC:
    BRANCH(RM & ~1u, 0);
L_ADD_PC:
    BRANCH((r[15] + RM) & ~1u, 0);

    SHIFT_BY_REGISTER(LSL, SHIFT_LSL)
    SHIFT_BY_REGISTER(LSR, SHIFT_LSR)
    SHIFT_BY_REGISTER(ASR, SHIFT_ASR)
    SHIFT_BY_REGISTER(ROR, SHIFT_ROR)

L_MOVT:
    RD = (RD & 0xffff) | op->imm;
    NEXT();
L_MUL:
    RD = RN * RM;
    NEXT();
L_MULS:
    s->n = s->z = RD = RN * RM;
    NEXT();
L_MLA:
    RD = RN * RM + r[op->ra];
    NEXT();
L_MLS:
    RD = r[op->ra] - RN * RM;
    NEXT();
L_UMULL : {
    uint64_t product = (uint64_t)RN * RM;
    RD = (uint32_t)product;
    r[op->ra] = (uint32_t)(product >> 32);
    NEXT();
}
L_SMULL : {
    int64_t product = (int64_t)(int32_t)RN * (int32_t)RM;
    RD = (uint32_t)product;
    r[op->ra] = (uint32_t)((uint64_t)product >> 32);
    NEXT();
}
L_UMLAL : {
    uint64_t sum = (uint64_t)RN * RM + ((uint64_t)r[op->ra] << 32 | RD);
    RD = (uint32_t)sum;
    r[op->ra] = (uint32_t)(sum >> 32);
    NEXT();
}
L_SMLAL : {
    uint64_t sum =
        (uint64_t)((int64_t)(int32_t)RN * (int32_t)RM) + ((uint64_t)r[op->ra] << 32 | RD);
    RD = (uint32_t)sum;
    r[op->ra] = (uint32_t)(sum >> 32);
    NEXT();
}
L_UDIV:
    if (RM == 0) {
        goto divide_by_zero;
    }
    left -= divide_cycles(RN, RM);
    RD = RN / RM;
    NEXT();
L_SDIV : {
    if (RM == 0) {
        goto divide_by_zero;
    }
    int64_t dividend = (int32_t)RN, divisor = (int32_t)RM;
    left -= divide_cycles((uint32_t)(dividend < 0 ? -dividend : dividend),
                          (uint32_t)(divisor < 0 ? -divisor : divisor));
    RD = (uint32_t)(dividend / divisor); // 0x80000000 / -1 is 0x80000000
    NEXT();
}
divide_by_zero:
    if (s->ccr & CCR_DIV_0_TRP) {
        SYNC();
        fault_raise(cpu, EXC_USAGE_FAULT, CFSR_DIVBYZERO);
        goto faulted;
    }
    left -= 1;
    RD = 0;
    NEXT();
L_CLZ:
    RD = 32 - bit_length(RM);
    NEXT();
L_RBIT:
    RD = reverse_bits(RM);
    NEXT();
L_REV:
    RD = __builtin_bswap32(RM);
    NEXT();
L_REV16 : {
    uint32_t value = RM;
    RD = (value & 0x00ff00ff) << 8 | (value >> 8 & 0x00ff00ff);
    NEXT();
}
L_REVSH:
    RD = (uint32_t)(int16_t)__builtin_bswap16((uint16_t)RM);
    NEXT();
#define ROTATED(value) ((uint32_t)(((uint64_t)(value) << 32 | (value)) >> op->imm))
L_SXTB:
    RD = (uint32_t)(int8_t)ROTATED(RM);
    NEXT();
L_SXTH:
    RD = (uint32_t)(int16_t)ROTATED(RM);
    NEXT();
L_UXTB:
    RD = (uint8_t)ROTATED(RM);
    NEXT();
L_UXTH:
    RD = (uint16_t)ROTATED(RM);
    NEXT();
#undef ROTATED
L_BFI : {
    uint32_t mask = (uint32_t)((1ull << op->ra) - 1) << op->imm;
    RD = (RD & ~mask) | (RN << op->imm & mask);
    NEXT();
}
L_BFC:
    RD &= ~((uint32_t)((1ull << op->ra) - 1) << op->imm);
    NEXT();
L_SBFX:
    RD = (uint32_t)((int32_t)(RN << (32 - op->ra - op->imm)) >> (32 - op->ra));
    NEXT();
L_UBFX:
    RD = RN << (32 - op->ra - op->imm) >> (32 - op->ra);
    NEXT();
L_SSAT : {
    uint32_t carry;
    int32_t value = (int32_t)shift(RN, op->imm >> 8, op->imm & 0xff, 0, &carry);
    int64_t limit = 1ll << (op->ra - 1);
    RD = saturate(s, value, -limit, limit - 1);
    NEXT();
}
L_USAT : {
    uint32_t carry;
    int32_t value = (int32_t)shift(RN, op->imm >> 8, op->imm & 0xff, 0, &carry);
    RD = saturate(s, value, 0, (1ll << op->ra) - 1);
    NEXT();
}
L_DSP:
    dsp_execute(s, op);
    NEXT();

L_B:
    BRANCH(op->imm, 0);
L_BL:
    r[14] = (PC_NOW() + 4) | 1;
    BRANCH(op->imm, 0);
L_BX:
    BRANCH_EXCHANGE(RM);
L_BLX : {
    uint32_t to = RM;
    r[14] = (PC_NOW() + 2) | 1;
    if (!(to & 1)) {
        target = to;
        goto leave_thumb;
    }
    BRANCH(to & ~1u, 0);
}
L_CBZ:
    if (RN == 0) {
        BRANCH(op->imm, 0);
    }
    NEXT_AFTER(op->ra);
L_CBNZ:
    if (RN != 0) {
        BRANCH(op->imm, 0);
    }
    NEXT_AFTER(op->ra);
L_TBB : {
    uint32_t distance;
    LOAD(RN + RM, uint8_t, distance);
    BRANCH(PC_NOW() + 4 + distance * 2, 0);
}
L_TBH : {
    uint32_t distance;
    LOAD(RN + RM * 2, uint16_t, distance);
    BRANCH(PC_NOW() + 4 + distance * 2, 0);
}
    BRANCH_IF(BEQ, 0)
    BRANCH_IF(BNE, 1)
    BRANCH_IF(BCS, 2)
    BRANCH_IF(BCC, 3)
    BRANCH_IF(BMI, 4)
    BRANCH_IF(BPL, 5)
    BRANCH_IF(BVS, 6)
    BRANCH_IF(BVC, 7)
    BRANCH_IF(BHI, 8)
    BRANCH_IF(BLS, 9)
    BRANCH_IF(BGE, 10)
    BRANCH_IF(BLT, 11)
    BRANCH_IF(BGT, 12)
    BRANCH_IF(BLE, 13)

    LOADS(LDR, uint32_t, uint32_t)
    LOADS(LDRB, uint8_t, uint8_t)
    LOADS(LDRH, uint16_t, uint16_t)
    LOADS(LDRSB, uint8_t, int8_t)
    LOADS(LDRSH, uint16_t, int16_t)
    STORES(STR, uint32_t)
    STORES(STRB, uint8_t)
    STORES(STRH, uint16_t)

L_LDR_PC : { // ra: the form, in LOAD_FORMS' order
    uint32_t value, address = op->ra == 4   ? op->imm
                              : op->ra == 1 ? RN + (RM << op->imm)
                              : op->ra == 3 ? RN
                                            : RN + op->imm;
    LOAD(address, uint32_t, value);
    if (op->ra == 2) {
        RN = address;
    } else if (op->ra == 3) {
        RN = address + op->imm;
    }
    BRANCH_EXCHANGE(value);
}
L_LDRT : { // ra: size, rm: signed
    uint32_t value;
    SYNC();
    if (!memory_load_unprivileged(cpu, RN + op->imm, op->ra, &value)) {
        goto faulted;
    }
    RELOAD();
    RD = !op->rm ? value : op->ra == 1 ? (uint32_t)(int8_t)value : (uint32_t)(int16_t)value;
    NEXT();
}
L_STRT:
    SYNC();
    if (!memory_store_unprivileged(cpu, RN + op->imm, op->ra, RD)) {
        goto faulted;
    }
    RELOAD();
    NEXT();
L_LDRD : { // rm: 1 P, 2 W, 4 literal
    uint32_t address = (op->rm & 4) ? op->imm : (op->rm & 1) ? RN + op->imm : RN, words[2];
    SYNC();
    if (!memory_load_words(cpu, address, 2, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->rm & 2) {
        RN += op->imm;
    }
    RD = words[0];
    r[op->ra] = words[1];
    NEXT();
}
L_STRD : {
    uint32_t address = (op->rm & 1) ? RN + op->imm : RN, words[2] = {RD, r[op->ra]};
    SYNC();
    if (!memory_store_words(cpu, address, 2, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->rm & 2) {
        RN += op->imm;
    }
    NEXT();
}
L_LDM : { // ra: 1 write back, 2 decrement before
    uint32_t words[16], list = op->imm;
    unsigned length = (unsigned)__builtin_popcount(list);
    uint32_t base = RN, low = (op->ra & 2) ? base - length * 4 : base;
    SYNC();
    if (!memory_load_words(cpu, low, length, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->ra & 1) {
        RN = (op->ra & 2) ? low : base + length * 4;
    }
    const uint32_t *word = words;
    for (uint32_t rest = list & 0x7fff; rest; rest &= rest - 1) {
        r[__builtin_ctz(rest)] = *word++;
    }
    if (list >> 15) {
        BRANCH_EXCHANGE(*word);
    }
    NEXT();
}
L_STM : {
    uint32_t words[16], list = op->imm;
    unsigned length = (unsigned)__builtin_popcount(list);
    uint32_t base = RN, low = (op->ra & 2) ? base - length * 4 : base;
    uint32_t *word = words;
    for (uint32_t rest = list; rest; rest &= rest - 1) {
        *word++ = r[__builtin_ctz(rest)];
    }
    SYNC();
    if (!memory_store_words(cpu, low, length, words)) {
        goto faulted;
    }
    RELOAD();
    if (op->ra & 1) {
        RN = (op->ra & 2) ? low : base + length * 4;
    }
    NEXT();
}
    // The local monitor of the Cortex-M4 tags no address (ARM 100166 3.7): one bit.
L_LDREX : {
    uint32_t value, address = RN + op->imm;
    SYNC();
    if (address & (op->ra - 1u)) {
        goto unaligned;
    }
    if (!memory_load(cpu, address, op->ra, &value)) {
        goto faulted;
    }
    RELOAD();
    s->exclusive = true;
    RD = value;
    NEXT();
}
L_STREX : {
    uint32_t address = RN + op->imm;
    SYNC();
    if (address & (op->ra - 1u)) {
        goto unaligned;
    }
    if (s->exclusive) {
        if (!memory_store(cpu, address, op->ra, RD)) {
            goto faulted;
        }
        RELOAD();
    }
    RM = !s->exclusive;
    s->exclusive = false;
    NEXT();
}
unaligned: // always a fault for these, whatever CCR.UNALIGN_TRP says
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNALIGNED);
    goto faulted;
L_CLREX:
    s->exclusive = false;
    NEXT();

L_NOP:
L_BARRIER: // nothing is ever out of order here
    NEXT();
L_WFI:
    SYNC();
    s->sleeping = SLEEP_WFI;
    cpu_attention(cpu);
    RELOAD();
    NEXT();
L_WFE:
    SYNC();
    if (s->event) {
        s->event = false;
    } else {
        s->sleeping = SLEEP_WFE;
        cpu_attention(cpu);
        RELOAD();
    }
    NEXT();
L_SEV:
    s->event = true;
    NEXT();
L_SVC: // returns to the instruction behind
    op++;
    count++;
    SYNC();
    exception_svc(cpu);
    return;
L_BKPT:
    SYNC();
    s->it = op->it;
    exception_bkpt(cpu, op->imm);
    return;
L_CPS:
    SYNC();
    special_cps(cpu, op->imm);
    cpu_attention(cpu);
    RELOAD();
    NEXT();
L_MRS:
    RD = special_read(cpu, op->imm);
    NEXT();
L_MSR:
    SYNC();
    special_write(cpu, op->imm, op->ra, RN);
    cpu_attention(cpu);
    RELOAD();
    NEXT();

L_VFP:
    FP_PREPARE();
    fpu_execute(s, op);
    NEXT();
    CALCULATE(VADD, fpu_fast_add(&s->fpscr, n, m, &result))
    CALCULATE(VSUB, fpu_fast_add(&s->fpscr, n, m ^ FP_SIGN, &result))
    CALCULATE(VMUL, fpu_fast_multiply(&s->fpscr, n, m, &result))
    CALCULATE(VMLA, fpu_fast_multiply(&s->fpscr, n, m, &result) &&
                        fpu_fast_add(&s->fpscr, d, result, &result))
    CALCULATE(VFMA, fpu_fast_multiply_add(&s->fpscr, d, n, m, &result))
L_VMOVE:
    FP_PREPARE();
    fpu_move(s, op);
    NEXT();
L_VLDR : {
    FP_PREPARE();
    target = RN + op->imm;
    goto load_fp;
}
L_VLDR_1:
    FP_PREPARE();
    LOAD_FP(RN + op->imm, s->fp[op->rd]);
    NEXT();
L_VSTR_1:
    FP_PREPARE();
    STORE_FP(RN + op->imm, s->fp[op->rd]);
    NEXT();
L_VLDM_1 : {
    uint32_t base = RN, address = (op->rm & 2) ? base - op->imm : base;
    FP_PREPARE();
    LOAD_FP(address, s->fp[op->rd]);
    if (op->rm & 1) {
        RN = (op->rm & 2) ? address : base + op->imm;
    }
    NEXT();
}
L_VSTM_1 : {
    uint32_t base = RN, address = (op->rm & 2) ? base - op->imm : base;
    FP_PREPARE();
    STORE_FP(address, s->fp[op->rd]);
    if (op->rm & 1) {
        RN = (op->rm & 2) ? address : base + op->imm;
    }
    NEXT();
}
L_VLDR_L:
    FP_PREPARE();
    target = op->imm;
load_fp : {
    uint32_t words[2];
    SYNC();
    if (!memory_load_words(cpu, target, op->ra, words)) {
        goto faulted;
    }
    RELOAD();
    memcpy(&s->fp[op->rd], words, op->ra * 4u);
    NEXT();
}
L_VSTR:
    FP_PREPARE();
    SYNC();
    if (!memory_store_words(cpu, RN + op->imm, op->ra, &s->fp[op->rd])) {
        goto faulted;
    }
    RELOAD();
    NEXT();
L_VLDM : {
    uint32_t words[32], base = RN, low = (op->rm & 2) ? base - op->imm : base;
    FP_PREPARE();
    SYNC();
    if (!memory_load_words(cpu, low, op->ra, words)) {
        goto faulted;
    }
    RELOAD();
    memcpy(&s->fp[op->rd], words, op->ra * 4u);
    if (op->rm & 1) {
        RN = (op->rm & 2) ? low : base + op->imm;
    }
    NEXT();
}
L_VSTM : {
    uint32_t base = RN, low = (op->rm & 2) ? base - op->imm : base;
    unsigned first = op->ra < 16 ? op->ra : 16; // as many as memory_store_words() takes
    FP_PREPARE();
    SYNC();
    if (!memory_store_words(cpu, low, first, &s->fp[op->rd]) ||
        (op->ra > first &&
         !memory_store_words(cpu, low + 64, op->ra - first, &s->fp[op->rd + first]))) {
        goto faulted;
    }
    RELOAD();
    if (op->rm & 1) {
        RN = (op->rm & 2) ? low : base + op->imm;
    }
    NEXT();
}

stop:
    s->pc = PC_NOW();
    s->cycles = cpu->deadline - (uint64_t)left;
    s->instructions = count;
    return;
leave_thumb:
    s->thumb = false;
    left -= op->cycles;
    count++;
leave: // to another region; cycles and count are done
    s->pc = target & ~1u;
    s->cycles = cpu->deadline - (uint64_t)left;
    s->instructions = count;
    return;
return_from_exception:
    left -= op->cycles;
    count++;
    SYNC();
    exception_return(cpu, target);
    return;
faulted: // s->pc is this instruction; whatever it had changed is as before
    s->it = op->it;
    return;
}
