// SPDX-License-Identifier: MIT
//
// ADC1 to ADC3 (RM0090 section 13): regular and injected sequences started by software, timers or EXTI, in
// the time sampling and resolution take; discontinuous groups, DMA, overrun, the watchdog. A pin reads full
// scale or zero as its level is; the internal channels follow the supply. Not modelled: dual and triple modes.

#include "vboard/chip/chip_state.h"

// 13.13, within each ADC's 0x100; the common registers follow the third.
#define SR            0x00u
#define CR1           0x04u
#define CR2           0x08u
#define SMPR1         0x0Cu
#define SMPR2         0x10u
#define JOFR1         0x14u
#define HTR           0x24u
#define LTR           0x28u
#define SQR1          0x2Cu
#define SQR3          0x34u
#define JSQR          0x38u
#define JDR1          0x3Cu
#define DR            0x4Cu
#define COMMON        0x300u
#define CSR           0x300u
#define CCR           0x304u
#define CDR           0x308u

#define SR_AWD        (1u << 0)
#define SR_EOC        (1u << 1)
#define SR_JEOC       (1u << 2)
#define SR_JSTRT      (1u << 3)
#define SR_STRT       (1u << 4)
#define SR_OVR        (1u << 5)
#define CR1_EOCIE     (1u << 5)
#define CR1_AWDIE     (1u << 6)
#define CR1_JEOCIE    (1u << 7)
#define CR1_SCAN      (1u << 8)
#define CR1_AWDSGL    (1u << 9)
#define CR1_JAUTO     (1u << 10)
#define CR1_DISCEN    (1u << 11)
#define CR1_JDISCEN   (1u << 12)
#define CR1_JAWDEN    (1u << 22)
#define CR1_AWDEN     (1u << 23)
#define CR1_OVRIE     (1u << 26)
#define CR2_ADON      (1u << 0)
#define CR2_CONT      (1u << 1)
#define CR2_DMA       (1u << 8)
#define CR2_DDS       (1u << 9)
#define CR2_EOCS      (1u << 10)
#define CR2_ALIGN     (1u << 11)
#define CR2_JSWSTART  (1u << 22)
#define CR2_SWSTART   (1u << 30)
#define CCR_MULTI     31u
#define CCR_VBATE     (1u << 22)
#define CCR_TSVREFE   (1u << 23)

#define ADC_IRQ       18u // RM0090 table 62

#define REG(adc, off) ((adc)->regs[(off) / 4])

static void update_irq(struct chip *chip) {
    bool level = false;
    for (unsigned i = 0; i < ADCS; i++) {
        uint32_t sr = chip->adc[i].sr, cr1 = REG(&chip->adc[i], CR1);
        level = level || (sr & SR_EOC && cr1 & CR1_EOCIE) || (sr & SR_JEOC && cr1 & CR1_JEOCIE) ||
                (sr & SR_OVR && cr1 & CR1_OVRIE) || (sr & SR_AWD && cr1 & CR1_AWDIE);
    }
    cpu_set_irq(chip->cpu, ADC_IRQ, level);
}

static unsigned sequence_length(const struct adc *adc, bool is_injected) {
    if (!(REG(adc, CR1) & CR1_SCAN)) {
        return 1;
    }
    return (is_injected ? REG(adc, JSQR) >> 20 & 3 : REG(adc, SQR1) >> 20 & 15) + 1;
}

// Of the conversion under way.
static unsigned channel_of(const struct adc *adc) {
    if (adc->doing == ADC_INJECTED) {
        // The last of a shorter injected sequence stands in JSQ4 (13.13.12).
        unsigned slot = (adc->rank[1] + 4 - sequence_length(adc, true)) & 3;
        return REG(adc, JSQR) >> (5 * slot) & 31;
    }
    return REG(adc, SQR3 - 4 * (adc->rank[0] / 6)) >> (5 * (adc->rank[0] % 6)) & 31;
}

