// SPDX-License-Identifier: MIT
//
// DBGMCU: device and revision, and the freeze bits a debugger would use (RM0090 38.16). Nothing
// freezes here: no debugger halts the processor.

#include "vboard/chip/chip_state.h"

#define IDCODE  0x00u
#define CR      0x04u
#define APB1_FZ 0x08u
#define APB2_FZ 0x0Cu

#define CR_MASK 0x000000E7u

static bool dbgmcu_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;

    switch (off) {
    case IDCODE:
        *value = chip->model->line->idcode;
        return true;
    case CR:
        *value = chip->dbgmcu.cr;
        return true;
    case APB1_FZ:
        *value = chip->dbgmcu.apb1_fz;
        return true;
    case APB2_FZ:
        *value = chip->dbgmcu.apb2_fz;
        return true;
    default:
        return false;
    }
}

static bool dbgmcu_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;

    switch (off) {
    case IDCODE:
        return true; // read-only
    case CR:
        merge(&chip->dbgmcu.cr, value, mask & CR_MASK);
        return true;
    case APB1_FZ:
        merge(&chip->dbgmcu.apb1_fz, value, mask & chip->model->line->apb1_fz);
        return true;
    case APB2_FZ:
        merge(&chip->dbgmcu.apb2_fz, value, mask & chip->model->line->apb2_fz);
        return true;
    default:
        return false;
    }
}

// A system reset leaves it alone (RM0090 38.16.3: power-on reset only).
static void dbgmcu_power_on(void *ctx) {
    struct chip *chip = ctx;
    chip->dbgmcu = (struct dbgmcu){0};
}

const struct peripheral dbgmcu_peripheral = {
    .name = "DBGMCU",
    .base = 0xE0042000u,
    .size = 0x400,
    .read = dbgmcu_read,
    .write = dbgmcu_write,
    .power_on = dbgmcu_power_on,
};
