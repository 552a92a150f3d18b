// SPDX-License-Identifier: MIT
//
// SYSCFG: what memory is at address 0, and which port feeds each EXTI line (RM0090 section 9).

#include "vboard/chip/chip_state.h"

#define MEMRMP  0x00u
#define PMC     0x04u
#define EXTICR1 0x08u
#define EXTICR4 0x14u
#define CMPCR   0x20u

// Lines follow the newly selected pins without an edge of their own.
static void follow_pins(struct chip *chip) {
    for (unsigned pin = 0; pin < GPIO_PINS; pin++) {
        unsigned port = syscfg_exti_port(chip, pin);
        bool level = port < GPIO_PORTS && gpio_input(chip, port, pin);
        chip->exti.levels = (chip->exti.levels & ~(1u << pin)) | (level ? 1u << pin : 0);
    }
}

static bool syscfg_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;

    switch (off) {
    case MEMRMP:
        *value = chip->syscfg.memrmp;
        return true;
    case PMC:
        *value = chip->syscfg.pmc;
        return true;
    case CMPCR:
        *value = 1u << 8; // compensation cell ready
        return true;
    default:
        if (off >= EXTICR1 && off <= EXTICR4) {
            *value = chip->syscfg.exticr[(off - EXTICR1) / 4];
            return true;
        }
        return false;
    }
}

static bool syscfg_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    switch (off) {
    case MEMRMP:
        merge(&chip->syscfg.memrmp, value, mask & chip->model->line->memrmp);
        chip_remap(chip, chip->syscfg.memrmp);
        return true;
    case PMC:
        merge(&chip->syscfg.pmc, value, mask & chip->model->line->pmc);
        return true;
    case CMPCR:
        return true;
    default:
        if (off >= EXTICR1 && off <= EXTICR4) {
            merge(&chip->syscfg.exticr[(off - EXTICR1) / 4], value, mask & 0xFFFF);
            follow_pins(chip);
            return true;
        }
        return false;
    }
}

// The reset value of MEM_MODE is what the boot pins chose: main flash here (RM0090 9.2.1).
static void syscfg_reset(void *ctx) {
    struct chip *chip = ctx;

    chip->syscfg = (struct syscfg){0};
    chip_remap(chip, chip->syscfg.memrmp);
    follow_pins(chip);
}

unsigned syscfg_exti_port(const struct chip *chip, unsigned pin) {
    return chip->syscfg.exticr[pin / 4] >> (4 * (pin % 4)) & 0xF;
}

const struct peripheral syscfg_peripheral = {
    .name = "SYSCFG",
    .base = 0x40013800u,
    .size = 0x400,
    .read = syscfg_read,
    .write = syscfg_write,
    .reset = syscfg_reset,
    .enable_register = RCC_APB2ENR,
    .enable_bit = 1u << 14,
};
