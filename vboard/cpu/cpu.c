// SPDX-License-Identifier: MIT
//
// The processor as a whole: making, resetting and running it. Between instructions this file
// decides what comes next: stop, exception, sleep or more instructions.

#include "vboard/cpu/cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/cpu/cpu_state.h"
#include "vboard/cpu/fpu.h"

void cpu_complain(struct cpu *cpu, const char *what, const char *format, ...) {
    if (!cpu->bus.complaint) {
        return;
    }
    char sentence[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    cpu->bus.complaint(cpu->bus.ctx, what, sentence);
}

struct cpu *cpu_new(unsigned irq_count, unsigned priority_bits, uint32_t cpuid, bool has_fpu) {
    struct cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu) {
        return NULL;
    }
    cpu->irq_count = irq_count < CPU_IRQS_MAX ? irq_count : CPU_IRQS_MAX;
    cpu->exception_count = cpu->irq_count + EXC_IRQ0;
    cpu->priority_mask = (uint8_t)(0xff00 >> priority_bits);
    cpu->cpuid = cpuid;
    cpu->has_fpu = has_fpu;
    return cpu;
}

void cpu_free(struct cpu *cpu) {
    if (!cpu) {
        return;
    }
    for (unsigned i = 0; i < cpu->region_count; i++) {
        free(cpu->code[i].ops);
        free(cpu->fast[i + 1].page_has_code);
    }
    free(cpu->retired);
    free(cpu->marks);
    free(cpu);
}

void cpu_set_bus(struct cpu *cpu, const struct cpu_bus *bus) {
    cpu->bus = *bus;
}

// ARM DDI 0403 B1.5.5 TakeReset().
static void take_reset(struct cpu *cpu) {
    struct cpu_state *s = &cpu->s, old = cpu->s;
    uint32_t sp = 0, pc = 0;
    *s = (struct cpu_state){
        .z = 1, // flags are UNKNOWN: clear
        .cycles = old.cycles,
        .instructions = old.instructions,
        .ccr = CCR_STKALIGN,
        .fpccr = cpu->has_fpu ? FPCCR_ASPEN | FPCCR_LSPEN : 0,
    };
    memcpy(s->level, old.level, sizeof s->level); // the lines belong to the chip around
    s->enabled[0] = 1u << EXC_NMI | 1u << EXC_HARD_FAULT | 1u << EXC_SVCALL |
                    1u << EXC_DEBUG_MONITOR | 1u << EXC_PENDSV | 1u << EXC_SYSTICK;
    memcpy(s->pending, s->level, sizeof s->pending);
    regions_refresh(cpu); // the MPU is off
    systick_reset(cpu);
    cpu->reset_requested = false;
    cpu->debug.is_lockup_told = false;
    bool found = memory_read_quiet(cpu, 0, &sp) && memory_read_quiet(cpu, 4, &pc);
    s->r[13] = sp & ~3u;
    s->r[14] = 0xffffffff;
    s->pc = pc & ~1u;
    s->thumb = pc & 1;
    if (!found) {
        s->locked_up = true;
        cpu_complain(cpu, "lockup", "no vector table can be read at address 0");
    }
}

void cpu_reset(struct cpu *cpu) {
    if (cpu->executing) { // from a bus callback: as soon as the instruction is over
        cpu->reset_requested = true;
        cpu_attention(cpu);
    } else {
        take_reset(cpu);
    }
}

// Runs instructions until `until`, or less.
static void run_instructions(struct cpu *cpu, uint64_t until) {
    struct cpu_state *s = &cpu->s;
    bool guarded = false;
    if (!s->thumb) {
        fault_raise(cpu, EXC_USAGE_FAULT, CFSR_INVSTATE);
        return;
    }
    if (!memory_set_code(cpu, &guarded)) {
        return;
    }
    if (guarded && cpu->bus.guarded) {
        cpu->bus.guarded(cpu->bus.ctx, s->pc, CPU_FETCH);
        if (cpu->reset_requested) {
            return;
        }
        until = s->cycles + 1;
    }
    if (mpu_is_on(s)) {
        until = s->cycles + 1; // each instruction's fetch is looked at
    }
    cpu->deadline = until < s->systick.next_cycle ? until : s->systick.next_cycle;
    if (cpu->deadline <= s->cycles) {
        cpu->deadline = s->cycles + 1;
    }
    execute(cpu);
}

// `steps`: at most so many instructions or exceptions (0: as many as fit).
static enum cpu_stop run(struct cpu *cpu, uint64_t until, bool single) {
    struct cpu_state *s = &cpu->s;
    bool done = false;
    for (;;) {
        if (cpu->reset_requested) {
            take_reset(cpu);
        }
        free(cpu->retired);
        cpu->retired = NULL;
        if (cpu->break_requested) {
            cpu->break_requested = false;
            return CPU_STOP_BREAK;
        }
        if (s->cycles >= s->systick.next_cycle) {
            systick_sync(cpu);
        }
        if (s->locked_up && !s->is_parked && cpu->debug.is_attached && !cpu->debug.is_lockup_told) {
            cpu->debug.is_lockup_told = true;
            debug_stop(cpu, CPU_DEBUG_LOCKUP, s->pc);
        }
        if (done && cpu->debug.steps) {
            debug_stop(cpu, CPU_DEBUG_STEP, s->pc);
        }
        if (cpu->debug.why != CPU_DEBUG_NONE) {
            debug_tell(cpu);
            return CPU_STOP_DEBUG;
        }
        if (s->locked_up) {
            return CPU_STOP_LOCKUP;
        }
        if (s->sleeping) {
            if (!sleep_ends(cpu)) {
                return CPU_STOP_SLEEP;
            }
            if (s->sleeping == SLEEP_WFE) {
                s->event = false;
            }
            s->sleeping = AWAKE;
        }
        if (s->cycles >= until || done) {
            return CPU_STOP_LIMIT;
        }
        if (!exception_take(cpu)) {
            run_instructions(cpu, single || cpu->debug.steps ? s->cycles + 1 : until);
        }
        done = single || cpu->debug.steps;
    }
}

