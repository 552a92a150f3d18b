// SPDX-License-Identifier: MIT
//
// RCC as the bus sees it: registers, enable and reset bits, reset causes (RM0090 sections 6 and 7; section numbers are those of
// 7, STM32F405/407, unless they say otherwise). Leaves to the peripherals what they do at a clock.

#include "vboard/chip/rcc_internal.h"

// --- enable and reset bits --------------------------------------------------------------------------------

// Registers that are plain bits with a mask. Most follow from the enable registers of the chip's line: reset
// bits are there for what is a peripheral and not a clock alone (7.3.5 to 7.3.9), low-power bits for memories
// too (7.3.15 to 7.3.19), all of them set after a reset.
struct plain {
    uint32_t enable; // of a reset register: the enable register of the same peripherals
    uint32_t mask, reset;
};

static const uint8_t plain_offsets[] = {
    CIR,           AHB1RSTR,    AHB2RSTR,    AHB3RSTR,    APB1RSTR,    APB2RSTR,
    RCC_AHB1ENR,   RCC_AHB2ENR, RCC_AHB3ENR, RCC_APB1ENR, RCC_APB2ENR, RCC_AHB1LPENR,
    RCC_AHB2LPENR, AHB3LPENR,   APB1LPENR,   APB2LPENR,   SSCGR,       PLLI2SCFGR,
    PLLSAICFGR,    DCKCFGR,     CKGATENR,    DCKCFGR2,
};

#define AHB1_CLOCKS_ONLY 0x5C140000u // OTGHSULPI, ETHMACTX, RX, PTP; CCMDATARAM; BKPSRAM
#define AHB1_CCM         (1u << 20)
#define APB2_ADC2_ADC3   (3u << 9) // reset with ADC1

static bool plain_register(const struct chip *chip, uint32_t off, struct plain *plain) {
    const struct chip_line *line = chip->model->line;
    uint32_t ahb1lpenr = (line->ahb1enr & ~AHB1_CCM) | line->ahb1lpenr_memories;

    switch (off) {
    case CIR:
        *plain = (struct plain){0, 0, 0};
        return true;
    case AHB1RSTR:
        *plain = (struct plain){RCC_AHB1ENR, line->ahb1enr & ~AHB1_CLOCKS_ONLY, 0};
        return true;
    case AHB2RSTR:
        *plain = (struct plain){RCC_AHB2ENR, line->ahb2enr, 0};
        return true;
    case AHB3RSTR:
        *plain = (struct plain){RCC_AHB3ENR, line->ahb3enr, 0};
        return true;
    case APB1RSTR:
        *plain = (struct plain){RCC_APB1ENR, line->apb1enr, 0};
        return true;
    case APB2RSTR:
        *plain = (struct plain){RCC_APB2ENR, line->apb2enr & ~APB2_ADC2_ADC3, 0};
        return true;
    case RCC_AHB1ENR:
        *plain = (struct plain){0, line->ahb1enr, line->ahb1enr & AHB1_CCM};
        return true;
    case RCC_AHB2ENR:
        *plain = (struct plain){0, line->ahb2enr, 0};
        return true;
    case RCC_AHB3ENR:
        *plain = (struct plain){0, line->ahb3enr, 0};
        return true;
    case RCC_APB1ENR:
        *plain = (struct plain){0, line->apb1enr, 0};
        return true;
    case RCC_APB2ENR:
        *plain = (struct plain){0, line->apb2enr, 0};
        return true;
    case RCC_AHB1LPENR:
        *plain = (struct plain){0, ahb1lpenr, ahb1lpenr};
        return true;
    case RCC_AHB2LPENR:
        *plain = (struct plain){0, line->ahb2lpenr, line->ahb2lpenr};
        return true;
    case AHB3LPENR:
        *plain = (struct plain){0, line->ahb3enr, line->ahb3enr};
        return true;
    case APB1LPENR:
        *plain = (struct plain){0, line->apb1enr, line->apb1enr};
        return true;
    case APB2LPENR:
        *plain = (struct plain){0, line->apb2enr, line->apb2enr};
        return true;
    case SSCGR:
        *plain = (struct plain){0, 0xCFFFFFFFu, 0};
        return true;
    case PLLI2SCFGR:
        *plain = (struct plain){0, line->plli2scfgr, line->plli2scfgr_reset};
        return true;
    case PLLSAICFGR:
        *plain = (struct plain){0, line->pllsaicfgr, line->pllsaicfgr_reset};
        return line->pllsaicfgr;
    case DCKCFGR:
        *plain = (struct plain){0, line->dckcfgr, 0};
        return line->dckcfgr;
    case CKGATENR:
        *plain = (struct plain){0, line->ckgatenr, 0};
        return line->ckgatenr;
    case DCKCFGR2:
        *plain = (struct plain){0, line->dckcfgr2, 0};
        return line->dckcfgr2;
    default:
        return false;
    }
}

