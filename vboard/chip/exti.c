// SPDX-License-Identifier: MIT
//
// EXTI: edges on 23 lines become interrupts and events (RM0090 section 12.2-12.3).

#include "vboard/chip/chip_state.h"

#define IMR        0x00u
#define EMR        0x04u
#define RTSR       0x08u
#define FTSR       0x0Cu
#define SWIER      0x10u
#define PR         0x14u

#define LINES_MASK ((1u << EXTI_LINES) - 1)

// The interrupt of each line (RM0090 table 62).
static const uint8_t irqs[EXTI_LINES] = {
    6,  7,  8,  9,  10,        // EXTI0 to EXTI4
    23, 23, 23, 23, 23,        // EXTI9_5
    40, 40, 40, 40, 40, 40,    // EXTI15_10
    1,  41, 42, 62, 76, 2,  3, // PVD, RTC alarm, OTG_FS, ETH, OTG_HS, TAMP_STAMP, RTC_WKUP
};

// A shared interrupt is high while any of its lines is pending and not masked.
static void update_irqs(struct chip *chip) {
    uint32_t active = chip->exti.pr & chip->exti.imr;

    for (unsigned line = 0; line < EXTI_LINES;) {
        unsigned irq = irqs[line];
        bool level = false;
        for (; line < EXTI_LINES && irqs[line] == irq; line++) {
            level = level || (active >> line & 1);
        }
        cpu_set_irq(chip->cpu, irq, level);
    }
}

static void trigger(struct chip *chip, uint32_t lines) {
    chip->exti.pr |= lines;
    if (lines & chip->exti.emr) {
        cpu_event(chip->cpu);
    }
    adc_exti_signal(chip, lines);
    dac_exti_signal(chip, lines);
    update_irqs(chip);
}

void exti_set_line(struct chip *chip, unsigned line, bool level) {
    struct exti *exti = &chip->exti;
    uint32_t bit = 1u << line;

    if (((exti->levels & bit) != 0) == level) {
        return;
    }
    exti->levels ^= bit;
    if ((level ? exti->rtsr : exti->ftsr) & bit) {
        trigger(chip, bit);
    }
}

static bool exti_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;

    switch (off) {
    case IMR:
        *value = chip->exti.imr;
        return true;
    case EMR:
        *value = chip->exti.emr;
        return true;
    case RTSR:
        *value = chip->exti.rtsr;
        return true;
    case FTSR:
        *value = chip->exti.ftsr;
        return true;
    case SWIER:
        *value = chip->exti.swier;
        return true;
    case PR:
        *value = chip->exti.pr;
        return true;
    default:
        return false;
    }
}

static bool exti_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct exti *exti = &chip->exti;

    mask &= LINES_MASK;
    switch (off) {
    case IMR:
        merge(&exti->imr, value, mask);
        break;
    case EMR:
        merge(&exti->emr, value, mask);
        break;
    case RTSR:
        merge(&exti->rtsr, value, mask);
        break;
    case FTSR:
        merge(&exti->ftsr, value, mask);
        break;
    case SWIER: {
        // 12.3.5: from 0 to 1 sets the pending bit where the interrupt is enabled; the bit is
        // cleared through PR.
        uint32_t risen = value & mask & ~exti->swier;
        exti->swier |= risen;
        trigger(chip, risen & exti->imr);
        return true;
    }
    case PR:
        exti->pr &= ~(value & mask);
        exti->swier &= ~(value & mask);
        break;
    default:
        return false;
    }
    update_irqs(chip);
    return true;
}

static void exti_reset(void *ctx) {
    struct chip *chip = ctx;
    uint32_t levels = chip->exti.levels;

    chip->exti = (struct exti){.levels = levels};
    update_irqs(chip);
}

const struct peripheral exti_peripheral = {
    .name = "EXTI",
    .base = 0x40013C00u,
    .size = 0x400,
    .read = exti_read,
    .write = exti_write,
    .reset = exti_reset,
};
