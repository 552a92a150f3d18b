// SPDX-License-Identifier: MIT
//
// RCC: oscillators with their start-up times, the PLL, clock switching and prescalers, enable and
// reset bits, reset causes (RM0090 section 7, STM32F405/407). Decides the frequency of every clock;
// leaves to the peripherals what they do at it.

#include <inttypes.h>

#include "vboard/chip/chip_state.h"

// Register offsets (RM0090 7.3.24).
#define CR           0x00u
#define PLLCFGR      0x04u
#define CFGR         0x08u
#define CIR          0x0Cu
#define AHB1RSTR     0x10u
#define AHB2RSTR     0x14u
#define AHB3RSTR     0x18u
#define APB1RSTR     0x20u
#define APB2RSTR     0x24u
#define AHB3LPENR    0x58u
#define APB1LPENR    0x60u
#define APB2LPENR    0x64u
#define BDCR         0x70u
#define CSR          0x74u
#define SSCGR        0x80u
#define PLLI2SCFGR   0x84u

#define CR_HSION     (1u << 0)
#define CR_HSIRDY    (1u << 1)
#define CR_HSEON     (1u << 16)
#define CR_HSERDY    (1u << 17)
#define CR_HSEBYP    (1u << 18)
#define CR_CSSON     (1u << 19)
#define CR_PLLON     (1u << 24)
#define CR_PLLRDY    (1u << 25)
#define CR_PLLI2SON  (1u << 26)
#define CR_PLLI2SRDY (1u << 27)
#define CR_HSITRIM   (0x1Fu << 3)
#define CR_WRITABLE                                                                                \
    (CR_HSION | CR_HSITRIM | CR_HSEON | CR_HSEBYP | CR_CSSON | CR_PLLON | CR_PLLI2SON)

#define PLLCFGR_PLLSRC (1u << 22)
#define PLLCFGR_MASK   0x0F437FFFu // RM0090 7.3.2
#define PLLCFGR_RESET  0x24003010u

#define CFGR_MASK      0xFFFFFCF3u // all but SWS and the reserved bits 9:8

#define CSR_LSION      (1u << 0)
#define CSR_LSIRDY     (1u << 1)
#define CSR_RMVF       (1u << 24)
#define BDCR_LSEON     (1u << 0)
#define BDCR_LSERDY    (1u << 1)
#define BDCR_LSEBYP    (1u << 2)
#define BDCR_BDRST     (1u << 16)
#define BDCR_MASK      0x00018305u

#define HSI_HZ         16000000u

// Start-up times. HSI: DS8626 table 34, 2.2 us typical. HSE: table 32, 2 ms typical. PLL: table 37,
// 75 to 200 us. LSI: table 35, 15 us typical. LSE: table 33, 2 s typical.
#define HSI_START_PS   (2200 * PS_PER_NS)
#define HSE_START_PS   (2 * PS_PER_MS)
#define PLL_START_PS   (200 * PS_PER_US)
#define LSI_START_PS   (15 * PS_PER_US)
#define LSE_START_PS   (2 * PS_PER_S)

enum { SYSCLK_HSI, SYSCLK_HSE, SYSCLK_PLL };

#define REG(chip, off) ((chip)->rcc.regs[(off) / 4])

// --- frequencies ------------------------------------------------------------------------------------

static uint64_t pll_input_hz(const struct chip *chip) {
    return REG(chip, PLLCFGR) & PLLCFGR_PLLSRC ? chip->wiring.hse_hz : HSI_HZ;
}

static unsigned pll_m(uint32_t cfgr) {
    return cfgr & 0x3F;
}

static unsigned pll_n(uint32_t cfgr) {
    return cfgr >> 6 & 0x1FF;
}

static unsigned pll_p(uint32_t cfgr) {
    return 2 * ((cfgr >> 16 & 3) + 1);
}

static unsigned pll_q(uint32_t cfgr) {
    return cfgr >> 24 & 0xF;
}

