// SPDX-License-Identifier: MIT
//
// SysTick (ARM DDI 0403 B3.3, PM0214 4.5) without work per cycle: the counter's value at one tick
// gives it at any later one. A tick is a core cycle or, with CLKSOURCE 0, the reference divider's
// worth of them, counted from cycle 0.
//
// The counter goes R, R-1 ... 1, 0, R ...: reaching 0 from 1 sets COUNTFLAG and raises the
// exception; the tick behind reloads. With R 0 it stays at 0.

#include "vboard/cpu/cpu_state.h"

enum { CTRL_ENABLE = 1, CTRL_TICKINT = 2, CTRL_CLKSOURCE = 4, CTRL_COUNTFLAG = 1 << 16 };

static uint64_t divider(const struct cpu *cpu) {
    if (cpu->s.systick.control & CTRL_CLKSOURCE) {
        return 1;
    }
    return cpu->bus.systick_reference_divider ? cpu->bus.systick_reference_divider : 8;
}

// Ticks after `base` at which the counter first becomes 0; 0: never.
static uint64_t first_zero(const struct systick *t) {
    return t->value ? t->value : t->reload ? (uint64_t)t->reload + 1 : 0;
}

static void plan(struct cpu *cpu) {
    struct systick *t = &cpu->s.systick;
    uint64_t zero = first_zero(t);
    t->next_cycle = UINT64_MAX;
    if ((t->control & CTRL_ENABLE) && zero) {
        t->next_cycle = (t->base + zero) * divider(cpu);
    }
    if (cpu->executing && t->next_cycle < cpu->deadline) {
        cpu_attention(cpu);
    }
}

void systick_reset(struct cpu *cpu) {
    cpu->s.systick = (struct systick){.next_cycle = UINT64_MAX};
}

void systick_sync(struct cpu *cpu) {
    struct cpu_state *s = &cpu->s;
    struct systick *t = &s->systick;
    uint64_t now = s->cycles / divider(cpu);
    if (!(t->control & CTRL_ENABLE) || now <= t->base) {
        return;
    }
    uint64_t passed = now - t->base, zero = first_zero(t);
    t->base = now;
    if (zero == 0) {
        return; // 0 and no reload value
    }
    if (passed < zero) { // on the way, or still to be loaded
        t->value = t->value ? t->value - (uint32_t)passed : (uint32_t)(t->reload + 1 - passed);
    } else {
        uint64_t period = (uint64_t)t->reload + 1, rest = (passed - zero) % period;
        t->value = rest ? (uint32_t)(period - rest) : 0;
        t->count_flag = true;
        if (t->control & CTRL_TICKINT) {
            exception_pend(cpu, EXC_SYSTICK);
        }
    }
    plan(cpu);
}

uint32_t systick_read(struct cpu *cpu, unsigned off, bool side_effects) {
    struct systick *t = &cpu->s.systick;
    struct cpu_state before;
    if (!side_effects) {
        before = cpu->s;
    }
    systick_sync(cpu);
    uint32_t value = 0;
    switch (off) {
    case 0x0:
        value = t->control | (t->count_flag ? CTRL_COUNTFLAG : 0);
        t->count_flag = false;
        break;
    case 0x4:
        value = t->reload;
        break;
    case 0x8:
        value = t->value;
        break;
    case 0xc:
        // SYST_CALIB of the STM32F4: 1 ms at 18.75 MHz, not skewed, reference present (PM0214
        // 4.5.4: "when HCLK is programmed at the maximum frequency").
        value = 18750;
        break;
    }
    if (!side_effects) {
        cpu->s = before;
    }
    return value;
}

void systick_write(struct cpu *cpu, unsigned off, uint32_t value) {
    struct systick *t = &cpu->s.systick;
    systick_sync(cpu);
    switch (off) {
    case 0x0:
        t->control = value & 7;
        t->base = cpu->s.cycles / divider(cpu);
        break;
    case 0x4:
        t->reload = value & 0xffffff;
        break;
    case 0x8: // any write clears
        t->value = 0;
        t->count_flag = false;
        t->base = cpu->s.cycles / divider(cpu);
        break;
    default:
        break;
    }
    plan(cpu);
}
