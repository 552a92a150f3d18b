// SPDX-License-Identifier: MIT
//
// STM32F411 (RM0383, DS10314). CHIP_FLASH_KB: 256 or 512.

#ifndef PORT_STM32F4_CHIPS_STM32F411_H
#define PORT_STM32F4_CHIPS_STM32F411_H

#include "port/stm32f4/chips/stm32f4.h"

#if CHIP_FLASH_KB != 256 && CHIP_FLASH_KB != 512
#error "STM32F411: CHIP_FLASH_KB is 256 (C) or 512 (E)"
#endif

// RM0383 2.3.1.
#define CHIP_SRAM_BYTES  0x20000
#define CHIP_CCM_BYTES   0

#define CHIP_HAS_OTG_HS  0

// RM0383 6.3.2. 100 MHz would leave no 48 MHz; 96 does.
#define CHIP_CORE_HZ_MAX 100000000
#define CHIP_APB1_HZ_MAX 50000000
#define CHIP_APB2_HZ_MAX 100000000
#define CHIP_PLL_N       384
#define CHIP_PLL_P       4
#define CHIP_PLL_Q       8
// RM0383 5.4.1: a reset chooses the regulator's scale 2 (VOS 2), good for 84 MHz; scale 1 is VOS 3.
#define CHIP_PWR_CR_VOS  (3 << 14)
// RM0383 table 5, 2.7 to 3.6 V.
#define CHIP_WAIT_STATES(hz)                                                                       \
    ((hz) <= 30000000 ? 0 : (hz) <= 64000000 ? 1 : (hz) <= 90000000 ? 2 : 3)
// One bank always.
#define CHIP_HAS_DB1M  0
// FLASH_OPTCR.SPRMOD (RM0383 3.8.7): option bytes that are all 1 close the vector table (docs/protection.md).
#define CHIP_HAS_PCROP 1

#endif