static unsigned bits(const struct adc *adc) {
    return 12 - 2 * (REG(adc, CR1) >> 24 & 3);
}

static uint64_t conversion_ps(const struct adc *adc) {
    static const uint16_t sampling[8] = {3, 15, 28, 56, 84, 112, 144, 480}; // 13.13.4
    unsigned channel = channel_of(adc);
    uint32_t smpr = channel < 10 ? REG(adc, SMPR2) >> (3 * channel)
                                 : REG(adc, SMPR1) >> (3 * (channel < 19 ? channel - 10 : 8));
    uint64_t divider = 2 * ((adc->chip->adc_ccr >> 16 & 3) + 1);
    return (sampling[smpr & 7] + bits(adc)) * divider * PS_PER_S / adc->chip->rcc.pclk2_hz;
}

static unsigned millivolts(const struct adc *adc, unsigned channel) {
    static const struct {
        uint8_t port, pin;
    } pins[16] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6}, {0, 7},
                  {1, 0}, {1, 1}, {2, 0}, {2, 1}, {2, 2}, {2, 3}, {2, 4}, {2, 5}}; // of ADC1, ADC2
    const struct chip *chip = adc->chip;
    if (channel < 16) {
        bool is_high = gpio_level(chip, pins[channel].port, pins[channel].pin) == 1;
        return is_high ? chip->supply.mv : 0;
    }
    if (adc != &chip->adc[0]) {
        return 0; // the internal ones are ADC1's
    }
    // Where the sensor and VBAT share channel 18, VBAT has it (RM0383 11.9; RM0090 13.10). The sensor reads at 16
    // there as well: seen on an F427 (ST's forum), and for the F401 ST's HAL takes 16, its manual names 18.
    const struct chip_line *line = chip->model->line;
    if (channel == 18 && chip->adc_ccr & CCR_VBATE) {
        return chip->supply.mv / line->vbat_divider;
    }
    if (!(chip->adc_ccr & CCR_TSVREFE)) {
        return 0;
    }
    if (channel == 17) {
        return ADC_REFERENCE_MV;
    }
    return channel == 16 || line->has_shared_sensor ? ADC_SENSOR_MV(25) : 0;
}

static uint32_t result(const struct adc *adc) {
    uint32_t full = (1u << bits(adc)) - 1;
    uint32_t supply_mv = adc->chip->supply.mv ? adc->chip->supply.mv : 1;
    uint32_t value = millivolts(adc, channel_of(adc)) * full / supply_mv;
    return value < full ? value : full;
}

// --- sequences (13.3.4 to 13.3.11) ----------------------------------------------------------------------

static void convert(struct adc *adc, unsigned what) {
    adc->doing = what;
    timeline_schedule(adc->chip->timeline, &adc->done,
                      timeline_now(adc->chip->timeline) + conversion_ps(adc));
}

static bool is_discontinuous(const struct adc *adc, bool is_injected) {
    return REG(adc, CR1) & (is_injected ? CR1_JDISCEN : CR1_DISCEN);
}

// How many conversions this trigger starts, and from where: a discontinuous group goes on where it left off.
static void aim(struct adc *adc, bool is_injected) {
    unsigned length = sequence_length(adc, is_injected);
    unsigned *rank = &adc->rank[is_injected];
    if (!is_discontinuous(adc, is_injected) || *rank >= length) {
        *rank = 0;
    }
    unsigned rest = length - *rank;
    unsigned group = is_injected ? 1 : (REG(adc, CR1) >> 13 & 7) + 1;
    adc->left[is_injected] = is_discontinuous(adc, is_injected) && group < rest ? group : rest;
}

static bool is_overrun_watched(const struct adc *adc) {
    return REG(adc, CR2) & (CR2_DMA | CR2_EOCS);
}

