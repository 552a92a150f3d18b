// SPDX-License-Identifier: MIT
//
// State of ADC1 to ADC3 (adc.c), for struct chip.

#ifndef VBOARD_CHIP_ADC_H
#define VBOARD_CHIP_ADC_H

#include "vboard/chip/peripheral.h"
#include "vboard/chip/tim.h"
#include "vboard/timeline.h"

#define ADCS                   3u
// DS8626, temperature sensor and reference voltage characteristics, typical; written from memory. The sensor
// gives 760 mV at 25 degrees and 2.5 mV more with each degree.
#define ADC_REFERENCE_MV       1210u
#define ADC_SENSOR_MV(celsius) (760u + ((celsius)-25u) * 5u / 2u)

struct chip;

struct adc {
    struct chip *chip;
    unsigned index; // ADC1 is 0
    uint32_t sr;
    uint32_t regs[0x50 / 4];
    enum { ADC_RESTS, ADC_REGULAR, ADC_INJECTED } doing;
    unsigned rank[2];        // of the next or present conversion in its sequence: regular, injected
    unsigned left[2];        // conversions to come before the next trigger
    bool is_regular_waiting; // for the injected ones to end
    bool has_request;        // for DMA; until DR is read
    bool is_dma_over;        // the stream's last transfer was made, and DDS is 0
    struct event done;
};

extern const struct peripheral adc_peripheral;
void adc_free(struct chip *chip);

// What DMA serves: the level of an ADC's request, and that it was served (by the last transfer of the stream).
bool adc_requests(const struct chip *chip, unsigned index);
void adc_served(struct chip *chip, unsigned index, bool is_last);
// Triggers (RM0090 tables 68 and 69): whether an ADC waits for that signal of a timer, and that it came.
bool adc_listens(const struct chip *chip, unsigned tim, enum tim_signal signal);
void adc_timer_signal(struct chip *chip, unsigned tim, enum tim_signal signal);
void adc_exti_signal(struct chip *chip, uint32_t lines);

#endif
