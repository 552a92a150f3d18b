// SPDX-License-Identifier: MIT
//
// STM32F401 (RM0368, DS9716, DS10086). CHIP_FLASH_KB: 128, 256, 384 or 512.

#ifndef PORT_STM32F4_CHIPS_STM32F401_H
#define PORT_STM32F4_CHIPS_STM32F401_H

#include "port/stm32f4/chips/stm32f4.h"

#if CHIP_FLASH_KB != 128 && CHIP_FLASH_KB != 256 && CHIP_FLASH_KB != 384 && CHIP_FLASH_KB != 512
#error "STM32F401: CHIP_FLASH_KB is 128 (B), 256 (C), 384 (D) or 512 (E)"
#endif

// RM0368 2.3.1.
#define CHIP_SRAM_BYTES      (CHIP_FLASH_KB > 256 ? 0x18000 : 0x10000)
#define CHIP_CCM_BYTES       0

#define CHIP_HAS_OTG_HS      0

// RM0368 5.4.1, 6.3.2; at the regulator's scale 2, which a reset chooses.
#define CHIP_CORE_HZ_MAX     84000000
#define CHIP_APB1_HZ_MAX     42000000
#define CHIP_APB2_HZ_MAX     84000000
#define CHIP_PLL_N           336
#define CHIP_PLL_P           4
#define CHIP_PLL_Q           7
#define CHIP_PWR_CR_VOS      0
// RM0368 table 6, 2.7 to 3.6 V: one more for each 30 MHz.
#define CHIP_WAIT_STATES(hz) (((hz)-1) / 30000000)
// One bank always.
#define CHIP_HAS_DB1M        0
// FLASH_OPTCR.SPRMOD (RM0368 3.8.7): option bytes that are all 1 close the vector table (docs/protection.md).
#define CHIP_HAS_PCROP       1

#endif
