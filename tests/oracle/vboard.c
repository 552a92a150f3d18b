// SPDX-License-Identifier: MIT
//
// vboard's interpreter as an engine of machine.h. It looks into the processor's state, which no
// program has to: a fault is seen when it is raised, before any exception is taken.

#include <stdlib.h>
#include <string.h>

#include "tests/oracle/machine.h"
#include "vboard/cpu/cpu_state.h"

struct engine {
    struct cpu *cpu;
    struct cpu_state blank;
    uint8_t ram[RAM_BYTES];
};

uint8_t machine_code[CODE_BYTES];

struct engine *vboard_engine(void) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        abort();
    }
    // 8 priority bits, as unicorn's; the STM32F4 has 4.
    engine->cpu = cpu_new(82, 8, 0x410fc241, true);
    cpu_add_region(engine->cpu,
                   &(struct cpu_region){CODE_BASE, CODE_BYTES, machine_code, true, false, false});
    cpu_add_region(engine->cpu,
                   &(struct cpu_region){RAM_BASE, RAM_BYTES, engine->ram, true, true, false});
    cpu_reset(engine->cpu);
    (void)cpu_step(engine->cpu);
    engine->blank = engine->cpu->s;
    engine->blank.locked_up = false; // nothing answers at address 0: no vector table
    return engine;
}

void vboard_free(struct engine *engine) {
    cpu_free(engine->cpu);
    free(engine);
}

uint8_t *vboard_ram(struct engine *engine) {
    return engine->ram;
}

static void put(struct engine *engine, const struct machine *m) {
    struct cpu_state *s = &engine->cpu->s;
    *s = engine->blank;
    xpsr_restore(s, m->xpsr);
    memcpy(s->r, m->r, sizeof m->r);
    s->pc = m->pc;
    s->banked_sp[SP_MAIN] = m->msp;
    s->banked_sp[SP_PROCESS] = m->psp;
    s->control = m->control;
    s->in_process_stack = m->control & CONTROL_SPSEL;
    s->primask = m->primask;
    s->basepri = m->basepri;
    s->faultmask = m->faultmask;
    memcpy(s->fp, m->s, sizeof m->s);
    s->fpscr = m->fpscr;
    s->cpacr = 0x00f00000; // full access
}

static enum outcome outcome_of(const struct cpu_state *s) {
    if (s->cfsr & (CFSR_UNDEFINSTR | CFSR_NOCP)) {
        return UNDEFINED;
    }
    if (s->cfsr & CFSR_UNALIGNED) {
        return UNALIGNED;
    }
    if (s->cfsr & (CFSR_PRECISERR | CFSR_DACCVIOL)) {
        return BAD_ACCESS;
    }
    if (s->hfsr & HFSR_DEBUGEVT) {
        return HIT_BKPT;
    }
    if (bit_get(s->pending, EXC_SVCALL)) {
        return CALLED_SVC;
    }
    return s->thumb ? DONE : TO_ARM;
}

void vboard_execute(struct engine *engine, struct machine *m, const struct run *run) {
    struct cpu *cpu = engine->cpu;
    struct cpu_state *s = &cpu->s;
    cpu_code_changed(cpu, m->pc, run->bytes);
    put(engine, m);
    m->outcome = DONE;
    for (unsigned i = 0; i < run->single + run->block && m->outcome == DONE; i++) {
        s->sleeping = AWAKE; // WFI inside an IT block
        (void)cpu_step(cpu);
        m->outcome = outcome_of(s);
    }
    m->address = m->outcome == BAD_ACCESS ? s->bfar : 0;
    memcpy(m->r, s->r, sizeof m->r);
    m->pc = s->pc;
    m->xpsr = xpsr_get(s);
    m->msp = stack_pointer_get(s, SP_MAIN);
    m->psp = stack_pointer_get(s, SP_PROCESS);
    m->control = s->control;
    m->primask = s->primask;
    m->basepri = s->basepri;
    m->faultmask = s->faultmask;
    memcpy(m->s, s->fp, sizeof m->s);
    m->fpscr = s->fpscr;
}

// Behind the interpreter's operations those with a second number.
enum {
    DSP_FIRST = OP_COUNT,
    FPU_FIRST = DSP_FIRST + DSP_UMAAL + 1,
    VMOVE_FIRST = FPU_FIRST + FPU_TO_FIXED + 1,
    OPERATIONS = VMOVE_FIRST + VMOVE_MSR + 1,
};

unsigned vboard_operation(uint16_t hw1, uint16_t hw2, uint32_t addr) {
    struct op op;
    decode(&op, addr, hw1, hw2, 0);
    switch (op.real) {
    case OP_DSP:
        return DSP_FIRST + (op.imm >> 8);
    case OP_VFP:
    case OP_VADD:
    case OP_VSUB:
    case OP_VMUL:
    case OP_VMLA:
    case OP_VFMA:
        return FPU_FIRST + (op.imm >> 8);
    case OP_VMOVE:
        return VMOVE_FIRST + op.ra;
    default:
        return op.real;
    }
}