static void start_regular(struct adc *adc) {
    // After an overrun triggers are ignored until OVR is cleared (13.8.1).
    if (!(REG(adc, CR2) & CR2_ADON) || adc->doing == ADC_REGULAR || adc->is_regular_waiting ||
        (adc->sr & SR_OVR && is_overrun_watched(adc))) {
        return;
    }
    adc->sr |= SR_STRT;
    aim(adc, false);
    if (adc->doing == ADC_INJECTED) {
        adc->is_regular_waiting = true;
    } else {
        convert(adc, ADC_REGULAR);
    }
}

// A regular conversion under way is made again afterwards (13.3.9).
static void start_injected(struct adc *adc) {
    if (!(REG(adc, CR2) & CR2_ADON) || adc->doing == ADC_INJECTED) {
        return;
    }
    adc->is_regular_waiting = adc->doing == ADC_REGULAR;
    adc->sr |= SR_JSTRT;
    aim(adc, true);
    convert(adc, ADC_INJECTED);
}

static void stop(struct adc *adc) {
    timeline_cancel(adc->chip->timeline, &adc->done);
    adc->doing = ADC_RESTS;
    adc->is_regular_waiting = false;
    adc->rank[0] = adc->rank[1] = 0;
    adc->has_request = false;
}

// 13.3.7. Thresholds of 12 bits; that fewer bits are compared by their upper end is taken for granted.
static void watch(struct adc *adc, bool is_injected, uint32_t value) {
    uint32_t cr1 = REG(adc, CR1);
    if (!(cr1 & (is_injected ? CR1_JAWDEN : CR1_AWDEN)) ||
        (cr1 & CR1_AWDSGL && (cr1 & 31) != channel_of(adc))) {
        return;
    }
    value <<= 12 - bits(adc);
    adc->sr |= value > REG(adc, HTR) || value < REG(adc, LTR) ? SR_AWD : 0;
}

// False: the value before was lost, and the sequence is broken off (13.8.1, 13.8.2).
static bool deliver(struct adc *adc, uint32_t value, bool is_end) {
    uint32_t cr2 = REG(adc, CR2);
    if ((cr2 & CR2_DMA && adc->has_request) ||
        (cr2 & CR2_EOCS && !(cr2 & CR2_DMA) && adc->sr & SR_EOC)) {
        adc->sr |= SR_OVR;
        adc->has_request = false;
        return false;
    }
    REG(adc, DR) = value;
    adc->sr |= is_end || cr2 & CR2_EOCS ? SR_EOC : 0;
    adc->has_request = cr2 & CR2_DMA && !adc->is_dma_over;
    return true;
}

static uint32_t aligned(const struct adc *adc, uint32_t value) {
    return REG(adc, CR2) & CR2_ALIGN ? value << (16 - bits(adc)) : value;
}

static void injected_done(struct adc *adc, uint32_t value) {
    unsigned rank = adc->rank[1]++;
    uint32_t less_offset = value - REG(adc, JOFR1 + 4 * rank); // may be below zero (13.13.6)
    REG(adc, JDR1 + 4 * rank) = aligned(adc, less_offset) & 0xFFFF;
    adc->sr |= adc->rank[1] >= sequence_length(adc, true) ? SR_JEOC : 0;
    if (--adc->left[1] > 0) {
        convert(adc, ADC_INJECTED);
    } else if (adc->is_regular_waiting) {
        adc->is_regular_waiting = false;
        convert(adc, ADC_REGULAR);
    } else if (REG(adc, CR1) & CR1_JAUTO && REG(adc, CR2) & CR2_CONT) {
        start_regular(adc);
    }
}

static void regular_done(struct adc *adc, uint32_t value) {
    bool is_end = ++adc->rank[0] >= sequence_length(adc, false);
    if (!deliver(adc, aligned(adc, value), is_end)) {
        adc->rank[0] = 0;
    } else if (--adc->left[0] > 0) {
        convert(adc, ADC_REGULAR);
    } else if (is_end && REG(adc, CR1) & CR1_JAUTO) {
        start_injected(adc);
    } else if (is_end && REG(adc, CR2) & CR2_CONT) {
        start_regular(adc);
    }
}

