// SPDX-License-Identifier: MIT
//
// Breakpoints are marks (marks.c) that stop; watchpoints take a memory's fast paths away and are looked
// for in memory.c; a step is a run of one instruction (cpu.c).

#include "vboard/cpu/debug.h"

#include <string.h>

#include "vboard/cpu/cpu_state.h"

void debug_stop(struct cpu *cpu, enum cpu_debug_why why, uint32_t addr) {
    struct cpu_debug *d = &cpu->debug;
    if (d->why == CPU_DEBUG_NONE) { // the first of several reasons is told
        d->why = why;
        d->addr = addr;
    }
    cpu_attention(cpu);
}

bool debug_stops_at(struct cpu *cpu, const struct cpu_mark *mark) {
    const struct cpu_debug *d = &cpu->debug;
    const struct cpu_state *s = &cpu->s;
    // Where it stopped last it goes on.
    if (mark->breakpoints == 0 || !d->is_attached ||
        (d->passed_pc == s->pc && d->passed_count == s->instructions)) {
        return false;
    }
    debug_stop(cpu, CPU_DEBUG_BREAKPOINT, s->pc);
    return true;
}

void debug_access(struct cpu *cpu, uint32_t addr, unsigned size, enum cpu_watch_kind kind) {
    struct cpu_debug *d = &cpu->debug;
    for (unsigned i = 0; i < d->watch_count; i++) {
        const struct cpu_watchpoint *w = &d->watches[i];
        if ((w->kind & kind) && (addr - w->addr < w->len || w->addr - addr < size)) {
            d->kind = w->kind;
            debug_stop(cpu, CPU_DEBUG_WATCHPOINT, addr - w->addr < w->len ? addr : w->addr);
            return;
        }
    }
}

bool debug_watches(const struct cpu *cpu, uint32_t base, uint32_t size, enum cpu_watch_kind kind) {
    for (unsigned i = 0; i < cpu->debug.watch_count; i++) {
        const struct cpu_watchpoint *w = &cpu->debug.watches[i];
        if ((w->kind & kind) && (w->addr - base < size || base - w->addr < w->len)) {
            return true;
        }
    }
    return false;
}

void cpu_debug_attach(struct cpu *cpu, bool is_attached) {
    struct cpu_debug *d = &cpu->debug;
    for (unsigned i = cpu->mark_count; i-- > 0 && !is_attached;) {
        uint32_t addr = cpu->marks[i].addr;
        for (unsigned n = cpu->marks[i].breakpoints; n > 0; n--) {
            (void)cpu_breakpoint_remove(cpu, addr);
        }
    }
    memset(d, 0, sizeof *d);
    d->is_attached = d->catches_hard_fault = is_attached;
    regions_refresh(cpu);
}

bool cpu_debug_is_attached(const struct cpu *cpu) {
    return cpu->debug.is_attached;
}

void cpu_debug_catch(struct cpu *cpu, bool catches_hard_fault) {
    cpu->debug.catches_hard_fault = catches_hard_fault;
}

void cpu_breakpoint_add(struct cpu *cpu, uint32_t addr) {
    cpu_mark(cpu, addr);
    mark_find(cpu, addr)->breakpoints++;
}

bool cpu_breakpoint_remove(struct cpu *cpu, uint32_t addr) {
    struct cpu_mark *mark = mark_find(cpu, addr);
    if (!mark || mark->breakpoints == 0) {
        return false;
    }
    mark->breakpoints--;
    cpu_unmark(cpu, addr);
    return true;
}

bool cpu_watchpoint_add(struct cpu *cpu, uint32_t addr, uint32_t len, enum cpu_watch_kind kind) {
    struct cpu_debug *d = &cpu->debug;
    if (d->watch_count == CPU_WATCHPOINTS_MAX || len == 0) {
        return false;
    }
    d->watches[d->watch_count++] = (struct cpu_watchpoint){addr, len, kind};
    regions_refresh(cpu);
    return true;
}

bool cpu_watchpoint_remove(struct cpu *cpu, uint32_t addr, uint32_t len, enum cpu_watch_kind kind) {
    struct cpu_debug *d = &cpu->debug;
    for (unsigned i = 0; i < d->watch_count; i++) {
        const struct cpu_watchpoint *w = &d->watches[i];
        if (w->addr == addr && w->len == len && w->kind == kind) {
            d->watches[i] = d->watches[--d->watch_count];
            regions_refresh(cpu);
            return true;
        }
    }
    return false;
}

void cpu_debug_step(struct cpu *cpu, bool masks_interrupts) {
    cpu->debug.steps = true;
    cpu->debug.masks_interrupts = masks_interrupts;
}

void cpu_debug_halt(struct cpu *cpu) {
    cpu->debug.steps = false;
    debug_pass(cpu);
}

enum cpu_debug_why cpu_debug_reason(const struct cpu *cpu, uint32_t *addr,
                                    enum cpu_watch_kind *kind) {
    *addr = cpu->debug.told_addr;
    *kind = cpu->debug.kind;
    return cpu->debug.told_why;
}

// What is told is put aside, so that the next run does not stop for it again.
void debug_tell(struct cpu *cpu) {
    struct cpu_debug *d = &cpu->debug;
    d->told_why = d->why;
    d->told_addr = d->why == CPU_DEBUG_WATCHPOINT ? d->addr : cpu->s.pc;
    d->why = CPU_DEBUG_NONE;
    d->steps = false;
    debug_pass(cpu);
}

void debug_pass(struct cpu *cpu) {
    cpu->debug.passed_pc = cpu->s.pc;
    cpu->debug.passed_count = cpu->s.instructions;
}

bool cpu_poke(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value) {
    return memory_poke(cpu, addr, size, value);
}
