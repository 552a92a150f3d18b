// SPDX-License-Identifier: MIT
//
// State of SDIO and the DAC (sdio.c, dac.c), for struct chip.

#ifndef VBOARD_CHIP_SDIO_H
#define VBOARD_CHIP_SDIO_H

#include "vboard/chip/peripheral.h"
#include "vboard/timeline.h"

struct chip;

struct sdio {
    uint32_t power, clkcr, arg, cmd, dtimer, dlen, dctrl, sta, mask;
    struct event command, data; // the end of what is under way
};

struct dac {
    uint32_t cr;
    uint16_t held[2], out[2]; // 12 bits each: DHR, DOR
};

extern const struct peripheral sdio_peripheral, dac_peripheral;
void sdio_free(struct chip *chip);

#endif
