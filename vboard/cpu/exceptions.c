// SPDX-License-Identifier: MIT
//
// Exceptions (ARM DDI 0403 B1.5, PM0214 2.3): which one is taken when, stacking, return, faults and
// their escalation, lockup. The registers that steer them are in nvic.c and scs.c.

#include <string.h>

#include "vboard/cpu/cpu_state.h"

// Later than any priority: nothing active, nothing masked.
enum { PRIORITY_THREAD = 256 };
// EXC_RETURN: the frame has no floating-point registers.
#define EXC_RETURN_BASIC (1u << 4)

uint32_t xpsr_get(const struct cpu_state *s) {
    return (s->n & 0x80000000) | (uint32_t)(s->z == 0) << 30 | s->c << 29 | (s->v >> 31) << 28 |
           s->q << 27 | (uint32_t)(s->it & 3) << 25 | (uint32_t)s->thumb << 24 | s->ge << 16 |
           (uint32_t)(s->it >> 2) << 10 | s->ipsr;
}

void stack_pointer_select(struct cpu_state *s) {
    bool process = s->ipsr == 0 && (s->control & CONTROL_SPSEL);
    if (process != s->in_process_stack) {
        s->banked_sp[s->in_process_stack] = s->r[13];
        s->r[13] = s->banked_sp[process];
        s->in_process_stack = process;
    }
}

uint32_t stack_pointer_get(const struct cpu_state *s, unsigned which) {
    return (which == s->in_process_stack ? s->r[13] : s->banked_sp[which]) & ~3u;
}

void stack_pointer_put(struct cpu_state *s, unsigned which, uint32_t value) {
    *(which == s->in_process_stack ? &s->r[13] : &s->banked_sp[which]) = value & ~3u;
}

static int priority_of(const struct cpu_state *s, unsigned number) {
    switch (number) {
    case EXC_RESET:
        return -3;
    case EXC_NMI:
        return -2;
    case EXC_HARD_FAULT:
        return -1;
    default:
        return s->priority[number];
    }
}

// The part of a priority that decides preemption: without AIRCR.PRIGROUP's subpriority.
static int group_of(const struct cpu_state *s, int priority) {
    return priority < 0 ? priority : priority & ~((2 << s->prigroup) - 1);
}

unsigned active_count(const struct cpu_state *s) {
    unsigned count = 0;
    for (unsigned i = 0; i < EXC_WORDS; i++) {
        count += (unsigned)__builtin_popcount(s->active[i]);
    }
    return count;
}

// Of the active exceptions alone, with `except` (0: none) left out.
static int active_priority(const struct cpu_state *s, unsigned except) {
    int best = PRIORITY_THREAD;
    for (unsigned i = 0; i < EXC_WORDS; i++) {
        for (uint32_t rest = s->active[i]; rest; rest &= rest - 1) {
            unsigned number = i * 32 + (unsigned)__builtin_ctz(rest);
            int priority = priority_of(s, number);
            if (number != except && priority < best) {
                best = priority;
            }
        }
    }
    return best == PRIORITY_THREAD ? best : group_of(s, best);
}

static int masked(const struct cpu_state *s, int priority, bool with_primask) {
    if (s->basepri && group_of(s, s->basepri) < priority) {
        priority = group_of(s, s->basepri);
    }
    if (s->primask && with_primask && priority > 0) {
        priority = 0;
    }
    if (s->faultmask && priority > -1) {
        priority = -1;
    }
    return priority;
}

int execution_priority(const struct cpu *cpu) {
    return masked(&cpu->s, active_priority(&cpu->s, 0), true);
}

unsigned exception_best(const struct cpu *cpu, int priority) {
    const struct cpu_state *s = &cpu->s;
    unsigned best = 0;
    int best_priority = PRIORITY_THREAD;
    for (unsigned i = 0; i < EXC_WORDS; i++) {
        for (uint32_t rest = s->pending[i] & s->enabled[i]; rest; rest &= rest - 1) {
            unsigned number = i * 32 + (unsigned)__builtin_ctz(rest);
            if (priority_of(s, number) < best_priority) {
                best = number;
                best_priority = priority_of(s, number);
            }
        }
    }
    return best && group_of(s, best_priority) < priority ? best : 0;
}

void exception_pend(struct cpu *cpu, unsigned number) {
    struct cpu_state *s = &cpu->s;
    if (!bit_get(s->pending, number)) {
        bit_put(s->pending, number, true);
        if (s->scr & SCR_SEVONPEND) {
            s->event = true;
        }
    }
    cpu_attention(cpu);
}