static uint64_t pll_output_hz(const struct chip *chip, unsigned divider) {
    uint32_t cfgr = REG(chip, PLLCFGR);

    if (!(REG(chip, CR) & CR_PLLRDY) || pll_m(cfgr) == 0 || divider == 0) {
        return 0;
    }
    return pll_input_hz(chip) * pll_n(cfgr) / ((uint64_t)pll_m(cfgr) * divider);
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
    // RM0090 table 10: one more wait state for each 30 MHz begun (less with a lower supply), seven at
    // most.
    uint32_t step_hz = supply_hz_per_wait_state(chip);
    unsigned needed = (unsigned)((chip->rcc.hclk_hz + step_hz - 1) / step_hz) - 1;

    if (flash_wait_states(chip) < needed) {
        trace_complaint(chip->trace, "flash-wait-states", chip_where(chip, where),
                        "HCLK is %" PRIu64
                        " Hz, the supply %u mV: flash needs %u wait states, but FLASH_ACR "
                        "says %u (at %s)",
                        chip->rcc.hclk_hz, chip->supply.mv, needed, flash_wait_states(chip), where);
    }
}

// Works out every clock from the registers and tells who depends on it.
static void update_clocks(struct chip *chip) {
    struct rcc *rcc = &chip->rcc;
    uint32_t cfgr = REG(chip, CFGR);
    uint64_t before_hz = rcc->hclk_hz;
    uint64_t usb_hz = pll_output_hz(chip, pll_q(REG(chip, PLLCFGR)));

    rcc->sysclk_hz = sysclk_hz(chip);
    rcc->hclk_hz = rcc->sysclk_hz / ahb_divider(cfgr);
    rcc->pclk1_hz = rcc->hclk_hz / apb_divider(cfgr >> 10 & 7);
    rcc->pclk2_hz = rcc->hclk_hz / apb_divider(cfgr >> 13 & 7);
    if (rcc->hclk_hz != before_hz) {
        chip_set_core_hz(chip, rcc->hclk_hz);
        rcc_check_wait_states(chip);
    }
    // DS8626 table 14; voltage scale 2 allows 144 MHz (RM0090 5.1.3).
    complain_above(chip, "HCLK", rcc->hclk_hz, pwr_is_scale_1(chip) ? 168000000 : 144000000);
    complain_above(chip, "PCLK1", rcc->pclk1_hz, 42000000);
    complain_above(chip, "PCLK2", rcc->pclk2_hz, 84000000);
    if (usb_hz != rcc->usb_hz) {
        rcc->usb_hz = usb_hz;
        chip_usb_clock_changed(chip);
    }
}

// --- switching ----------------------------------------------------------------------------------------

static bool is_source_ready(const struct chip *chip, unsigned source) {
    static const uint32_t ready[] = {CR_HSIRDY, CR_HSERDY, CR_PLLRDY};
    return source <= SYSCLK_PLL && (REG(chip, CR) & ready[source]);
}

// A switch to a source that is not ready happens when it becomes ready (RM0090 7.2.6).
static void try_switch(struct chip *chip) {
    uint32_t cfgr = REG(chip, CFGR);

    if (is_source_ready(chip, cfgr & 3)) {
        REG(chip, CFGR) = (cfgr & ~(3u << 2)) | (cfgr & 3) << 2;
    }
    update_clocks(chip);
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
    bool has_output = pll_m(cfgr) != 0 && pll_n(cfgr) != 0;

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

static void lsi_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, CSR) |= CSR_LSIRDY;
}

static void lse_ready(void *ctx) {
    struct chip *chip = ctx;
    REG(chip, BDCR) |= BDCR_LSERDY;
}

// --- control registers ----------------------------------------------------------------------------------