static void done(void *ctx) {
    struct adc *adc = ctx;
    bool is_injected = adc->doing == ADC_INJECTED;
    uint32_t value = result(adc);
    watch(adc, is_injected, value);
    adc->doing = ADC_RESTS;
    if (is_injected) {
        injected_done(adc, value);
    } else {
        regular_done(adc, value);
    }
    update_irq(adc->chip);
    dma_requests_changed(adc->chip);
}

// --- DMA and triggers --------------------------------------------------------------------------------------

bool adc_requests(const struct chip *chip, unsigned index) {
    return chip->adc[index].has_request;
}

void adc_served(struct chip *chip, unsigned index, bool is_last) {
    struct adc *adc = &chip->adc[index];
    adc->has_request = false;
    // 13.8.1: no more requests, and so no overrun, until DMA is written 0 and 1 again.
    adc->is_dma_over = is_last && !(REG(adc, CR2) & CR2_DDS);
}

// RM0090 tables 68 and 69: timers count from 0. The 16th is an EXTI line.
static const struct source {
    uint8_t tim, signal;
} sources[2][15] = {
    {{0, TIM_CC1},
     {0, TIM_CC2},
     {0, TIM_CC3},
     {1, TIM_CC2},
     {1, TIM_CC3},
     {1, TIM_CC4},
     {1, TIM_TRGO},
     {2, TIM_CC1},
     {2, TIM_TRGO},
     {3, TIM_CC4},
     {4, TIM_CC1},
     {4, TIM_CC2},
     {4, TIM_CC3},
     {7, TIM_CC1},
     {7, TIM_TRGO}},
    {{0, TIM_CC4},
     {0, TIM_TRGO},
     {1, TIM_CC1},
     {1, TIM_TRGO},
     {2, TIM_CC2},
     {2, TIM_CC4},
     {3, TIM_CC1},
     {3, TIM_CC2},
     {3, TIM_CC3},
     {3, TIM_TRGO},
     {4, TIM_CC4},
     {4, TIM_TRGO},
     {7, TIM_CC2},
     {7, TIM_CC3},
     {7, TIM_CC4}},
};
#define BY_EXTI 15u

// The number of the trigger that a group waits for; false: of none. A signal is a pulse, so that each edge of
// EXTEN is as good as another.
static bool awaited(const struct adc *adc, bool is_injected, unsigned *trigger) {
    uint32_t cr2 = REG(adc, CR2);
    *trigger = cr2 >> (is_injected ? 16 : 24) & 15;
    return cr2 & CR2_ADON && cr2 >> (is_injected ? 20 : 28) & 3;
}

static bool waits_for(const struct adc *adc, bool is_injected, unsigned tim,
                      enum tim_signal signal) {
    unsigned trigger;
    return awaited(adc, is_injected, &trigger) && trigger != BY_EXTI &&
           sources[is_injected][trigger].tim == tim &&
           sources[is_injected][trigger].signal == signal;
}

bool adc_listens(const struct chip *chip, unsigned tim, enum tim_signal signal) {
    for (unsigned i = 0; i < ADCS; i++) {
        if (waits_for(&chip->adc[i], false, tim, signal) ||
            waits_for(&chip->adc[i], true, tim, signal)) {
            return true;
        }
    }
    return false;
}

void adc_timer_signal(struct chip *chip, unsigned tim, enum tim_signal signal) {
    for (unsigned i = 0; i < ADCS; i++) {
        if (waits_for(&chip->adc[i], false, tim, signal)) {
            start_regular(&chip->adc[i]);
        }
        if (waits_for(&chip->adc[i], true, tim, signal)) {
            start_injected(&chip->adc[i]);
        }
    }
}

void adc_exti_signal(struct chip *chip, uint32_t lines) {
    for (unsigned i = 0; i < ADCS; i++) {
        unsigned trigger;
        if (lines & 1u << 11 && awaited(&chip->adc[i], false, &trigger) && trigger == BY_EXTI) {
            start_regular(&chip->adc[i]);
        }
        if (lines & 1u << 15 && awaited(&chip->adc[i], true, &trigger) && trigger == BY_EXTI) {
            start_injected(&chip->adc[i]);
        }
    }
}