// PRIMASK does not keep WFI asleep (PM0214 2.5.3); BASEPRI and FAULTMASK do.
bool sleep_ends(const struct cpu *cpu) {
    const struct cpu_state *s = &cpu->s;
    if (s->sleeping == SLEEP_WFE && s->event) {
        return true;
    }
    return exception_best(cpu, masked(s, active_priority(s, 0), false)) != 0;
}

// --- faults --------------------------------------------------------------------------------------

static const char *const fault_names[] = {[EXC_HARD_FAULT] = "HardFault",
                                          [EXC_MEM_MANAGE] = "MemManage",
                                          [EXC_BUS_FAULT] = "BusFault",
                                          [EXC_USAGE_FAULT] = "UsageFault"};

static void lock_up(struct cpu *cpu) {
    if (!cpu->s.locked_up) {
        cpu->s.locked_up = true;
        cpu_complain(cpu, "lockup",
                     "a fault at 0x%08x inside HardFault or NMI; CFSR 0x%08x HFSR 0x%08x",
                     cpu->s.pc, cpu->s.cfsr, cpu->s.hfsr);
    }
    cpu_attention(cpu);
}

// Pends a synchronous exception, as HardFault if it is disabled or its priority is too low now
// (ARM DDI 0403 B1.5.8).
static void pend_synchronous(struct cpu *cpu, unsigned number, uint32_t hfsr_bits, int priority) {
    struct cpu_state *s = &cpu->s;
    bool taken = bit_get(s->enabled, number) && group_of(s, priority_of(s, number)) < priority;
    if (taken) {
        exception_pend(cpu, number);
        return;
    }
    s->hfsr |= hfsr_bits;
    if (priority <= -1) {
        lock_up(cpu);
        return;
    }
    if (number < EXC_SVCALL) {
        cpu_complain(cpu, "hardfault",
                     "%s at 0x%08x escalated to HardFault; CFSR 0x%08x BFAR 0x%08x LR 0x%08x",
                     fault_names[number], s->pc, s->cfsr, s->bfar, s->r[14]);
    }
    exception_pend(cpu, EXC_HARD_FAULT);
}

void fault_raise(struct cpu *cpu, unsigned number, uint32_t cfsr_bits) {
    cpu->s.cfsr |= cfsr_bits;
    pend_synchronous(cpu, number, HFSR_FORCED, execution_priority(cpu));
}

void fault_raise_at(struct cpu *cpu, unsigned number, uint32_t cfsr_bits, uint32_t addr) {
    if (number == EXC_BUS_FAULT) {
        cpu->s.bfar = addr;
        cfsr_bits |= CFSR_BFARVALID;
    } else {
        cpu->s.mmfar = addr;
        cfsr_bits |= CFSR_MMARVALID;
    }
    fault_raise(cpu, number, cfsr_bits);
}

void exception_svc(struct cpu *cpu) {
    pend_synchronous(cpu, EXC_SVCALL, HFSR_FORCED, execution_priority(cpu));
}

void exception_bkpt(struct cpu *cpu, uint32_t comment) {
    struct cpu_state *s = &cpu->s;
    if (comment == 0xab && cpu->bus.semihosting) {
        switch (cpu->bus.semihosting(cpu->bus.ctx)) {
        case CPU_SEMIHOSTING_DONE:
            s->pc += 2;
            s->it = it_advance(s->it);
            s->instructions++;
            return;
        case CPU_SEMIHOSTING_PARK:
            s->locked_up = s->is_parked = true;
            return;
        case CPU_SEMIHOSTING_REFUSED:
            break;
        }
    }
    s->dfsr |= 1 << 1; // BKPT (ARM DDI 0403 C1.6.1)
    if (cpu->debug.is_attached) {
        debug_stop(cpu, CPU_DEBUG_BKPT, s->pc);
        return;
    }
    cpu_complain(cpu, "bkpt", "BKPT 0x%02x at 0x%08x with no debugger attached%s", comment, s->pc,
                 comment == 0xab ? ": the program asks one for its console (semihosting); "
                                   "--semihosting FILE answers"
                                 : "");
    // The monitor is not modelled (DEMCR.MON_EN has no effect): straight to HardFault.
    s->hfsr |= HFSR_DEBUGEVT;
    if (execution_priority(cpu) <= -1) {
        lock_up(cpu);
    } else {
        exception_pend(cpu, EXC_HARD_FAULT);
    }
}

