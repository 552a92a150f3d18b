// SPDX-License-Identifier: MIT
//
// PWR: voltage scaling, backup domain access, the voltage detector's register (RM0090 section 5,
// STM32F405/407). supply.c has the voltage. Low-power modes only sleep.

#include "vboard/chip/chip_state.h"

#define CR         0x00u
#define CSR        0x04u

// RM0090 5.4.1: LPDS PDDS PVDE PLS DBP FPDS VOS; CWUF and CSBF read 0.
#define CR_MASK    0x000043F3u
#define CR_CWUF    (1u << 2)
#define CR_CSBF    (1u << 3)
#define CR_PVDE    (1u << 4)
#define CR_PLS_POS 5
#define CR_DBP     (1u << 8)
#define CR_VOS     (1u << 14)
#define CR_RESET   0x00004000u

#define CSR_WUF    (1u << 0)
#define CSR_SBF    (1u << 1)
#define CSR_PVDO   (1u << 2)
#define CSR_BRR    (1u << 3)
#define CSR_MASK   0x00000300u // EWUP, BRE
#define CSR_BRE    (1u << 9)
#define CSR_VOSRDY (1u << 14)

static bool pwr_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;

    switch (off) {
    case CR:
        *value = chip->pwr.cr;
        return true;
    case CSR:
        // The regulators follow at once here: both are ready as soon as they are asked for.
        *value = chip->pwr.csr | CSR_VOSRDY | (chip->pwr.csr & CSR_BRE ? CSR_BRR : 0) |
                 (supply_is_below_pvd(chip) ? CSR_PVDO : 0);
        return true;
    default:
        return false;
    }
}

static bool pwr_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    switch (off) {
    case CR:
        merge(&chip->pwr.cr, value, mask & CR_MASK);
        if (value & mask & CR_CWUF) {
            chip->pwr.csr &= ~CSR_WUF;
        }
        if (value & mask & CR_CSBF) {
            chip->pwr.csr &= ~CSR_SBF;
        }
        supply_update_pvd(chip);
        return true;
    case CSR:
        merge(&chip->pwr.csr, value, mask & CSR_MASK);
        return true;
    default:
        return false;
    }
}

static void pwr_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->pwr.cr = CR_RESET;
    chip->pwr.csr = 0;
    supply_update_pvd(chip);
}

unsigned pwr_pvd_level(const struct chip *chip, bool *is_on) {
    *is_on = chip->pwr.cr & CR_PVDE;
    return chip->pwr.cr >> CR_PLS_POS & 7;
}

bool pwr_backup_is_writable(const struct chip *chip) {
    return chip->pwr.cr & CR_DBP;
}

bool pwr_is_scale_1(const struct chip *chip) {
    return chip->pwr.cr & CR_VOS;
}

const struct peripheral pwr_peripheral = {
    .name = "PWR",
    .base = 0x40007000u,
    .size = 0x400,
    .read = pwr_read,
    .write = pwr_write,
    .reset = pwr_reset,
    .enable_register = RCC_APB1ENR,
    .enable_bit = 1u << 28,
};
