// SPDX-License-Identifier: MIT
//
// Where the OTG core joins the chip: register window, interrupt lines, 48 MHz clock, wake-up line.

#ifndef VBOARD_CHIP_OTG_WIRING_H
#define VBOARD_CHIP_OTG_WIRING_H

#include "vboard/chip/chip.h"

// False when memory is short.
bool otg_wiring_add(struct chip *chip);
void otg_wiring_free(struct chip *chip);

#endif
