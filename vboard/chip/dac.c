// SPDX-License-Identifier: MIT
//
// The DAC (RM0090 section 14): what is held goes to the output at once, or with a trigger by software, timer or
// EXTI; DMA and its underrun. The output is a number nobody sees: pins are digital here. Not modelled: waves.

#include "vboard/chip/chip_state.h"

// 14.5.
#define CR           0x00u
#define SWTRIGR      0x04u
#define DHR12R1      0x08u // then 12L1, 8R1, the same of channel 2, and of both
#define DHR8RD       0x28u
#define DOR1         0x2Cu
#define DOR2         0x30u
#define SR           0x34u

// Of channel 1; 16 higher of channel 2.
#define CR_EN        (1u << 0)
#define CR_TEN       (1u << 2)
#define CR_WAVE      (3u << 6)
#define CR_DMAEN     (1u << 12)
#define CR_UDRIE     (1u << 13)
#define SR_UDR       (1u << 13)

#define TIM6_DAC_IRQ 54u // RM0090 table 62

static void hold(struct dac *dac, unsigned channel, uint32_t value) {
    dac->held[channel] = value & 0xFFF;
    if (!(dac->cr & CR_TEN << 16 * channel)) {
        dac->out[channel] = dac->held[channel];
    }
}

// 14.3.3: right- and left-aligned 12 bits, 8 bits; the dual registers have a half (a byte) each.
static void write_held(struct dac *dac, unsigned index, uint32_t value) {
    static const struct {
        uint8_t right, left, bits;
    } forms[3] = {{0, 0, 16}, {4, 0, 16}, {0, 4, 8}};
    unsigned form = index % 3, channels = index / 3; // 0: one, 1: two, 2: both
    for (unsigned channel = 0; channel < 2; channel++) {
        if (channels == 2 || channels == channel) {
            uint32_t part = channels == 2 ? value >> channel * forms[form].bits : value;
            part &= (1u << forms[form].bits) - 1;
            hold(dac, channel, part >> forms[form].right << forms[form].left);
        }
    }
}

static uint32_t read_held(const struct dac *dac, unsigned index) {
    unsigned form = index % 3, channels = index / 3;
    uint32_t value = 0;
    for (unsigned channel = 0; channel < 2; channel++) {
        uint32_t part = dac->held[channel];
        part = form == 1 ? part << 4 : form == 2 ? part >> 4 : part;
        if (channels == 2) {
            value |= part << channel * (form == 2 ? 8 : 16);
        } else if (channels == channel) {
            value = part;
        }
    }
    return value;
}

// --- triggers and DMA (14.3.6, 14.3.7) ---------------------------------------------------------------------

// Timers' TRGO by TSEL, RM0090 table 77; they count from 0. 6 is EXTI line 9, 7 software.
static const uint8_t timers[6] = {5, 7, 6, 4, 1, 3};
#define BY_EXTI     6u
#define BY_SOFTWARE 7u

static bool waits_for(const struct dac *dac, unsigned channel, unsigned source) {
    uint32_t cr = dac->cr >> 16 * channel;
    return cr & CR_EN && cr & CR_TEN && (cr >> 3 & 7) == source;
}

static void update_irq(struct chip *chip) {
    tim_update_irq(chip, TIM6_DAC_IRQ);
}

bool dac_wants_interrupt(const struct chip *chip) {
    const struct dac *dac = &chip->dac;
    return dac->sr & dac->cr & (SR_UDR | SR_UDR << 16); // DMAUDRIE stands where DMAUDR does
}

static void trigger(struct chip *chip, unsigned channel) {
    struct dac *dac = &chip->dac;
    uint32_t underrun = SR_UDR << 16 * channel;
    dac->out[channel] = dac->held[channel];
    if (!(dac->cr >> 16 * channel & CR_DMAEN) || dac->sr & underrun) {
        return;
    }
    if (dac->has_request[channel]) { // the one before was not served in time
        dac->sr |= underrun;
        dac->has_request[channel] = false;
    } else {
        dac->has_request[channel] = true;
    }
    update_irq(chip);
    dma_requests_changed(chip);
}