static void check_pll(struct chip *chip) {
    char where[WHERE_MAX];
    uint32_t cfgr = REG(chip, PLLCFGR);
    uint64_t input_hz = pll_input_hz(chip);
    uint64_t vco_in_hz = pll_m(cfgr) ? input_hz / pll_m(cfgr) : 0;
    uint64_t vco_hz = vco_in_hz * pll_n(cfgr);
    const char *wrong = NULL;

    if (input_hz == 0) {
        wrong = "its source is HSE, and no crystal is fitted";
    } else if (pll_m(cfgr) < 2 || pll_n(cfgr) < 50 || pll_n(cfgr) > 432 || pll_q(cfgr) < 2) {
        wrong = "a factor is not allowed (RM0090 7.3.2: M 2-63, N 50-432, Q 2-15)";
    } else if (vco_in_hz < 950000 || vco_in_hz > 2100000) {
        wrong = "the VCO input is outside 0.95-2.1 MHz (DS8626 table 37)";
    } else if (vco_hz < 100000000 || vco_hz > 432000000) {
        wrong = "the VCO output is outside 100-432 MHz (DS8626 table 37)";
    }
    if (wrong) {
        trace_complaint(chip->trace, "pll-configuration", chip_where(chip, where),
                        "PLL switched on at %s with PLLCFGR 0x%08" PRIx32 " and %" PRIu64
                        " Hz in: %s",
                        where, cfgr, input_hz, wrong);
    }
}

static void write_cr(struct chip *chip, uint32_t value, uint32_t mask) {
    uint32_t old = REG(chip, CR);
    uint32_t cr = old;
    unsigned source = REG(chip, CFGR) >> 2 & 3;
    bool pll_on_hse = REG(chip, PLLCFGR) & PLLCFGR_PLLSRC;

    merge(&cr, value, mask & CR_WRITABLE);
    // An oscillator in use for the system clock cannot be stopped (RM0090 7.3.1).
    if (source == SYSCLK_HSI || (source == SYSCLK_PLL && !pll_on_hse)) {
        cr |= CR_HSION;
    }
    if (source == SYSCLK_HSE || (source == SYSCLK_PLL && pll_on_hse)) {
        cr |= CR_HSEON;
    }
    if (source == SYSCLK_PLL) {
        cr |= CR_PLLON;
    }
    if (old & CR_HSEON) { // HSEBYP can be written with the oscillator off only
        cr = (cr & ~CR_HSEBYP) | (old & CR_HSEBYP);
    }
    uint32_t changed = cr ^ old;
    cr &= ~((~cr & (CR_HSION | CR_HSEON | CR_PLLON | CR_PLLI2SON)) << 1); // ready bits
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
    update_clocks(chip);
}

static void write_pllcfgr(struct chip *chip, uint32_t value, uint32_t mask) {
    char where[WHERE_MAX];

    if (REG(chip, CR) & CR_PLLON) { // RM0090 7.3.2: with the PLL off only
        trace_complaint(chip->trace, "pll-configuration", chip_where(chip, where),
                        "RCC_PLLCFGR written at %s while the PLL is on: the write is lost", where);
        return;
    }
    merge(&REG(chip, PLLCFGR), value, mask & PLLCFGR_MASK);
}

static void write_cfgr(struct chip *chip, uint32_t value, uint32_t mask) {
    merge(&REG(chip, CFGR), value, mask & CFGR_MASK);
    try_switch(chip);
}

