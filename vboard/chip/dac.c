// SPDX-License-Identifier: MIT
//
// The DAC's registers (RM0090 section 14): what is held goes to the output at once, or with a software trigger.
// The output is a number nobody sees: pins are digital here. Not modelled: other triggers, waves, DMA.

#include "vboard/chip/chip_state.h"

// 14.5.
#define CR      0x00u
#define SWTRIGR 0x04u
#define DHR12R1 0x08u // then 12L1, 8R1, the same of channel 2, and of both
#define DHR8RD  0x28u
#define DOR1    0x2Cu
#define DOR2    0x30u
#define SR      0x34u

#define CR_TEN  (1u << 2) // of channel 1; 16 higher of channel 2
#define CR_EN   (1u << 0)

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
    default:
        return off == SWTRIGR || off == SR;
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
        dac->cr = value & 0x3FFF3FFFu;
        return true;
    case SWTRIGR:
        for (unsigned channel = 0; channel < 2; channel++) {
            uint32_t cr = dac->cr >> 16 * channel;
            // TSEL 7: by software.
            if (value >> channel & 1 && (cr & CR_EN) && (cr & CR_TEN) && (cr >> 3 & 7) == 7) {
                dac->out[channel] = dac->held[channel];
            }
        }
        return true;
    default:
        return off == DOR1 || off == DOR2 || off == SR;
    }
}

static void dac_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->dac = (struct dac){0};
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
