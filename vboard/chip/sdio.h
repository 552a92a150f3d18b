// SPDX-License-Identifier: MIT
//
// State of SDIO and the DAC (sdio.c, dac.c), for struct chip.

#ifndef VBOARD_CHIP_SDIO_H
#define VBOARD_CHIP_SDIO_H

#include "vboard/chip/peripheral.h"
#include "vboard/chip/tim.h"
#include "vboard/timeline.h"

struct chip;

struct sdio {
    uint32_t power, clkcr, arg, cmd, dtimer, dlen, dctrl, sta, mask;
    struct event command, data; // the end of what is under way
};

struct dac {
    uint32_t cr, sr;
    uint16_t held[2], out[2]; // 12 bits each: DHR, DOR
    bool has_request[2];      // for DMA
};

extern const struct peripheral sdio_peripheral, dac_peripheral;
void sdio_free(struct chip *chip);

// Of a channel, from 0. What DMA serves; whether a channel waits for a timer's TRGO, and that it came; EXTI's.
bool dac_requests(const struct chip *chip, unsigned channel);
void dac_served(struct chip *chip, unsigned channel);
bool dac_listens(const struct chip *chip, unsigned tim, enum tim_signal signal);
void dac_timer_signal(struct chip *chip, unsigned tim, enum tim_signal signal);
void dac_exti_signal(struct chip *chip, uint32_t lines);
// It shares the interrupt of TIM6, whose line is the timers' to set.
bool dac_wants_interrupt(const struct chip *chip);

#endif