static void write_bdcr(struct chip *chip, uint32_t value, uint32_t mask) {
    uint32_t old = REG(chip, BDCR);
    uint32_t bdcr = old;

    if (!pwr_backup_is_writable(chip)) {
        return; // RM0090 7.3.20
    }
    merge(&bdcr, value, mask & BDCR_MASK);
    if (bdcr & BDCR_BDRST) {
        timeline_cancel(chip->timeline, &chip->rcc.lse_ready);
        rtc_backup_reset(chip);
        REG(chip, BDCR) = BDCR_BDRST;
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
}

static void write_csr(struct chip *chip, uint32_t value, uint32_t mask) {
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
}

// --- enable and reset bits --------------------------------------------------------------------------------

// Registers that are plain bits with a mask. Enable masks of AHB1, APB1 and APB2 were read from an
// STM32F407's silicon; the others are RM0090's bits without those of the F415/417 (CRYP, HASH).
static const struct {
    uint8_t off;
    uint8_t enable; // for a reset register: the enable register of the same peripherals
    uint32_t mask, reset;
} plain[] = {
    {CIR, 0, 0, 0},
    {AHB1RSTR, RCC_AHB1ENR, 0x226011FFu, 0},
    {AHB2RSTR, RCC_AHB2ENR, 0x000000C1u, 0},
    {AHB3RSTR, RCC_AHB3ENR, 0x00000001u, 0},
    {APB1RSTR, RCC_APB1ENR, 0x36FEC9FFu, 0},
    {APB2RSTR, RCC_APB2ENR, 0x00075933u, 0},
    {RCC_AHB1ENR, 0, 0x7E7411FFu, 0x00100000u},
    {RCC_AHB2ENR, 0, 0x000000C1u, 0},
    {RCC_AHB3ENR, 0, 0x00000001u, 0},
    {RCC_APB1ENR, 0, 0x36FEC9FFu, 0},
    {RCC_APB2ENR, 0, 0x00075F33u, 0},
    {RCC_AHB1LPENR, 0, 0x7E6791FFu, 0x7E6791FFu},
    {RCC_AHB2LPENR, 0, 0x000000F1u, 0x000000F1u},
    {AHB3LPENR, 0, 0x00000001u, 0x00000001u},
    {APB1LPENR, 0, 0x36FEC9FFu, 0x36FEC9FFu},
    {APB2LPENR, 0, 0x00075F33u, 0x00075F33u},
    {SSCGR, 0, 0xCFFFFFFFu, 0},
    {PLLI2SCFGR, 0, 0x70007FC0u, 0x20003000u},
};

#define PLAIN_COUNT (sizeof(plain) / sizeof(plain[0]))

static bool write_plain(struct chip *chip, uint32_t off, uint32_t value, uint32_t mask) {
    for (size_t i = 0; i < PLAIN_COUNT; i++) {
        if (plain[i].off != off) {
            continue;
        }
        uint32_t old = REG(chip, off);
        merge(&REG(chip, off), value, mask & plain[i].mask);
        if (plain[i].enable) {
            chip_reset_peripherals(chip, plain[i].enable, REG(chip, off) & ~old);
        }
        if ((off == RCC_AHB2ENR || off == RCC_AHB1ENR) && REG(chip, off) != old) {
            chip_usb_clock_changed(chip); // OTGFSEN, OTGHSEN
        }
        return true;
    }
    return false;
}

static bool is_register(uint32_t off) {
    switch (off) {
    case CR:
    case PLLCFGR:
    case CFGR:
    case BDCR:
    case CSR:
        return true;
    default:
        for (size_t i = 0; i < PLAIN_COUNT; i++) {
            if (plain[i].off == off) {
                return true;
            }
        }
        return false;
    }
}

static bool rcc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;

    if (off / 4 >= RCC_WORDS || !is_register(off)) {
        return false;
    }
    *value = REG(chip, off);
    return true;
}

static bool rcc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    switch (off) {
    case CR:
        write_cr(chip, value, mask);
        return true;
    case PLLCFGR:
        write_pllcfgr(chip, value, mask);
        return true;
    case CFGR:
        write_cfgr(chip, value, mask);
        return true;
    case BDCR:
        write_bdcr(chip, value, mask);
        return true;
    case CSR:
        write_csr(chip, value, mask);
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
    for (size_t i = 0; i < PLAIN_COUNT; i++) {
        REG(chip, plain[i].off) = plain[i].reset;
    }
    // HSI on and ready, HSITRIM 16 (RM0090 7.3.1: 0x0000XX83; XX is each chip's own).
    REG(chip, CR) = 0x00000083u;
    REG(chip, PLLCFGR) = PLLCFGR_RESET;
    REG(chip, CFGR) = 0;
    update_clocks(chip);
    chip_usb_clock_changed(chip);
}

static void rcc_power_on(void *ctx) {
    struct chip *chip = ctx;

    timeline_cancel(chip->timeline, &chip->rcc.lsi_ready);
    timeline_cancel(chip->timeline, &chip->rcc.lse_ready);
    REG(chip, CSR) = 0;
    REG(chip, BDCR) = 0;
}

void rcc_free(struct chip *chip) {
    struct rcc *rcc = &chip->rcc;
    struct event *const events[] = {&rcc->hsi_ready,    &rcc->hse_ready, &rcc->pll_ready,
                                    &rcc->plli2s_ready, &rcc->lsi_ready, &rcc->lse_ready};

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        timeline_cancel(chip->timeline, events[i]);
    }
}

uint64_t rcc_usb_clock_hz(const struct chip *chip) {
    return chip->rcc.usb_hz;
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