static bool write_plain(struct chip *chip, uint32_t off, uint32_t value, uint32_t mask) {
    struct plain plain;

    if (!plain_register(chip, off, &plain)) {
        return false;
    }
    uint32_t old = REG(chip, off);
    merge(&REG(chip, off), value, mask & plain.mask);
    if (plain.enable) {
        chip_reset_peripherals(chip, plain.enable, REG(chip, off) & ~old);
    }
    if (REG(chip, off) == old) {
        return true;
    }
    switch (off) {
    case RCC_AHB1ENR:
    case RCC_AHB2ENR:
        chip_usb_clock_changed(chip); // OTGFSEN, OTGHSEN
        break;
    case RCC_APB1ENR:
    case RCC_APB2ENR:
        tim_clocks_changed(chip);
        break;
    case DCKCFGR:  // TIMPRE
    case DCKCFGR2: // CK48MSEL
    case PLLSAICFGR:
        rcc_update_clocks(chip);
        break;
    default:
        break;
    }
    return true;
}

static bool is_register(const struct chip *chip, uint32_t off) {
    struct plain plain;

    switch (off) {
    case CR:
    case PLLCFGR:
    case CFGR:
    case BDCR:
    case CSR:
        return true;
    default:
        return plain_register(chip, off, &plain);
    }
}

bool rcc_has(const struct chip_line *line, const struct peripheral *peripheral) {
    switch (peripheral->enable_register) {
    case RCC_AHB1ENR:
        return line->ahb1enr & peripheral->enable_bit;
    case RCC_AHB2ENR:
        return line->ahb2enr & peripheral->enable_bit;
    case RCC_AHB3ENR:
        return line->ahb3enr & peripheral->enable_bit;
    case RCC_APB1ENR:
        return line->apb1enr & peripheral->enable_bit;
    case RCC_APB2ENR:
        return line->apb2enr & peripheral->enable_bit;
    default:
        return true;
    }
}

static bool rcc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;

    if (off / 4 >= RCC_WORDS || !is_register(chip, off)) {
        return false;
    }
    *value = REG(chip, off);
    return true;
}

static bool rcc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    chip->rcc.is_used = true;
    switch (off) {
    case CR:
        rcc_write_cr(chip, value, mask);
        return true;
    case PLLCFGR:
        rcc_write_pllcfgr(chip, value, mask);
        return true;
    case CFGR:
        rcc_write_cfgr(chip, value, mask);
        return true;
    case BDCR:
        rcc_write_bdcr(chip, value, mask);
        return true;
    case CSR:
        rcc_write_csr(chip, value, mask);
        return true;
    default:
        return off / 4 < RCC_WORDS && write_plain(chip, off, value, mask);
    }
}

// BDCR and the reset flags outlive a system reset (RM0090 7.1.3).
static void rcc_reset(void *ctx) {
    struct chip *chip = ctx;
    struct rcc *rcc = &chip->rcc;

    timeline_cancel(chip->timeline, &rcc->hsi_ready);
    timeline_cancel(chip->timeline, &rcc->hse_ready);
    timeline_cancel(chip->timeline, &rcc->pll_ready);
    timeline_cancel(chip->timeline, &rcc->plli2s_ready);
    timeline_cancel(chip->timeline, &rcc->pllsai_ready);
    for (size_t i = 0; i < sizeof plain_offsets; i++) {
        struct plain plain;
        if (plain_register(chip, plain_offsets[i], &plain)) {
            REG(chip, plain_offsets[i]) = plain.reset;
        }
    }
    // HSI on and ready, HSITRIM 16 (RM0090 7.3.1: 0x0000XX83; XX is each chip's own).
    REG(chip, CR) = 0x00000083u;
    REG(chip, PLLCFGR) = PLLCFGR_RESET;
    REG(chip, CFGR) = 0;
    rcc_update_clocks(chip);
    chip_usb_clock_changed(chip);
}

static void rcc_power_on(void *ctx) {
    struct chip *chip = ctx;

    chip->rcc.is_used = false;
    timeline_cancel(chip->timeline, &chip->rcc.lsi_ready);
    REG(chip, CSR) = 0;
    if (!chip->wiring.has_battery) { // else LSE runs on
        timeline_cancel(chip->timeline, &chip->rcc.lse_ready);
        REG(chip, BDCR) = 0;
    }
    rtc_clock_changed(chip);
}

void rcc_free(struct chip *chip) {
    struct rcc *rcc = &chip->rcc;
    struct event *const events[] = {&rcc->hsi_ready,    &rcc->hse_ready,    &rcc->pll_ready,
                                    &rcc->plli2s_ready, &rcc->pllsai_ready, &rcc->lsi_ready,
                                    &rcc->lse_ready};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        timeline_cancel(chip->timeline, events[i]);
    }
}

void rcc_set_reset_flags(struct chip *chip, uint32_t flags) {
    REG(chip, CSR) |= flags;
}

const struct peripheral rcc_peripheral = {
    .name = "RCC",
    .base = 0x40023800u,
    .size = 0x400,
    .read = rcc_read,
    .write = rcc_write,
    .reset = rcc_reset,
    .power_on = rcc_power_on,
};
