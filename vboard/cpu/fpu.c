// SPDX-License-Identifier: MIT
//
// The floating-point registers: who may use them, lazy stacking (ARM DDI 0403 B1.5.7), and the
// instructions but loads and stores (execute.c). Not modelled: that lazily saved registers are UNKNOWN
// afterwards; they keep their values.

#include "vboard/cpu/cpu_state.h"
#include "vboard/cpu/fpu.h"

bool fpu_is_enabled(const struct cpu *cpu, bool privileged) {
    // CPACR.CP10 and CP11: 1 is privileged access, 3 full; different ones are UNPREDICTABLE.
    unsigned access = cpu->s.cpacr >> 20 & 3;
    return cpu->has_fpu && (access == 3 || (access == 1 && privileged));
}

bool fpu_store_frame(struct cpu *cpu, uint32_t addr) {
    struct cpu_state *s = &cpu->s;
    for (unsigned i = 0; i < 16; i++) {
        if (!memory_write_quiet(cpu, addr + i * 4, s->fp[i])) {
            return false;
        }
    }
    return memory_write_quiet(cpu, addr + 64, s->fpscr);
}

bool fpu_load_frame(struct cpu *cpu, uint32_t addr) {
    struct cpu_state *s = &cpu->s;
    uint32_t words[17];
    for (unsigned i = 0; i < 17; i++) {
        if (!memory_read_quiet(cpu, addr + i * 4, &words[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        s->fp[i] = words[i];
    }
    s->fpscr = words[16] & FPSCR_MASK;
    return true;
}

void fpu_start_lazy(struct cpu *cpu, uint32_t addr) {
    struct cpu_state *s = &cpu->s;
    s->fpcar = addr & ~7u;
    s->fpccr = (s->fpccr & (FPCCR_ASPEN | FPCCR_LSPEN)) | FPCCR_LSPACT |
               (is_privileged(s) ? 0 : FPCCR_USER) | (is_handler(s) ? 0 : FPCCR_THREAD) |
               (execution_priority(cpu) > -1 ? FPCCR_HFRDY : 0) |
               (exception_is_ready(cpu, EXC_BUS_FAULT) ? FPCCR_BFRDY : 0) |
               (exception_is_ready(cpu, EXC_MEM_MANAGE) ? FPCCR_MMRDY : 0);
}

// ExecuteFPCheck() (B1.5.7)
bool fpu_prepare(struct cpu *cpu) {
    struct cpu_state *s = &cpu->s;
    if (!fpu_is_enabled(cpu, is_privileged(s))) {
        fault_raise(cpu, EXC_USAGE_FAULT, CFSR_NOCP);
        return false;
    }
    if (s->fpccr & FPCCR_LSPACT) {
        s->cycles += CPU_FP_FRAME_CYCLES;
        bool is_refused = !mpu_allows_words(cpu, s->fpcar, 17, MPU_WRITE, !(s->fpccr & FPCCR_USER));
        if ((is_refused || !fpu_store_frame(cpu, s->fpcar)) &&
            exception_lazy_fault(cpu, is_refused)) {
            return false;
        }
        s->fpccr &= ~FPCCR_LSPACT;
    }
    if ((s->fpccr & FPCCR_ASPEN) && !(s->control & CONTROL_FPCA)) { // a new context
        s->fpscr = s->fpdscr & FPSCR_DEFAULT;
        s->control |= CONTROL_FPCA;
    }
    return true;
}

static void put_core(struct cpu_state *s, unsigned n, uint32_t value) {
    s->r[n] = n == 13 ? value & ~3u : value; // 13 and 15 are UNPREDICTABLE
}

void fpu_move(struct cpu_state *s, const struct op *op) {
    unsigned next = (op->rd + 1) & 31; // beyond S31: UNPREDICTABLE
    switch ((enum vmove)op->ra) {
    case VMOVE_FROM_CORE:
        s->fp[op->rd] = s->r[op->rn];
        break;
    case VMOVE_TO_CORE:
        put_core(s, op->rn, s->fp[op->rd]);
        break;
    case VMOVE_FROM_CORE_TWO:
        s->fp[op->rd] = s->r[op->rn];
        s->fp[next] = s->r[op->rm];
        break;
    case VMOVE_TO_CORE_TWO:
        put_core(s, op->rn, s->fp[op->rd]);
        put_core(s, op->rm, s->fp[next]);
        break;
    case VMOVE_MSR:
        s->fpscr = s->r[op->rn] & FPSCR_MASK;
        break;
    case VMOVE_MRS:
        if (op->rn == 15) { // APSR_nzcv
            s->n = s->fpscr & 0x80000000;
            s->z = (s->fpscr >> 30 & 1) ? 0 : 1;
            s->c = s->fpscr >> 29 & 1;
            s->v = s->fpscr << 3 & 0x80000000;
        } else {
            put_core(s, op->rn, s->fpscr);
        }
        break;
    }
}

// VFPExpandImm() (A6.4.1)
static uint32_t expand_immediate(uint32_t imm8) {
    return (imm8 & 0x80) << 24 | ((imm8 & 0x40) ? 0x3e000000u : 0x40000000u) | (imm8 & 0x3f) << 19;
}

static uint32_t with_half(uint32_t word, unsigned top, uint16_t half) {
    return top ? (word & 0xffff) | (uint32_t)half << 16 : (word & 0xffff0000) | half;
}

static uint32_t to_or_from_fixed(uint32_t *fpscr, uint32_t value, unsigned variant, bool to_fixed) {
    unsigned bits = (variant & 0x80) ? 32 : 16;
    return to_fixed
               ? fp_to_fixed(fpscr, value, bits, variant & 63, variant & 0x40, FP_TO_ZERO)
               : fp_from_fixed(fpscr, value, bits, variant & 63, variant & 0x40, FP_TO_NEAREST);
}

void fpu_execute(struct cpu_state *s, const struct op *op) {
    uint32_t *d = &s->fp[op->rd], n = s->fp[op->rn], m = s->fp[op->rm], *fpscr = &s->fpscr;
    unsigned variant = op->imm & 0xff;
    switch ((enum fpu_op)(op->imm >> 8)) {
    case FPU_VADD:
        *d = fp_add(fpscr, n, m);
        break;
    case FPU_VSUB: { // FPSub() hands a NaN on as it is
        bool is_nan = (m & ~FP_SIGN) > FP_INFINITY;
        *d = fp_add(fpscr, n, is_nan ? m : m ^ FP_SIGN);
        break;
    }
    case FPU_VMUL:
        *d = fp_multiply(fpscr, n, m);
        break;
    case FPU_VNMUL:
        *d = fp_multiply(fpscr, n, m) ^ FP_SIGN;
        break;
    // Products rounded before they are added.
    case FPU_VMLA:
        *d = fp_add(fpscr, *d, fp_multiply(fpscr, n, m));
        break;
    case FPU_VMLS:
        *d = fp_add(fpscr, *d, fp_multiply(fpscr, n, m) ^ FP_SIGN);
        break;
    case FPU_VNMLA:
        *d = fp_add(fpscr, *d ^ FP_SIGN, fp_multiply(fpscr, n, m) ^ FP_SIGN);
        break;
    case FPU_VNMLS:
        *d = fp_add(fpscr, *d ^ FP_SIGN, fp_multiply(fpscr, n, m));
        break;
    case FPU_VFMA:
        *d = fp_multiply_add(fpscr, *d, n, m);
        break;
    case FPU_VFMS:
        *d = fp_multiply_add(fpscr, *d, n ^ FP_SIGN, m);
        break;
    case FPU_VFNMA:
        *d = fp_multiply_add(fpscr, *d ^ FP_SIGN, n ^ FP_SIGN, m);
        break;
    case FPU_VFNMS:
        *d = fp_multiply_add(fpscr, *d ^ FP_SIGN, n, m);
        break;
    case FPU_VDIV:
        *d = fp_divide(fpscr, n, m);
        break;
    case FPU_VSQRT:
        *d = fp_square_root(fpscr, m);
        break;
    case FPU_VMOV_I:
        *d = expand_immediate(variant);
        break;
    case FPU_VMOV:
        *d = m;
        break;
    case FPU_VABS:
        *d = m & ~FP_SIGN;
        break;
    case FPU_VNEG:
        *d = m ^ FP_SIGN;
        break;
    case FPU_VCMP:
        fp_compare(fpscr, *d, m, variant);
        break;
    case FPU_VCMP_ZERO:
        fp_compare(fpscr, *d, 0, variant);
        break;
    case FPU_FROM_HALF: // variant: top half
        *d = fp_from_half(fpscr, (uint16_t)(variant ? m >> 16 : m));
        break;
    case FPU_TO_HALF:
        *d = with_half(*d, variant, fp_to_half(fpscr, m));
        break;
    case FPU_FROM_INTEGER:
        *d = fp_from_fixed(fpscr, m, 32, 0, variant, fp_rounding(*fpscr));
        break;
    case FPU_TO_INTEGER:
        *d = fp_to_fixed(fpscr, m, 32, 0, variant & 1,
                         (variant & 2) ? FP_TO_ZERO : fp_rounding(*fpscr));
        break;
    case FPU_FROM_FIXED: // in place
        *d = to_or_from_fixed(fpscr, *d, variant, false);
        break;
    case FPU_TO_FIXED:
        *d = to_or_from_fixed(fpscr, *d, variant, true);
        break;
    }
}
