// SPDX-License-Identifier: MIT
//
// ADC1 to ADC3 (RM0090 section 13): regular and injected sequences started by software, in the time
// sampling and resolution take. A pin reads full scale or zero as its level is; the internal channels
// follow the supply. Not modelled: external triggers, DMA, the watchdog, dual and triple modes.

#include "vboard/chip/chip_state.h"

// 13.13, within each ADC's 0x100; the common registers follow the third.
#define SR            0x00u
#define CR1           0x04u
#define CR2           0x08u
#define SMPR1         0x0Cu
#define SMPR2         0x10u
#define SQR1          0x2Cu
#define SQR3          0x34u
#define JSQR          0x38u
#define JDR1          0x3Cu
#define DR            0x4Cu
#define COMMON        0x300u
#define CSR           0x300u
#define CCR           0x304u
#define CDR           0x308u

#define SR_EOC        (1u << 1)
#define SR_JEOC       (1u << 2)
#define SR_JSTRT      (1u << 3)
#define SR_STRT       (1u << 4)
#define SR_OVR        (1u << 5)
#define CR1_EOCIE     (1u << 5)
#define CR1_JEOCIE    (1u << 7)
#define CR1_SCAN      (1u << 8)
#define CR1_OVRIE     (1u << 26)
#define CR2_ADON      (1u << 0)
#define CR2_CONT      (1u << 1)
#define CR2_EOCS      (1u << 10)
#define CR2_ALIGN     (1u << 11)
#define CR2_JSWSTART  (1u << 22)
#define CR2_SWSTART   (1u << 30)
#define CCR_VBATE     (1u << 22)
#define CCR_TSVREFE   (1u << 23)

#define ADC_IRQ       18u // RM0090 table 62
// DS8626, temperature sensor and reference voltage characteristics, typical; written from memory.
#define SENSOR_MV     760u // at 25 degrees
#define REFERENCE_MV  1210u

#define REG(adc, off) ((adc)->regs[(off) / 4])

static void update_irq(struct chip *chip) {
    bool level = false;
    for (unsigned i = 0; i < ADCS; i++) {
        uint32_t sr = chip->adc[i].sr, cr1 = REG(&chip->adc[i], CR1);
        level = level || (sr & SR_EOC && cr1 & CR1_EOCIE) || (sr & SR_JEOC && cr1 & CR1_JEOCIE) ||
                (sr & SR_OVR && cr1 & CR1_OVRIE);
    }
    cpu_set_irq(chip->cpu, ADC_IRQ, level);
}

static unsigned sequence_length(const struct adc *adc) {
    if (!(REG(adc, CR1) & CR1_SCAN)) {
        return 1;
    }
    return (adc->is_injected ? REG(adc, JSQR) >> 20 & 3 : REG(adc, SQR1) >> 20 & 15) + 1;
}

static unsigned channel_of(const struct adc *adc) {
    if (adc->is_injected) {
        // The last of a shorter injected sequence stands in JSQ4 (13.13.12).
        unsigned slot = (adc->rank + 4 - sequence_length(adc)) & 3;
        return REG(adc, JSQR) >> (5 * slot) & 31;
    }
    return REG(adc, SQR3 - 4 * (adc->rank / 6)) >> (5 * (adc->rank % 6)) & 31;
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
    if (channel == 18) {
        return chip->adc_ccr & CCR_VBATE ? chip->supply.mv / 2 : 0; // by a divider (13.11)
    }
    return !(chip->adc_ccr & CCR_TSVREFE) ? 0 : channel == 16 ? SENSOR_MV : REFERENCE_MV;
}

static uint32_t result(const struct adc *adc) {
    uint32_t full = (1u << bits(adc)) - 1;
    uint32_t supply_mv = adc->chip->supply.mv ? adc->chip->supply.mv : 1;
    uint32_t value = millivolts(adc, channel_of(adc)) * full / supply_mv;
    value = value < full ? value : full;
    return REG(adc, CR2) & CR2_ALIGN ? value << (16 - bits(adc)) : value;
}

static void convert(struct adc *adc) {
    timeline_schedule(adc->chip->timeline, &adc->done,
                      timeline_now(adc->chip->timeline) + conversion_ps(adc));
}

static void regular_done(struct adc *adc, bool is_last) {
    REG(adc, DR) = result(adc);
    if (is_last || REG(adc, CR2) & CR2_EOCS) {
        // An unread value is lost where EOC tells of each (13.8.2).
        adc->sr |= adc->sr & SR_EOC && REG(adc, CR2) & CR2_EOCS ? SR_OVR : 0;
        adc->sr |= SR_EOC;
    }
}

static void done(void *ctx) {
    struct adc *adc = ctx;
    bool is_last = adc->rank + 1 >= sequence_length(adc);
    if (adc->is_injected) {
        REG(adc, JDR1 + 4 * adc->rank) = result(adc);
        adc->sr |= is_last ? SR_JEOC : 0;
    } else {
        regular_done(adc, is_last);
    }
    adc->rank = is_last ? 0 : adc->rank + 1;
    if (!is_last || (!adc->is_injected && REG(adc, CR2) & CR2_CONT)) {
        convert(adc);
    }
    update_irq(adc->chip);
}

static void write_cr2(struct adc *adc, uint32_t value) {
    uint32_t start = value & (CR2_SWSTART | CR2_JSWSTART);
    REG(adc, CR2) = value & ~start; // they are cleared as the conversion begins
    if (!(value & CR2_ADON)) {
        timeline_cancel(adc->chip->timeline, &adc->done);
    } else if (start) {
        adc->is_injected = start & CR2_JSWSTART;
        adc->sr |= adc->is_injected ? SR_JSTRT : SR_STRT;
        adc->rank = 0;
        convert(adc);
    }
}

static bool adc_read(void *ctx, uint32_t off, uint32_t *value) {
    struct chip *chip = ctx;
    struct adc *adc = &chip->adc[off / 0x100 % 4 % ADCS];
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
    if (off == DR) {
        adc->sr &= ~SR_EOC;
        update_irq(chip);
    }
    return true;
}

static bool adc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct adc *adc = &chip->adc[off / 0x100 % 4 % ADCS];
    value &= mask;
    if (off >= COMMON) {
        chip->adc_ccr = off == CCR ? value & 0x00C3EF1Fu : chip->adc_ccr;
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
        *adc = (struct adc){.chip = chip, .done = {.fire = done, .ctx = adc}};
        adc->regs[0x24 / 4] = 0xFFF; // HTR (13.13.7)
    }
    chip->adc_ccr = 0;
    update_irq(chip);
}

const struct peripheral adc_peripheral = {
    .name = "ADC",
    .base = 0x40012000u,
    .size = 0x400,
    .read = adc_read,
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