enum cpu_stop cpu_run(struct cpu *cpu, uint64_t until) {
    cpu->executing = true;
    enum cpu_stop stop = run(cpu, until, false);
    cpu->executing = false;
    return stop;
}

enum cpu_stop cpu_step(struct cpu *cpu) {
    cpu->executing = true;
    enum cpu_stop stop = run(cpu, UINT64_MAX, true);
    cpu->executing = false;
    return stop;
}

void cpu_break(struct cpu *cpu) {
    cpu->break_requested = true;
    cpu_attention(cpu);
}

uint64_t cpu_cycles(const struct cpu *cpu) {
    return cpu->s.cycles;
}

void cpu_stall(struct cpu *cpu, uint64_t cycles) {
    cpu->s.cycles += cycles;
}

uint64_t cpu_next_wake(const struct cpu *cpu) {
    const struct systick *t = &cpu->s.systick;
    return (t->control & 2) ? t->next_cycle : UINT64_MAX; // TICKINT
}

bool cpu_is_asleep(const struct cpu *cpu) {
    return cpu->s.sleeping != AWAKE;
}

bool cpu_is_on_process_stack(const struct cpu *cpu) {
    return cpu->s.in_process_stack;
}

bool cpu_sleeps_deep(const struct cpu *cpu) {
    return cpu->s.sleeping != AWAKE && (cpu->s.scr & SCR_SLEEPDEEP);
}

bool cpu_sleep_ends(const struct cpu *cpu) {
    return sleep_ends(cpu);
}

void cpu_wake(struct cpu *cpu) {
    cpu->s.sleeping = AWAKE;
}

bool cpu_is_locked_up(const struct cpu *cpu) {
    return cpu->s.locked_up && !cpu->s.is_parked;
}

bool cpu_is_parked(const struct cpu *cpu) {
    return cpu->s.is_parked;
}

void cpu_itm_enable(struct cpu *cpu, uint32_t ports) {
    cpu->itm_ter = ports;
    cpu->itm_tcr = ITM_TCR_ITMENA;
}

uint64_t cpu_instructions(const struct cpu *cpu) {
    return cpu->s.instructions;
}

void cpu_event(struct cpu *cpu) {
    cpu->s.event = true;
}

static uint32_t system_register(const struct cpu_state *s, unsigned n) {
    switch (n) {
    case CPU_MSP:
        return stack_pointer_get(s, SP_MAIN);
    case CPU_PSP:
        return stack_pointer_get(s, SP_PROCESS);
    case CPU_PRIMASK:
        return s->primask;
    case CPU_BASEPRI:
        return s->basepri;
    case CPU_FAULTMASK:
        return s->faultmask;
    case CPU_CONTROL:
        return s->control;
    default:
        return 0;
    }
}

static void set_system_register(struct cpu *cpu, unsigned n, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    switch (n) {
    case CPU_MSP:
        stack_pointer_put(s, SP_MAIN, value);
        break;
    case CPU_PSP:
        stack_pointer_put(s, SP_PROCESS, value);
        break;
    case CPU_PRIMASK:
        s->primask = value & 1;
        break;
    case CPU_BASEPRI:
        s->basepri = (uint8_t)value & cpu->priority_mask;
        break;
    case CPU_FAULTMASK:
        s->faultmask = value & 1;
        break;
    case CPU_CONTROL:
        s->control = value & (CONTROL_NPRIV | CONTROL_SPSEL | (cpu->has_fpu ? CONTROL_FPCA : 0));
        stack_pointer_select(s);
        break;
    default:
        break;
    }
}

uint32_t cpu_register(const struct cpu *cpu, unsigned n) {
    return n < 15             ? cpu->s.r[n]
           : n == 15          ? cpu->s.pc
           : n == 16          ? xpsr_get(&cpu->s)
           : n - CPU_S0 < 32  ? cpu->s.fp[n - CPU_S0]
           : n == CPU_FPSCR   ? cpu->s.fpscr
           : n <= CPU_CONTROL ? system_register(&cpu->s, n)
                              : 0;
}

void cpu_set_register(struct cpu *cpu, unsigned n, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    if (n == 13) {
        s->r[13] = value & ~3u;
    } else if (n < 15) {
        s->r[n] = value;
    } else if (n == 15) {
        s->pc = value & ~1u;
        s->it = 0;
        cpu->debug.passed_pc = 1; // odd: no breakpoint is passed over
    } else if (n == 16) {
        xpsr_restore(s, value);
        if ((value & 0x1ff) < cpu->exception_count) {
            s->ipsr = value & 0x1ff;
        }
        stack_pointer_select(s);
    } else if (n - CPU_S0 < 32) {
        s->fp[n - CPU_S0] = value;
    } else if (n == CPU_FPSCR) {
        s->fpscr = value & FPSCR_MASK;
    } else {
        set_system_register(cpu, n, value);
    }
}

uint32_t cpu_pc(const struct cpu *cpu) {
    return cpu->s.pc;
}

uint32_t cpu_vtor(const struct cpu *cpu) {
    return cpu->s.vtor;
}