bool exception_is_ready(const struct cpu *cpu, unsigned number) {
    const struct cpu_state *s = &cpu->s;
    return bit_get(s->enabled, number) &&
           group_of(s, priority_of(s, number)) < execution_priority(cpu);
}

// B1.5.7: what FPCCR noted when the frame was made decides, not what could be taken now. An exception
// that has to wait lets the instruction go on.
bool exception_lazy_fault(struct cpu *cpu, bool is_mpu) {
    struct cpu_state *s = &cpu->s;
    unsigned number = is_mpu ? EXC_MEM_MANAGE : EXC_BUS_FAULT;
    s->cfsr |= is_mpu ? CFSR_MLSPERR : CFSR_LSPERR;
    if (!(s->fpccr & (is_mpu ? FPCCR_MMRDY : FPCCR_BFRDY)) || !bit_get(s->enabled, number)) {
        number = EXC_HARD_FAULT;
        s->hfsr |= HFSR_FORCED;
        if (!(s->fpccr & FPCCR_HFRDY)) {
            lock_up(cpu);
            return true;
        }
        cpu_complain(cpu, "hardfault", "lazy floating-point stacking to 0x%08x failed, at 0x%08x",
                     s->fpcar, s->pc);
    }
    exception_pend(cpu, number);
    return exception_best(cpu, execution_priority(cpu)) != 0;
}

// --- entry ---------------------------------------------------------------------------------------

// Bytes of a frame (B1.5.7): R0 to xPSR; with S0 to S15, FPSCR and a reserved word.
enum { BASIC_FRAME = 0x20, EXTENDED_FRAME = 0x68 };

// PushStack (B1.5.6). Returns the CFSR bit of what failed; SP has moved all the same.
static uint32_t push_frame(struct cpu *cpu) {
    struct cpu_state *s = &cpu->s;
    bool with_fp = s->control & CONTROL_FPCA;
    uint32_t sp = s->r[13] & ~3u, xpsr = xpsr_get(s);
    bool align = ((s->ccr & CCR_STKALIGN) || with_fp) && (sp & 4);
    sp = (sp - (with_fp ? EXTENDED_FRAME : BASIC_FRAME)) & (align ? ~4u : ~0u);
    const uint32_t words[8] = {s->r[0],  s->r[1],  s->r[2], s->r[3],
                               s->r[12], s->r[14], s->pc,   xpsr | (uint32_t)align << 9};
    s->r[13] = sp;
    bool good = true;
    if (!mpu_allows_words(cpu, sp, 8, MPU_WRITE, is_privileged(s))) {
        return CFSR_MSTKERR;
    }
    for (unsigned i = 0; i < 8 && good; i++) {
        good = memory_write_quiet(cpu, sp + i * 4, words[i]);
    }
    if (good && with_fp && (s->fpccr & FPCCR_LSPEN)) {
        fpu_start_lazy(cpu, sp + BASIC_FRAME);
    } else if (good && with_fp) {
        if (!fpu_is_enabled(cpu, is_privileged(s))) {
            return CFSR_NOCP;
        }
        if (!mpu_allows_words(cpu, sp + BASIC_FRAME, 17, MPU_WRITE, is_privileged(s))) {
            return CFSR_MSTKERR;
        }
        s->cycles += CPU_FP_FRAME_CYCLES;
        good = fpu_store_frame(cpu, sp + BASIC_FRAME);
    }
    return good ? 0 : CFSR_STKERR;
}

// Everything of ExceptionTaken (B1.5.6) behind the stacking.
static void enter(struct cpu *cpu, unsigned number, uint32_t exc_return) {
    struct cpu_state *s = &cpu->s;
    uint32_t vector = 0;
    bool found = memory_read_quiet(cpu, s->vtor + number * 4, &vector);
    bit_put(s->pending, number, false);
    bit_put(s->active, number, true);
    s->r[14] = exc_return;
    s->ipsr = (uint16_t)number;
    s->it = 0;
    s->control &= (uint8_t) ~(CONTROL_SPSEL | CONTROL_FPCA);
    stack_pointer_select(s);
    s->exclusive = false;
    s->event = true; // exception entry is a WFE wake-up event (B1.5.18)
    s->sleeping = AWAKE;
    s->pc = vector & ~1u;
    s->thumb = vector & 1;
    if (cpu->bus.exception) {
        cpu->bus.exception(cpu->bus.ctx, number, true);
    }
    if (number == EXC_HARD_FAULT && cpu->debug.catches_hard_fault) {
        debug_stop(cpu, CPU_DEBUG_HARD_FAULT, s->pc);
    }
    if (!found) { // B1.5.8: vector read error
        s->hfsr |= HFSR_VECTTBL;
        if (number == EXC_HARD_FAULT || number == EXC_NMI) {
            lock_up(cpu);
        } else {
            cpu_complain(cpu, "hardfault", "the vector of exception %u cannot be read at 0x%08x",
                         number, s->vtor + number * 4);
            exception_pend(cpu, EXC_HARD_FAULT);
        }
    }
}