bool dac_requests(const struct chip *chip, unsigned channel) {
    return chip->dac.has_request[channel];
}

void dac_served(struct chip *chip, unsigned channel) {
    chip->dac.has_request[channel] = false;
}

bool dac_listens(const struct chip *chip, unsigned tim, enum tim_signal signal) {
    for (unsigned source = 0; source < BY_EXTI; source++) {
        if (signal == TIM_TRGO && timers[source] == tim &&
            (waits_for(&chip->dac, 0, source) || waits_for(&chip->dac, 1, source))) {
            return true;
        }
    }
    return false;
}

static void trigger_by(struct chip *chip, unsigned source) {
    for (unsigned channel = 0; channel < 2; channel++) {
        if (waits_for(&chip->dac, channel, source)) {
            trigger(chip, channel);
        }
    }
}

void dac_timer_signal(struct chip *chip, unsigned tim, enum tim_signal signal) {
    for (unsigned source = 0; source < BY_EXTI; source++) {
        if (signal == TIM_TRGO && timers[source] == tim) {
            trigger_by(chip, source);
        }
    }
}

void dac_exti_signal(struct chip *chip, uint32_t lines) {
    if (lines & 1u << 9) {
        trigger_by(chip, BY_EXTI);
    }
}

// --- registers ---------------------------------------------------------------------------------------------

static void write_cr(struct chip *chip, uint32_t value) {
    struct dac *dac = &chip->dac;
    uint32_t risen = value & ~dac->cr;
    tim_listeners_change(chip);
    dac->cr = value & 0x3FFF3FFFu;
    for (unsigned channel = 0; channel < 2; channel++) {
        if (!(value >> 16 * channel & CR_DMAEN)) {
            dac->has_request[channel] = false;
        }
    }
    if (risen & (CR_WAVE | CR_WAVE << 16)) {
        char where[WHERE_MAX];
        chip_where(chip, where);
        trace_complaint(chip->trace, "dac-mode", where,
                        "DAC_CR.WAVE at %s asks for noise or a triangle, which is not modelled: "
                        "the output is what DHR holds",
                        where);
    }
    update_irq(chip);
    tim_listeners_changed(chip);
}

static bool dac_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    const struct dac *dac = &chip->dac;
    *value = 0;
    if (off >= DHR12R1 && off <= DHR8RD) {
        *value = read_held(dac, (off - DHR12R1) / 4);
        return true;
    }
    switch (off) {
    case CR:
        *value = dac->cr;
        return true;
    case DOR1:
    case DOR2:
        *value = dac->out[(off - DOR1) / 4];
        return true;
    case SR:
        *value = dac->sr;
        return true;
    default:
        return off == SWTRIGR;
    }
}

static bool dac_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    struct dac *dac = &chip->dac;
    (void)mask; // all ones behind APB
    if (off >= DHR12R1 && off <= DHR8RD) {
        write_held(dac, (off - DHR12R1) / 4, value);
        return true;
    }
    switch (off) {
    case CR:
        write_cr(chip, value);
        return true;
    case SWTRIGR:
        for (unsigned channel = 0; channel < 2; channel++) {
            if (value >> channel & 1 && waits_for(dac, channel, BY_SOFTWARE)) {
                dac->out[channel] = dac->held[channel]; // and no DMA request (14.3.7)
            }
        }
        return true;
    case SR:
        dac->sr &= ~value; // rc_w1
        update_irq(chip);
        return true;
    default:
        return off == DOR1 || off == DOR2;
    }
}

static void dac_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->dac = (struct dac){0};
    update_irq(chip);
}

const struct peripheral dac_peripheral = {
    .name = "DAC",
    .base = 0x40007400u,
    .size = 0x400,
    .read = dac_read,
    .write = dac_write,
    .reset = dac_reset,
    .enable_register = RCC_APB1ENR,
    .enable_bit = 1u << 29,
};
