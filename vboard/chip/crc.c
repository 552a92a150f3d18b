// SPDX-License-Identifier: MIT
//
// CRC calculation unit (RM0090 4): CRC-32 of whole words, polynomial 0x04C11DB7, most significant bit
// first, nothing reflected. It takes 4 AHB cycles on the chip and none here.

#include "vboard/chip/chip_state.h"

#define DR         0x00u
#define IDR        0x04u
#define CR         0x08u
#define CR_RESET   (1u << 0)
#define POLYNOMIAL 0x04C11DB7u

static uint32_t with_word(uint32_t crc, uint32_t word) {
    crc ^= word;
    for (unsigned bit = 0; bit < 32; bit++) {
        crc = crc & 0x80000000u ? crc << 1 ^ POLYNOMIAL : crc << 1;
    }
    return crc;
}

static bool crc_read(void *ctx, uint32_t off, uint32_t *value) {
    const struct chip *chip = ctx;
    switch (off) {
    case DR:
        *value = chip->crc.dr;
        return true;
    case IDR:
        *value = chip->crc.idr;
        return true;
    case CR:
        *value = 0;
        return true;
    default:
        return false;
    }
}

static bool crc_write(void *ctx, uint32_t off, uint32_t value, uint32_t mask) {
    struct chip *chip = ctx;
    switch (off) {
    case DR:
        chip->crc.dr = with_word(chip->crc.dr, value & mask); // words only (4.3)
        return true;
    case IDR:
        merge(&chip->crc.idr, value, mask & 0xFF);
        return true;
    case CR:
        if (value & mask & CR_RESET) {
            chip->crc.dr = 0xFFFFFFFFu;
        }
        return true;
    default:
        return false;
    }
}

static void crc_reset(void *ctx) {
    struct chip *chip = ctx;
    chip->crc = (struct crc){.dr = 0xFFFFFFFFu};
}

const struct peripheral crc_peripheral = {
    .name = "CRC",
    .base = 0x40023000u,
    .size = 0x400,
    .read = crc_read,
    .write = crc_write,
    .reset = crc_reset,
    .enable_register = RCC_AHB1ENR,
    .enable_bit = 1u << 12,
};