// Whose a bit of stacking or unstacking is.
static unsigned fault_of(uint32_t cfsr_bit) {
    return cfsr_bit == CFSR_NOCP ? EXC_USAGE_FAULT
           : (cfsr_bit & 0xff)   ? EXC_MEM_MANAGE
                                 : EXC_BUS_FAULT;
}

// What C_MASKINTS leaves: no PendSV, SysTick or interrupt (ARM DDI 0403 C1.6.2).
static unsigned best_unmasked(struct cpu *cpu) {
    uint32_t enabled[EXC_WORDS];
    memcpy(enabled, cpu->s.enabled, sizeof enabled);
    memset(cpu->s.enabled, 0, sizeof cpu->s.enabled);
    cpu->s.enabled[0] = enabled[0] & ((1u << EXC_PENDSV) - 1);
    unsigned number = exception_best(cpu, execution_priority(cpu));
    memcpy(cpu->s.enabled, enabled, sizeof enabled);
    return number;
}

bool exception_take(struct cpu *cpu) {
    struct cpu_state *s = &cpu->s;
    unsigned number = cpu->debug.steps && cpu->debug.masks_interrupts
                          ? best_unmasked(cpu)
                          : exception_best(cpu, execution_priority(cpu));
    if (number == 0) {
        return false;
    }
    uint32_t exc_return = is_handler(s)         ? 0xfffffff1
                          : s->in_process_stack ? 0xfffffffd
                                                : 0xfffffff9;
    if (s->control & CONTROL_FPCA) {
        exc_return &= ~EXC_RETURN_BASIC;
    }
    s->cycles += CPU_ENTRY_CYCLES;
    uint32_t failed = push_frame(cpu);
    if (failed) { // a derived exception, taken first if it is more urgent
        s->cfsr |= failed;
        pend_synchronous(cpu, fault_of(failed), HFSR_FORCED, execution_priority(cpu));
        if (s->locked_up) {
            return true;
        }
        number = exception_best(cpu, execution_priority(cpu));
    }
    enter(cpu, number, exc_return);
    return true;
}

// --- return --------------------------------------------------------------------------------------

void xpsr_restore(struct cpu_state *s, uint32_t xpsr) {
    s->n = xpsr & 0x80000000;
    s->z = (xpsr >> 30 & 1) ? 0 : 1;
    s->c = xpsr >> 29 & 1;
    s->v = xpsr << 3 & 0x80000000;
    s->q = xpsr >> 27 & 1;
    s->ge = xpsr >> 16 & 15;
    s->thumb = xpsr >> 24 & 1;
    s->it = (uint8_t)((xpsr >> 25 & 3) | (xpsr >> 10 & 0x3f) << 2);
}

// An integrity check failed (B1.5.8): a UsageFault taken instead of the return, tail-chained onto
// the frame the return would have used.
static void return_fault(struct cpu *cpu, unsigned number, uint32_t cfsr_bits,
                         uint32_t exc_return) {
    struct cpu_state *s = &cpu->s;
    s->cfsr |= cfsr_bits;
    int priority = execution_priority(cpu);
    pend_synchronous(cpu, number, HFSR_FORCED, priority);
    if (s->locked_up) {
        return;
    }
    s->cycles += CPU_TAIL_CYCLES;
    unsigned best = exception_best(cpu, priority);
    enter(cpu, best, 0xf0000000 | exc_return);
}

static bool is_return_valid(const struct cpu *cpu, uint32_t exc_return, unsigned from) {
    const struct cpu_state *s = &cpu->s;
    unsigned nested = active_count(s);
    uint32_t ones = 0x0fffffe0 | (cpu->has_fpu ? 0 : EXC_RETURN_BASIC);
    if (!bit_get(s->active, from) || (exc_return & ones) != ones) {
        return false;
    }
    switch (exc_return & 15) {
    case 1:
        return nested > 1;
    case 9:
    case 13:
        return nested == 1 || (s->ccr & CCR_NONBASETHRDENA);
    default:
        return false;
    }
}

