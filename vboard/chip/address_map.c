// SPDX-License-Identifier: MIT
//
// Peripherals of the STM32F4 that exist on some chip and are not modelled (RM0090 table 1, RM0390 table 1), so
// that an access is reported by name. A modelled peripheral takes the place of its line here.

#include "vboard/chip/chip_state.h"

// The register and bit of RCC by which it exists; 0: it does where it is not somebody else's.
#define NAMED(n, b, s, reg, bit)                                                                   \
    { .name = (n), .base = (b), .size = (s), .enable_register = (reg), .enable_bit = 1u << (bit) }

const struct peripheral unmodelled_peripherals[] = {
    NAMED("I2S2ext", 0x40003400u, 0x400, RCC_APB1ENR, 14),
    NAMED("I2S3ext", 0x40004000u, 0x400, RCC_APB1ENR, 15),
    NAMED("SPDIFRX", 0x40004000u, 0x400, RCC_APB1ENR, 16),
    NAMED("FMPI2C1", 0x40006000u, 0x400, RCC_APB1ENR, 24),
    NAMED("HDMI-CEC", 0x40006C00u, 0x400, RCC_APB1ENR, 27),
    NAMED("SAI1", 0x40015800u, 0x400, RCC_APB2ENR, 22),
    NAMED("SAI2", 0x40015C00u, 0x400, RCC_APB2ENR, 23),
    NAMED("LTDC", 0x40016800u, 0x400, RCC_APB2ENR, 26),
    NAMED("ETH", 0x40028000u, 0x1400, RCC_AHB1ENR, 25),
    NAMED("DMA2D", 0x4002B000u, 0xC00, RCC_AHB1ENR, 23),
    NAMED("DCMI", 0x50050000u, 0x400, RCC_AHB2ENR, 0),
    NAMED("CRYP", 0x50060000u, 0x400, RCC_AHB2ENR, 4),
    NAMED("HASH", 0x50060400u, 0x400, RCC_AHB2ENR, 5),
    NAMED("FSMC", FSMC_BASE, 0x1000, RCC_AHB3ENR, 0),
    NAMED("FMC", FSMC_BASE, 0x1000, RCC_AHB3ENR, 0),
    NAMED("QUADSPI", 0xA0001000u, 0x1000, RCC_AHB3ENR, 1),
};

const size_t unmodelled_count = sizeof(unmodelled_peripherals) / sizeof(unmodelled_peripherals[0]);
