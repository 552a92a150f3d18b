// SPDX-License-Identifier: MIT
//
// Oscillators and PLLs with their start-up times, switching between them, and the registers that control them.

#include <inttypes.h>

#include "vboard/chip/rcc_internal.h"

// Start-up times. HSI: DS8626 table 34, 2.2 us typical. HSE: table 32, 2 ms typical. PLL: table 37,
// 75 to 200 us. LSI: table 35, 15 us typical. LSE: table 33, 2 s typical.
#define HSI_START_PS (2200 * PS_PER_NS)
#define HSE_START_PS (2 * PS_PER_MS)
#define PLL_START_PS (200 * PS_PER_US)
#define LSI_START_PS (15 * PS_PER_US)
#define LSE_START_PS (2 * PS_PER_S)

static bool is_source_ready(const struct chip *chip, unsigned source) {
    static const uint32_t ready[] = {CR_HSIRDY, CR_HSERDY, CR_PLLRDY, CR_PLLRDY};
    bool has_r = chip->model->line->pllcfgr & PLLCFGR_PLLR;
    return (source != SYSCLK_PLL_R || has_r) && (REG(chip, CR) & ready[source]);
}

// A switch to a source that is not ready happens when it becomes ready (RM0090 7.2.6).
static void try_switch(struct chip *chip) {
    uint32_t cfgr = REG(chip, CFGR);

    if (is_source_ready(chip, cfgr & 3)) {
        REG(chip, CFGR) = (cfgr & ~(3u << 2)) | (cfgr & 3) << 2;
    }
    rcc_update_clocks(chip);
}

// Starts or stops an oscillator: its ready bit comes after a time, and goes at once.
static void set_oscillator(struct chip *chip, struct event *event, void (*fire)(void *ctx), bool on,
                           uint64_t start_ps) {
    if (!on) {
        timeline_cancel(chip->timeline, event);
        return;
    }
    event->fire = fire;
    event->ctx = chip;
    timeline_schedule(chip->timeline, event, timeline_now(chip->timeline) + start_ps);
}

static void pll_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CR) |= CR_PLLRDY;
    try_switch(chip);
}

// The PLL locks once it is on and its input runs.
static void start_pll(struct chip *chip) {
    uint32_t cr = REG(chip, CR);
    uint32_t cfgr = REG(chip, PLLCFGR);
    bool has_input = cr & (cfgr & PLLCFGR_PLLSRC ? CR_HSERDY : CR_HSIRDY);
    // Other factors that are not allowed are complained of; with these there is no output at all.
    bool has_output = rcc_pll_m(cfgr) != 0 && rcc_pll_n(cfgr) != 0;

    if (cr & CR_PLLRDY) {
        return;
    }
    set_oscillator(chip, &chip->rcc.pll_ready, pll_ready,
                   (cr & CR_PLLON) && has_input && has_output, PLL_START_PS);
}

static void hsi_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CR) |= CR_HSIRDY;
    try_switch(chip);
    start_pll(chip);
}

static void hse_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CR) |= CR_HSERDY;
    try_switch(chip);
    start_pll(chip);
}

static void plli2s_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CR) |= CR_PLLI2SRDY;
}

static void pllsai_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CR) |= CR_PLLSAIRDY;
    rcc_update_clocks(chip);
}

static void lsi_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CSR) |= CSR_LSIRDY;
    rtc_clock_changed(chip);
}

static void lse_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, BDCR) |= BDCR_LSERDY;
    rtc_clock_changed(chip);
}

// --- control registers ----------------------------------------------------------------------------------

static void check_pll(struct chip *chip) {
    char where[WHERE_MAX];
    uint32_t cfgr = REG(chip, PLLCFGR);
    uint64_t input_hz = rcc_pll_input_hz(chip);
    uint64_t vco_in_hz = rcc_pll_m(cfgr) ? input_hz / rcc_pll_m(cfgr) : 0;
    uint64_t vco_hz = vco_in_hz * rcc_pll_n(cfgr);
    const char *wrong = NULL;

    if (input_hz == 0) {
        wrong = "its source is HSE, and no crystal is fitted";
    } else if (rcc_pll_m(cfgr) < 2 || rcc_pll_n(cfgr) < 50 || rcc_pll_n(cfgr) > 432 ||
               rcc_pll_q(cfgr) < 2) {
        wrong = "a factor is not allowed (RM0090 7.3.2: M 2-63, N 50-432, Q 2-15)";
    } else if (vco_in_hz < 950000 || vco_in_hz > 2100000) {
        wrong = "the VCO input is outside 0.95-2.1 MHz (DS8626 table 37)";
    } else if (vco_hz < chip->model->line->vco_min_mhz * 1000000u || vco_hz > 432000000) {
        wrong = chip->model->line->vco_min_mhz == 100
                    ? "the VCO output is outside 100-432 MHz (DS8626 table 37)"
                    : "the VCO output is outside 192-432 MHz (RM0368 6.3.2)";
    }
    if (wrong) {
        trace_complaint(chip->trace, "pll-configuration", chip_where(chip, where),
                        "PLL switched on at %s with PLLCFGR 0x%08" PRIx32 " and %" PRIu64
                        " Hz in: %s",
                        where, cfgr, input_hz, wrong);
    }
}