// --- registers ---------------------------------------------------------------------------------------------

static void write_cr2(struct adc *adc, uint32_t value) {
    uint32_t risen = value & ~REG(adc, CR2);
    tim_listeners_change(adc->chip);
    REG(adc, CR2) = value & ~(CR2_SWSTART | CR2_JSWSTART); // cleared as the conversion begins
    if (!(value & CR2_ADON)) {
        stop(adc);
    }
    if (risen & CR2_DMA) {
        adc->is_dma_over = false;
    }
    if (!(value & CR2_DMA)) {
        adc->has_request = false;
    }
    if (value & CR2_JSWSTART) {
        start_injected(adc);
    }
    if (value & CR2_SWSTART) {
        start_regular(adc);
    }
    tim_listeners_changed(adc->chip);
}

static void write_ccr(struct chip *chip, uint32_t value) {
    if (value & CCR_MULTI && !(chip->adc_ccr & CCR_MULTI)) {
        char where[WHERE_MAX];
        chip_where(chip, where);
        trace_complaint(chip->trace, "adc-mode", where,
                        "ADC_CCR.MULTI at %s asks for a dual or triple mode, which is not "
                        "modelled: each ADC converts by itself",
                        where);
    }
    chip->adc_ccr = value & 0x00C3EF1Fu;
}

static bool adc_peek(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    const struct adc *adc = &chip->adc[off / 0x100 % 4 % ADCS];
    *value = 0;
    if (off >= COMMON) {
        *value = off == CCR   ? chip->adc_ccr
                 : off == CSR ? chip->adc[0].sr | chip->adc[1].sr << 8 | chip->adc[2].sr << 16
                              : 0;
        return off <= CDR;
    }
    off %= 0x100;
    if (off > DR) {
        return false;
    }
    *value = off == SR ? adc->sr : REG(adc, off);
    return true;
}

static bool adc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    bool is_there = adc_peek(ctx, off, value);
    if (off < COMMON && off % 0x100 == DR) {
        struct adc *adc = &chip->adc[off / 0x100];
        adc->sr &= ~SR_EOC;
        adc->has_request = false;
        update_irq(chip);
    }
    return is_there;
}

static bool adc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct adc *adc = &chip->adc[off / 0x100 % 4 % ADCS];
    value &= mask;
    if (off >= COMMON) {
        if (off == CCR) {
            write_ccr(chip, value);
        }
        return off <= CDR;
    }
    off %= 0x100;
    if (off > DR) {
        return false;
    }
    if (off == SR) {
        adc->sr &= value; // rc_w0
    } else if (off == CR2) {
        write_cr2(adc, value);
    } else if (off < JDR1) {
        REG(adc, off) = value;
    }
    update_irq(chip);
    return true;
}

static void adc_reset(void *ctx) {
    struct chip *chip = ctx;
    for (unsigned i = 0; i < ADCS; i++) {
        struct adc *adc = &chip->adc[i];
        timeline_cancel(chip->timeline, &adc->done);
        *adc = (struct adc){.chip = chip, .index = i, .done = {.fire = done, .ctx = adc}};
        REG(adc, HTR) = 0xFFF; // 13.13.7
    }
    chip->adc_ccr = 0;
    update_irq(chip);
}

const struct peripheral adc_peripheral = {
    .name = "ADC",
    .base = 0x40012000u,
    .size = 0x400,
    .read = adc_read,
    .peek = adc_peek,
    .write = adc_write,
    .reset = adc_reset,
    .enable_register = RCC_APB2ENR,
    .enable_bit = 7u << 8, // any of the three (7.3.14)
};

void adc_free(struct chip *chip) {
    for (unsigned i = 0; i < ADCS; i++) {
        timeline_cancel(chip->timeline, &chip->adc[i].done);
    }
}
