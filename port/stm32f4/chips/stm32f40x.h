// SPDX-License-Identifier: MIT
//
// STM32F405, F407, F415 and F417 (RM0090, DS8626, DS8597). CHIP_FLASH_KB: 512 or 1024.

#ifndef PORT_STM32F4_CHIPS_STM32F40X_H
#define PORT_STM32F4_CHIPS_STM32F40X_H

#include "port/stm32f4/chips/stm32f4.h"

#if CHIP_FLASH_KB != 512 && CHIP_FLASH_KB != 1024
#error "STM32F405, F407, F415, F417: CHIP_FLASH_KB is 512 (E) or 1024 (G)"
#endif

// RM0090 2.3.1: SRAM1 (112 Kbytes) and SRAM2 (16 Kbytes).
#define CHIP_SRAM_BYTES      0x20000
#define CHIP_CCM_BYTES       0x10000

#define CHIP_HAS_OTG_HS      1

// RM0090 7.2.3, 7.3.2; at the regulator's scale 1, which a reset chooses (5.4.1).
#define CHIP_CORE_HZ_MAX     168000000
#define CHIP_APB1_HZ_MAX     42000000
#define CHIP_APB2_HZ_MAX     84000000
#define CHIP_PLL_N           336
#define CHIP_PLL_P           2
#define CHIP_PLL_Q           7
#define CHIP_PWR_CR_VOS      0
// RM0090 table 10, 2.7 to 3.6 V: one more for each 30 MHz.
#define CHIP_WAIT_STATES(hz) (((hz)-1) / 30000000)
// One bank always.
#define CHIP_HAS_DB1M        0
// No FLASH_OPTCR.SPRMOD (RM0090 3.9.9): option bytes that are all 1 close nothing.
#define CHIP_HAS_PCROP       0

#endif
