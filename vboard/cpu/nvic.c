// SPDX-License-Identifier: MIT
//
// The NVIC's registers (PM0214 4.3) and the interrupt lines. Exceptions 16 and up; which of them is
// taken is exceptions.c's business.

#include "vboard/cpu/cpu_state.h"

// Registers' addresses; each array covers irqs 0 to 239.
enum { ISER = 0x100, ICER = 0x180, ISPR = 0x200, ICPR = 0x280, IABR = 0x300, IPR = 0x400 };

// 32 irqs from `irq` on, out of a map of exceptions.
static uint32_t window(const uint32_t *map, unsigned irq) {
    unsigned bit = irq + EXC_IRQ0;
    uint32_t low = bit / 32 < EXC_WORDS ? map[bit / 32] >> bit % 32 : 0;
    uint32_t high = bit / 32 + 1 < EXC_WORDS && bit % 32 ? map[bit / 32 + 1] << (32 - bit % 32) : 0;
    return low | high;
}

bool nvic_read(struct cpu *cpu, uint32_t addr, uint32_t *value) {
    const struct cpu_state *s = &cpu->s;
    unsigned off = addr & 0xfff;
    *value = 0;
    if (off >= IPR && off < IPR + 240) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned number = off - IPR + i + EXC_IRQ0;
            *value |= number < EXC_MAX ? (uint32_t)s->priority[number] << 8 * i : 0;
        }
        return true;
    }
    unsigned irq = (off & 0x7c) * 8;
    switch (off & 0xf80) {
    case ISER:
    case ICER:
        *value = window(s->enabled, irq);
        break;
    case ISPR:
    case ICPR:
        *value = window(s->pending, irq);
        break;
    case IABR:
        *value = window(s->active, irq);
        break;
    default:
        break;
    }
    return true;
}

static void write_bits(struct cpu *cpu, unsigned which, unsigned first_irq, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    for (uint32_t rest = value; rest; rest &= rest - 1) {
        unsigned number = first_irq + (unsigned)__builtin_ctz(rest) + EXC_IRQ0;
        if (number >= cpu->exception_count) {
            continue;
        }
        switch (which) {
        case ISER:
            bit_put(s->enabled, number, true);
            break;
        case ICER:
            bit_put(s->enabled, number, false);
            break;
        case ISPR:
            exception_pend(cpu, number);
            break;
        case ICPR: // a line still high keeps it pending (PM0214 4.3.9)
            bit_put(s->pending, number, bit_get(s->level, number) && !bit_get(s->active, number));
            break;
        default:
            break;
        }
    }
}

bool nvic_write(struct cpu *cpu, uint32_t addr, uint32_t value, uint32_t mask) {
    unsigned off = addr & 0xfff;
    cpu_attention(cpu);
    if (off == 0xf00) { // STIR
        unsigned number = (value & 0x1ff) + EXC_IRQ0;
        if (number < cpu->exception_count) {
            exception_pend(cpu, number);
        }
        return true;
    }
    if (off >= IPR && off < IPR + 240) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned number = off - IPR + i + EXC_IRQ0;
            if ((mask >> 8 * i & 1) && number < cpu->exception_count) {
                cpu->s.priority[number] = (uint8_t)(value >> 8 * i) & cpu->priority_mask;
            }
        }
        return true;
    }
    write_bits(cpu, off & 0xf80, (off & 0x7c) * 8, value & mask);
    return true;
}

void cpu_set_irq(struct cpu *cpu, unsigned irq, bool level) {
    unsigned number = irq + EXC_IRQ0;
    if (number >= cpu->exception_count || bit_get(cpu->s.level, number) == level) {
        return;
    }
    bit_put(cpu->s.level, number, level);
    if (level) {
        exception_pend(cpu, number);
    }
}