unsigned vboard_operation_count(void) {
    return OPERATIONS;
}

const char *vboard_operation_name(unsigned operation) {
    static const char *const names[] = {
#define X(name) [OP_##name] = #name,
        CPU_OPS(X)
#undef X
            [DSP_FIRST + DSP_PARALLEL] = "DSP_PARALLEL",
        [DSP_FIRST + DSP_SAT_ADD] = "DSP_SAT_ADD",
        [DSP_FIRST + DSP_SEL] = "DSP_SEL",
        [DSP_FIRST + DSP_EXTEND] = "DSP_EXTEND",
        [DSP_FIRST + DSP_PKH] = "DSP_PKH",
        [DSP_FIRST + DSP_SAT16] = "DSP_SAT16",
        [DSP_FIRST + DSP_SMLAXY] = "DSP_SMLAXY",
        [DSP_FIRST + DSP_SMLAW] = "DSP_SMLAW",
        [DSP_FIRST + DSP_SMLAD] = "DSP_SMLAD",
        [DSP_FIRST + DSP_SMMLA] = "DSP_SMMLA",
        [DSP_FIRST + DSP_USAD8] = "DSP_USAD8",
        [DSP_FIRST + DSP_SMLALXY] = "DSP_SMLALXY",
        [DSP_FIRST + DSP_SMLALD] = "DSP_SMLALD",
        [DSP_FIRST + DSP_UMAAL] = "DSP_UMAAL",
        [FPU_FIRST + FPU_VMLA] = "FPU_VMLA",
        [FPU_FIRST + FPU_VMLS] = "FPU_VMLS",
        [FPU_FIRST + FPU_VNMLA] = "FPU_VNMLA",
        [FPU_FIRST + FPU_VNMLS] = "FPU_VNMLS",
        [FPU_FIRST + FPU_VMUL] = "FPU_VMUL",
        [FPU_FIRST + FPU_VNMUL] = "FPU_VNMUL",
        [FPU_FIRST + FPU_VADD] = "FPU_VADD",
        [FPU_FIRST + FPU_VSUB] = "FPU_VSUB",
        [FPU_FIRST + FPU_VDIV] = "FPU_VDIV",
        [FPU_FIRST + FPU_VFMA] = "FPU_VFMA",
        [FPU_FIRST + FPU_VFMS] = "FPU_VFMS",
        [FPU_FIRST + FPU_VFNMA] = "FPU_VFNMA",
        [FPU_FIRST + FPU_VFNMS] = "FPU_VFNMS",
        [FPU_FIRST + FPU_VMOV_I] = "FPU_VMOV_I",
        [FPU_FIRST + FPU_VMOV] = "FPU_VMOV",
        [FPU_FIRST + FPU_VABS] = "FPU_VABS",
        [FPU_FIRST + FPU_VNEG] = "FPU_VNEG",
        [FPU_FIRST + FPU_VSQRT] = "FPU_VSQRT",
        [FPU_FIRST + FPU_VCMP] = "FPU_VCMP",
        [FPU_FIRST + FPU_VCMP_ZERO] = "FPU_VCMP_ZERO",
        [FPU_FIRST + FPU_FROM_HALF] = "FPU_FROM_HALF",
        [FPU_FIRST + FPU_TO_HALF] = "FPU_TO_HALF",
        [FPU_FIRST + FPU_FROM_INTEGER] = "FPU_FROM_INTEGER",
        [FPU_FIRST + FPU_TO_INTEGER] = "FPU_TO_INTEGER",
        [FPU_FIRST + FPU_FROM_FIXED] = "FPU_FROM_FIXED",
        [FPU_FIRST + FPU_TO_FIXED] = "FPU_TO_FIXED",
        [VMOVE_FIRST + VMOVE_FROM_CORE] = "VMOVE_FROM_CORE",
        [VMOVE_FIRST + VMOVE_TO_CORE] = "VMOVE_TO_CORE",
        [VMOVE_FIRST + VMOVE_FROM_CORE_TWO] = "VMOVE_FROM_CORE_TWO",
        [VMOVE_FIRST + VMOVE_TO_CORE_TWO] = "VMOVE_TO_CORE_TWO",
        [VMOVE_FIRST + VMOVE_MRS] = "VMOVE_MRS",
        [VMOVE_FIRST + VMOVE_MSR] = "VMOVE_MSR",
    };
    switch (operation) {
    case OP_DECODE: // the cache's own marks
    case OP_EDGE:
    case OP_MARK: // what watches a function (vboard/cpu/marks.c)
    case OP_IT_COND:
    case OP_PC_READ:
    case OP_DSP: // by its second number
    case OP_VFP:
    case OP_VADD: // likewise
    case OP_VSUB:
    case OP_VMUL:
    case OP_VMLA:
    case OP_VFMA:
    case OP_VMOVE:
    case OP_COPROC: // no such coprocessor: NOCP, tests/unit/cpu_exceptions.c
    case OP_STR_L:  // no such stores: they keep the forms alike
    case OP_STRB_L:
    case OP_STRH_L:
        return NULL;
    default:
        return names[operation];
    }
}
