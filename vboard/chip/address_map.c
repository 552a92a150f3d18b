// SPDX-License-Identifier: MIT
//
// Peripherals of the STM32F407 that exist and are not modelled (RM0090 table 1), so that an access
// is reported by name. A modelled peripheral takes the place of its line here.

#include "vboard/chip/chip_state.h"

#define NAMED(n, b, s)                                                                             \
    { .name = (n), .base = (b), .size = (s) }

const struct peripheral unmodelled_peripherals[] = {
    NAMED("TIM2", 0x40000000u, 0x400),     NAMED("TIM3", 0x40000400u, 0x400),
    NAMED("TIM4", 0x40000800u, 0x400),     NAMED("TIM5", 0x40000C00u, 0x400),
    NAMED("TIM6", 0x40001000u, 0x400),     NAMED("TIM7", 0x40001400u, 0x400),
    NAMED("TIM12", 0x40001800u, 0x400),    NAMED("TIM13", 0x40001C00u, 0x400),
    NAMED("TIM14", 0x40002000u, 0x400),    NAMED("WWDG", 0x40002C00u, 0x400),
    NAMED("IWDG", 0x40003000u, 0x400),     NAMED("I2S2ext", 0x40003400u, 0x400),
    NAMED("SPI2", 0x40003800u, 0x400),     NAMED("SPI3", 0x40003C00u, 0x400),
    NAMED("I2S3ext", 0x40004000u, 0x400),  NAMED("USART2", 0x40004400u, 0x400),
    NAMED("USART3", 0x40004800u, 0x400),   NAMED("UART4", 0x40004C00u, 0x400),
    NAMED("UART5", 0x40005000u, 0x400),    NAMED("I2C1", 0x40005400u, 0x400),
    NAMED("I2C2", 0x40005800u, 0x400),     NAMED("I2C3", 0x40005C00u, 0x400),
    NAMED("CAN1", 0x40006400u, 0x400),     NAMED("CAN2", 0x40006800u, 0x400),
    NAMED("DAC", 0x40007400u, 0x400),      NAMED("TIM1", 0x40010000u, 0x400),
    NAMED("TIM8", 0x40010400u, 0x400),     NAMED("USART1", 0x40011000u, 0x400),
    NAMED("USART6", 0x40011400u, 0x400),   NAMED("ADC", 0x40012000u, 0x400),
    NAMED("SDIO", 0x40012C00u, 0x400),     NAMED("SPI1", 0x40013000u, 0x400),
    NAMED("TIM9", 0x40014000u, 0x400),     NAMED("TIM10", 0x40014400u, 0x400),
    NAMED("TIM11", 0x40014800u, 0x400),    NAMED("CRC", 0x40023000u, 0x400),
    NAMED("DMA1", 0x40026000u, 0x400),     NAMED("DMA2", 0x40026400u, 0x400),
    NAMED("ETH", 0x40028000u, 0x1400),     NAMED("OTG_HS", 0x40040000u, 0x40000),
    NAMED("OTG_FS", 0x50000000u, 0x40000), NAMED("DCMI", 0x50050000u, 0x400),
    NAMED("RNG", 0x50060800u, 0x400),
};

const size_t unmodelled_count = sizeof(unmodelled_peripherals) / sizeof(unmodelled_peripherals[0]);
