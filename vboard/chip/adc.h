// SPDX-License-Identifier: MIT
//
// State of ADC1 to ADC3 (adc.c), for struct chip.

#ifndef VBOARD_CHIP_ADC_H
#define VBOARD_CHIP_ADC_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

#define ADCS 3u

struct chip;

struct adc {
    struct chip *chip;
    uint32_t sr;
    uint32_t regs[0x50 / 4];
    unsigned rank; // of the conversion under way in its sequence
    bool is_injected;
    struct event done;
};

extern const struct peripheral adc_peripheral;
void adc_free(struct chip *chip);

#endif
