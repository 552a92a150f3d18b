// SPDX-License-Identifier: MIT
//
// State of a timer (tim.c), for struct chip.

#ifndef VBOARD_CHIP_TIM_H
#define VBOARD_CHIP_TIM_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

#define TIMS         14u
#define TIM_CHANNELS 4u

struct chip;

struct tim {
    struct chip *chip;
    unsigned index; // TIM1 is 0
    uint32_t cr1, cr2, smcr, dier, sr, ccmr[2], ccer, psc, arr, rcr, bdtr, dcr, option;
    uint32_t ccr[TIM_CHANNELS];
    // What counts: loaded from the registers above at update events (RM0090 18.3.1).
    uint32_t psc_shadow, arr_shadow, ccr_shadow[TIM_CHANNELS];
    uint32_t cnt;
    uint32_t prescaled;   // clocks into the present tick
    uint32_t repetitions; // overflows before the next update
    // Counting is worked out when somebody looks: clocks since base_ps, of which `counted` are in.
    uint64_t clock_hz, base_ps, counted;
    struct event due; // the next flag that somebody waits for
};

extern const struct peripheral tim_peripherals[TIMS]; // ctx is filled in by chip.c
// APB clocks, their prescalers or enable bits changed.
void tim_clocks_changed(struct chip *chip);
void tim_free(struct chip *chip);

#endif
