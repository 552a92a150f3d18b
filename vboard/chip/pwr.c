// SPDX-License-Identifier: MIT
//
// PWR: voltage scaling, backup domain access, the voltage detector's register and
// over-drive (RM0090 section 5; numbers are those of STM32F405/407), and what asks for Stop and Standby and tells of them; low_power.c has the modes,
// supply.c the voltage.

#include "vboard/chip/chip_state.h"

#define CR         0x00u
#define CSR        0x04u

#define CR_LPDS    (1u << 0)
#define CR_PDDS    (1u << 1)
#define CR_CWUF    (1u << 2)
#define CR_CSBF    (1u << 3)
#define CR_PVDE    (1u << 4)
#define CR_PLS_POS 5
#define CR_DBP     (1u << 8)
#define CR_FPDS    (1u << 9)
#define CR_VOS_POS 14
#define CR_ODEN    (1u << 16) // over-drive: RM0090 5.4.3, RM0390 5.4.1
#define CR_ODSWEN  (1u << 17)

#define CSR_WUF    (1u << 0)
#define CSR_SBF    (1u << 1)
#define CSR_PVDO   (1u << 2)
#define CSR_BRR    (1u << 3)
#define CSR_MASK   0x00000300u // EWUP, BRE
#define CSR_EWUP   (1u << 8)
#define CSR_BRE    (1u << 9)
#define CSR_VOSRDY (1u << 14)

static bool pwr_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;

    switch (off) {
    case CR:
        *value = chip->pwr.cr;
        return true;
    case CSR:
        // The regulators follow at once here: they are ready as soon as they are asked for.
        *value = chip->pwr.csr | CSR_VOSRDY | (chip->pwr.csr & CSR_BRE ? CSR_BRR : 0) |
                 (chip->pwr.cr & (CR_ODEN | CR_ODSWEN)) | // ODRDY, ODSWRDY: in the same places
                 (supply_is_below_pvd(chip) ? CSR_PVDO : 0);
        return true;
    default:
        return false;
    }
}

static bool pwr_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    bool is_edge;

    switch (off) {
    case CR:
        merge(&chip->pwr.cr, value, mask & chip->model->line->pwr_cr);
        if (value & mask & CR_CWUF) {
            chip->pwr.csr &= ~CSR_WUF;
        }
        if (value & mask & CR_CSBF) {
            chip->pwr.csr &= ~CSR_SBF;
        }
        supply_update_pvd(chip);
        return true;
    case CSR:
        // 5.4.2, WUF: enabling a WKUP pin that is high already counts as an edge.
        is_edge = value & mask & ~chip->pwr.csr & CSR_EWUP && chip->pwr.wkup;
        merge(&chip->pwr.csr, value, mask & CSR_MASK);
        if (is_edge) {
            pwr_rtc_event(chip);
        }
        return true;
    default:
        return false;
    }
}

static void pwr_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->pwr.cr = chip->model->line->pwr_cr_reset;
    // 5.4.2: SBF and BRE outlive a system reset, and waking from Standby changes nothing here.
    if (chip->low_power.mode != LOW_POWER_STANDBY) {
        chip->pwr.csr &= CSR_SBF | CSR_BRE;
    }
    supply_update_pvd(chip);
}

static void pwr_power_on(void *ctx) {
    struct chip *chip = ctx;
    chip->pwr.csr &= chip->wiring.has_battery ? CSR_BRE : 0;
}

bool pwr_has_backup_regulator(const struct chip *chip) {
    return chip->pwr.csr & CSR_BRE;
}

bool pwr_is_standby(const struct chip *chip) {
    return chip->pwr.cr & CR_PDDS;
}

unsigned pwr_stop_depth(const struct chip *chip) {
    return !(chip->pwr.cr & CR_LPDS) ? 0 : chip->pwr.cr & CR_FPDS ? 2 : 1;
}

bool pwr_wakeup_flag(const struct chip *chip) {
    return chip->pwr.csr & CSR_WUF;
}

void pwr_set_standby_flag(struct chip *chip) {
    chip->pwr.csr |= CSR_SBF;
}

void pwr_rtc_event(struct chip *chip) {
    chip->pwr.csr |= CSR_WUF;
    low_power_end_standby(chip);
}

void pwr_wakeup_pin(struct chip *chip, bool level) {
    bool is_edge = level && !chip->pwr.wkup;
    chip->pwr.wkup = level;
    if (is_edge && (chip->pwr.csr & CSR_EWUP)) {
        pwr_rtc_event(chip);
    }
}

unsigned pwr_pvd_level(const struct chip *chip, bool *is_on) {
    *is_on = chip->pwr.cr & CR_PVDE;
    return chip->pwr.cr >> CR_PLS_POS & 7;
}

bool pwr_backup_is_writable(const struct chip *chip) {
    return chip->pwr.cr & CR_DBP;
}

uint64_t pwr_hclk_limit_hz(const struct chip *chip) {
    const struct chip_line *line = chip->model->line;
    bool is_over_driven = (~chip->pwr.cr & (CR_ODEN | CR_ODSWEN)) == 0;
    unsigned vos = chip->pwr.cr >> CR_VOS_POS & 3; // one bit wide on the F405
    return (is_over_driven ? line->over_drive_mhz : line->hclk_mhz)[vos] * UINT64_C(1000000);
}

const struct peripheral pwr_peripheral = {
    .name = "PWR",
    .base = 0x40007000u,
    .size = 0x400,
    .read = pwr_read,
    .write = pwr_write,
    .reset = pwr_reset,
    .power_on = pwr_power_on,
    .enable_register = RCC_APB1ENR,
    .enable_bit = 1u << 28,
};