void rcc_write_cr(struct chip *chip, uint32_t value, uint32_t mask) {
    uint32_t old = REG(chip, CR);
    uint32_t cr = old;
    unsigned source = REG(chip, CFGR) >> 2 & 3;
    bool pll_on_hse = REG(chip, PLLCFGR) & PLLCFGR_PLLSRC;

    merge(&cr, value, mask & (CR_WRITABLE | (chip->model->line->pllsaicfgr ? CR_PLLSAION : 0)));
    // An oscillator in use for the system clock cannot be stopped (RM0090 7.3.1).
    bool is_pll = source >= SYSCLK_PLL;
    if (source == SYSCLK_HSI || (is_pll && !pll_on_hse)) {
        cr |= CR_HSION;
    }
    if (source == SYSCLK_HSE || (is_pll && pll_on_hse)) {
        cr |= CR_HSEON;
    }
    if (is_pll) {
        cr |= CR_PLLON;
    }
    if (old & CR_HSEON) { // HSEBYP can be written with the oscillator off only
        cr = (cr & ~CR_HSEBYP) | (old & CR_HSEBYP);
    }
    uint32_t changed = cr ^ old;
    cr &= ~((~cr & CR_ONS) << 1); // ready bits
    REG(chip, CR) = cr;

    if (changed & CR_HSION) {
        set_oscillator(chip, &chip->rcc.hsi_ready, hsi_ready, cr & CR_HSION, HSI_START_PS);
    }
    if (changed & CR_HSEON) {
        set_oscillator(chip, &chip->rcc.hse_ready, hse_ready,
                       (cr & CR_HSEON) && chip->wiring.hse_hz, HSE_START_PS);
    }
    if (changed & CR_PLLON) {
        if (cr & CR_PLLON) {
            check_pll(chip);
        }
        start_pll(chip);
    }
    if (changed & CR_PLLI2SON) {
        set_oscillator(chip, &chip->rcc.plli2s_ready, plli2s_ready, cr & CR_PLLI2SON, PLL_START_PS);
    }
    if (changed & CR_PLLSAION) {
        set_oscillator(chip, &chip->rcc.pllsai_ready, pllsai_ready, cr & CR_PLLSAION, PLL_START_PS);
    }
    rcc_update_clocks(chip);
}

void rcc_stop_clocks(struct chip *chip) {
    struct rcc *rcc = &chip->rcc;

    timeline_cancel(chip->timeline, &rcc->hse_ready);
    timeline_cancel(chip->timeline, &rcc->pll_ready);
    timeline_cancel(chip->timeline, &rcc->plli2s_ready);
    timeline_cancel(chip->timeline, &rcc->pllsai_ready);
    timeline_cancel(chip->timeline, &rcc->hsi_ready);
    REG(chip, CR) &= ~((CR_ONS & ~CR_HSION) * 3); // with their ready bits
    REG(chip, CR) |= CR_HSION | CR_HSIRDY;        // by the time anybody can look
    REG(chip, CFGR) &= ~0xFu;                     // SW and SWS: HSI
    rcc_update_clocks(chip);
}

void rcc_write_pllcfgr(struct chip *chip, uint32_t value, uint32_t mask) {
    char where[WHERE_MAX];

    if (REG(chip, CR) & CR_PLLON) { // RM0090 7.3.2: with the PLL off only
        trace_complaint(chip->trace, "pll-configuration", chip_where(chip, where),
                        "RCC_PLLCFGR written at %s while the PLL is on: the write is lost", where);
        return;
    }
    merge(&REG(chip, PLLCFGR), value, mask & chip->model->line->pllcfgr);
}

void rcc_write_cfgr(struct chip *chip, uint32_t value, uint32_t mask) {
    merge(&REG(chip, CFGR), value, mask & CFGR_MASK);
    try_switch(chip);
}

void rcc_write_bdcr(struct chip *chip, uint32_t value, uint32_t mask) {
    uint32_t old = REG(chip, BDCR);
    uint32_t bdcr = old;

    if (!pwr_backup_is_writable(chip)) {
        return; // RM0090 7.3.20
    }
    // RTCSEL is chosen once (RM0090 7.3.20); BDRST lets it be chosen again.
    merge(&bdcr, value, mask & BDCR_MASK & ~(old & BDCR_RTCSEL ? BDCR_RTCSEL : 0));
    if (bdcr & BDCR_BDRST) {
        timeline_cancel(chip->timeline, &chip->rcc.lse_ready);
        rtc_backup_reset(chip);
        REG(chip, BDCR) = BDCR_BDRST;
        rtc_clock_changed(chip);
        return;
    }
    if (!(bdcr & BDCR_LSEON)) {
        bdcr &= ~BDCR_LSERDY;
    }
    REG(chip, BDCR) = bdcr;
    if ((bdcr ^ old) & BDCR_LSEON) {
        set_oscillator(chip, &chip->rcc.lse_ready, lse_ready,
                       (bdcr & BDCR_LSEON) && chip->wiring.lse_hz, LSE_START_PS);
    }
    rtc_clock_changed(chip);
}

void rcc_write_csr(struct chip *chip, uint32_t value, uint32_t mask) {
    uint32_t old = REG(chip, CSR);
    uint32_t csr = old;

    merge(&csr, value, mask & CSR_LSION);
    if (value & mask & CSR_RMVF) {
        csr &= 0x00FFFFFFu; // the reset flags (RM0090 7.3.21)
    }
    if (!(csr & CSR_LSION)) {
        csr &= ~CSR_LSIRDY;
    }
    REG(chip, CSR) = csr;
    if ((csr ^ old) & CSR_LSION) {
        set_oscillator(chip, &chip->rcc.lsi_ready, lsi_ready, csr & CSR_LSION, LSI_START_PS);
    }
    rtc_clock_changed(chip);
}
