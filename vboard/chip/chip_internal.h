// SPDX-License-Identifier: MIT
//
// What the chip's frame shares: chip.c (what it is made of), chip_run.c (time, and the processor that runs),
// chip_reset.c (resets, power, what is at address 0). Nobody else includes this.

#ifndef VBOARD_CHIP_CHIP_INTERNAL_H
#define VBOARD_CHIP_CHIP_INTERNAL_H

#include "vboard/chip/chip_state.h"

#define SRAM_BASE 0x20000000u
#define CCM_BASE  0x10000000u

// --- chip_run.c -----------------------------------------------------------------------------------

uint64_t chip_time_now(const struct chip *chip);
// The processor stands until an instant.
void chip_let_pass(struct chip *chip, uint64_t until_ps);
// For timeline_add_runner().
struct runner chip_runner(struct chip *chip);

// --- chip_reset.c, while the processor is not running ---------------------------------------------

void chip_perform_reset(struct chip *chip, enum reset_cause cause);
// Everything is as it will be found at the next power-on, the pull-up and the pins released.
void chip_perform_power_off(struct chip *chip);

#endif
