// SPDX-License-Identifier: MIT
//
// The frequency of every clock, from what the registers say and what runs; clocks that are too fast are complained of.

#include <inttypes.h>

#include "vboard/chip/rcc_internal.h"

uint64_t rcc_pll_input_hz(const struct chip *chip) {
    return REG(chip, PLLCFGR) & PLLCFGR_PLLSRC ? chip->wiring.hse_hz : HSI_HZ;
}

unsigned rcc_pll_m(uint32_t cfgr) {
    return cfgr & 0x3F;
}

unsigned rcc_pll_n(uint32_t cfgr) {
    return cfgr >> 6 & 0x1FF;
}

static unsigned pll_p(uint32_t cfgr) {
    return 2 * ((cfgr >> 16 & 3) + 1);
}

unsigned rcc_pll_q(uint32_t cfgr) {
    return cfgr >> 24 & 0xF;
}

static unsigned pll_r(uint32_t cfgr) {
    return cfgr >> 28 & 7;
}

static uint64_t pll_output_hz(const struct chip *chip, unsigned divider) {
    uint32_t cfgr = REG(chip, PLLCFGR);

    if (!(REG(chip, CR) & CR_PLLRDY) || rcc_pll_m(cfgr) == 0 || divider == 0) {
        return 0;
    }
    return rcc_pll_input_hz(chip) * rcc_pll_n(cfgr) / ((uint64_t)rcc_pll_m(cfgr) * divider);
}

// RM0390 6.3.24: PLLSAI has a divider M of its own, and its output P may be the 48 MHz clock.
static uint64_t pllsai_p_hz(const struct chip *chip) {
    uint32_t cfgr = REG(chip, PLLSAICFGR);

    if (!(REG(chip, CR) & CR_PLLSAIRDY) || rcc_pll_m(cfgr) == 0) {
        return 0;
    }
    return rcc_pll_input_hz(chip) * rcc_pll_n(cfgr) / ((uint64_t)rcc_pll_m(cfgr) * pll_p(cfgr));
}

static uint64_t clock_48_hz(const struct chip *chip) {
    return REG(chip, DCKCFGR2) & DCKCFGR2_CK48 ? pllsai_p_hz(chip)
                                               : pll_output_hz(chip, rcc_pll_q(REG(chip, PLLCFGR)));
}

static unsigned ahb_divider(uint32_t cfgr) {
    static const uint16_t dividers[8] = {2, 4, 8, 16, 64, 128, 256, 512}; // RM0090 7.3.3 HPRE
    unsigned hpre = cfgr >> 4 & 0xF;
    return hpre & 8 ? dividers[hpre & 7] : 1;
}

static unsigned apb_divider(unsigned ppre) {
    return ppre & 4 ? 2u << (ppre & 3) : 1;
}

static uint64_t sysclk_hz(const struct chip *chip) {
    switch (REG(chip, CFGR) >> 2 & 3) {
    case SYSCLK_HSE:
        return chip->wiring.hse_hz;
    case SYSCLK_PLL:
        return pll_output_hz(chip, pll_p(REG(chip, PLLCFGR)));
    case SYSCLK_PLL_R:
        return pll_output_hz(chip, pll_r(REG(chip, PLLCFGR)));
    default:
        return HSI_HZ;
    }
}

static void complain_above(struct chip *chip, const char *clock, uint64_t hz, uint64_t limit_hz) {
    char where[WHERE_MAX];

    if (hz > limit_hz) {
        trace_complaint(chip->trace, "clock-too-fast", clock,
                        "%s runs at %" PRIu64 " Hz (set at %s); the limit is %" PRIu64 " Hz", clock,
                        hz, chip_where(chip, where), limit_hz);
    }
}

void rcc_check_wait_states(struct chip *chip) {
    char where[WHERE_MAX];
    unsigned needed = supply_wait_states(chip, chip->rcc.hclk_hz);

    if (flash_wait_states(chip) < needed) {
        trace_complaint(chip->trace, "flash-wait-states", chip_where(chip, where),
                        "HCLK is %" PRIu64
                        " Hz, the supply %u mV: flash needs %u wait states, but FLASH_ACR "
                        "says %u (at %s)",
                        chip->rcc.hclk_hz, chip->supply.mv, needed, flash_wait_states(chip), where);
    }
}

void rcc_update_clocks(struct chip *chip) {
    struct rcc *rcc = &chip->rcc;
    uint32_t cfgr = REG(chip, CFGR);
    uint64_t before_hz = rcc->hclk_hz;
    const struct chip_line *line = chip->model->line;
    uint64_t usb_hz = clock_48_hz(chip);

    rcc->sysclk_hz = sysclk_hz(chip);
    rcc->hclk_hz = rcc->sysclk_hz / ahb_divider(cfgr);
    rcc->pclk1_hz = rcc->hclk_hz / apb_divider(cfgr >> 10 & 7);
    rcc->pclk2_hz = rcc->hclk_hz / apb_divider(cfgr >> 13 & 7);
    if (rcc->hclk_hz != before_hz) {
        chip_set_core_hz(chip, rcc->hclk_hz);
        rcc_check_wait_states(chip);
    }
    // The datasheets' general operating conditions.
    complain_above(chip, "HCLK", rcc->hclk_hz, pwr_hclk_limit_hz(chip));
    complain_above(chip, "PCLK1", rcc->pclk1_hz, line->pclk1_mhz * 1000000u);
    complain_above(chip, "PCLK2", rcc->pclk2_hz, line->pclk2_mhz * 1000000u);
    if (usb_hz != rcc->usb_hz) {
        rcc->usb_hz = usb_hz;
        chip_usb_clock_changed(chip);
    }
    rtc_clock_changed(chip); // HSE may feed it
    tim_clocks_changed(chip);
    rng_clock_changed(chip);
}

uint64_t rcc_slow_clock_hz(const struct chip *chip, unsigned rtcsel) {
    unsigned rtcpre = REG(chip, CFGR) >> 16 & 0x1F;
    switch (rtcsel) { // RM0090 7.3.20
    case 1:
        return REG(chip, BDCR) & BDCR_LSERDY ? chip->wiring.lse_hz : 0;
    case 2:
        return REG(chip, CSR) & CSR_LSIRDY ? LSI_HZ : 0;
    case 3: // HSE divided by RTCPRE, 2 to 31 (7.3.3)
        return REG(chip, CR) & CR_HSERDY && rtcpre >= 2 ? chip->wiring.hse_hz / rtcpre : 0;
    default:
        return 0;
    }
}

uint64_t rcc_rtc_clock_hz(const struct chip *chip) {
    uint32_t bdcr = REG(chip, BDCR);
    return bdcr & BDCR_RTCEN ? rcc_slow_clock_hz(chip, bdcr >> 8 & 3) : 0;
}

uint64_t rcc_usb_clock_hz(const struct chip *chip) {
    return chip->rcc.usb_hz;
}

// RM0090 7.2: PCLK where its prescaler is 1, else twice PCLK. With TIMPRE (RM0090 6.3.25, RM0368 6.3.22):
// HCLK where the prescaler is at most 4, else four times PCLK.
uint64_t rcc_timer_hz(const struct chip *chip, bool is_apb2) {
    const struct rcc *rcc = &chip->rcc;
    uint64_t pclk_hz = is_apb2 ? rcc->pclk2_hz : rcc->pclk1_hz;
    uint64_t times = REG(chip, DCKCFGR) & DCKCFGR_TIMPRE ? 4 : 2;
    return times * pclk_hz < rcc->hclk_hz ? times * pclk_hz : rcc->hclk_hz;
}