// The floating-point part of PopStack (B1.5.8). Returns the CFSR bit of what failed.
static uint32_t pop_floating_point(struct cpu *cpu, uint32_t addr, bool to_thread) {
    struct cpu_state *s = &cpu->s;
    if (s->fpccr & FPCCR_LSPACT) { // never saved: the registers still hold it
        s->fpccr &= ~FPCCR_LSPACT;
        return 0;
    }
    if (!fpu_is_enabled(cpu, !to_thread || !(s->control & CONTROL_NPRIV))) {
        return CFSR_NOCP;
    }
    if (!mpu_allows_words(cpu, addr, 17, MPU_READ, !to_thread || !(s->control & CONTROL_NPRIV))) {
        return CFSR_MUNSTKERR;
    }
    s->cycles += CPU_FP_FRAME_CYCLES;
    return fpu_load_frame(cpu, addr) ? 0 : CFSR_UNSTKERR;
}

void exception_return(struct cpu *cpu, uint32_t exc_return) {
    struct cpu_state *s = &cpu->s;
    unsigned from = s->ipsr;
    cpu_attention(cpu);
    bool valid = is_return_valid(cpu, exc_return, from);
    // B1.5.8 DeActivate: leaves NMI's and HardFault's FAULTMASK semantics alone.
    if (from != EXC_NMI) {
        s->faultmask = 0;
    }
    bit_put(s->active, from, false);
    if (from >= EXC_IRQ0 && bit_get(s->level, from)) {
        exception_pend(cpu, from);
    }
    if (cpu->bus.exception) {
        cpu->bus.exception(cpu->bus.ctx, from, false);
    }
    if (!valid) {
        return_fault(cpu, EXC_USAGE_FAULT, CFSR_INVPC, exc_return);
        return;
    }
    bool to_thread = (exc_return & 15) != 1, process = (exc_return & 15) == 13;
    bool with_fp = !(exc_return & EXC_RETURN_BASIC);
    unsigned next = exception_best(cpu, execution_priority(cpu));
    if (next) { // tail-chaining (B1.5.12): the frame stays where it is
        s->cycles += CPU_TAIL_CYCLES;
        enter(cpu, next, exc_return);
        return;
    }
    uint32_t sp = stack_pointer_get(s, process ? SP_PROCESS : SP_MAIN), words[8];
    bool privileged = !to_thread || !(s->control & CONTROL_NPRIV);
    if (!mpu_allows_words(cpu, sp, 8, MPU_READ, privileged)) {
        return_fault(cpu, EXC_MEM_MANAGE, CFSR_MUNSTKERR, exc_return);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (!memory_read_quiet(cpu, sp + i * 4, &words[i])) {
            return_fault(cpu, EXC_BUS_FAULT, CFSR_UNSTKERR, exc_return);
            return;
        }
    }
    uint32_t xpsr = words[7];
    if (((xpsr & 0x1ff) == 0) != to_thread) {
        return_fault(cpu, EXC_USAGE_FAULT, CFSR_INVPC, exc_return);
        return;
    }
    uint32_t failed = with_fp ? pop_floating_point(cpu, sp + BASIC_FRAME, to_thread) : 0;
    if (failed) {
        return_fault(cpu, fault_of(failed), failed, exc_return);
        return;
    }
    s->cycles += CPU_RETURN_CYCLES;
    sp += with_fp ? EXTENDED_FRAME : BASIC_FRAME;
    if (((s->ccr & CCR_STKALIGN) || with_fp) && (xpsr >> 9 & 1)) {
        sp |= 4;
    }
    stack_pointer_put(s, process ? SP_PROCESS : SP_MAIN, sp);
    s->ipsr = xpsr & 0x1ff; // 9 bits: bit 9 is the alignment mark
    if (to_thread) {
        s->control = (uint8_t)((s->control & ~CONTROL_SPSEL) | (process ? CONTROL_SPSEL : 0));
    }
    s->control = (uint8_t)((s->control & ~CONTROL_FPCA) | (with_fp ? CONTROL_FPCA : 0));
    stack_pointer_select(s);
    for (unsigned i = 0; i < 4; i++) {
        s->r[i] = words[i];
    }
    s->r[12] = words[4];
    s->r[14] = words[5];
    s->pc = words[6] & ~1u;
    xpsr_restore(s, xpsr);
    s->exclusive = false;
    s->event = true;
    if (to_thread && (s->scr & SCR_SLEEPONEXIT)) {
        s->sleeping = SLEEP_WFI;
    }
}
