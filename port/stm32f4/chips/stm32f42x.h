// SPDX-License-Identifier: MIT
//
// STM32F427, F429, F437 and F439 (RM0090, DS9405, DS9484). CHIP_FLASH_KB: 512, 1024 or 2048, which is two
// banks. A chip of 1 Mbyte whose option bytes make two banks of it (DB1M) is refused: see CHIP_HAS_DB1M.

#ifndef PORT_STM32F4_CHIPS_STM32F42X_H
#define PORT_STM32F4_CHIPS_STM32F42X_H

#include "port/stm32f4/chips/stm32f4.h"

#if CHIP_FLASH_KB != 512 && CHIP_FLASH_KB != 1024 && CHIP_FLASH_KB != 2048
#error "STM32F427, F429, F437, F439: CHIP_FLASH_KB is 512 (E), 1024 (G) or 2048 (I)"
#endif

// RM0090 2.3.1: SRAM1 (112 Kbytes), SRAM2 (16 Kbytes), SRAM3 (64 Kbytes).
#define CHIP_SRAM_BYTES      0x30000
#define CHIP_CCM_BYTES       0x10000

#define CHIP_HAS_OTG_HS      1

// RM0090 5.1.4, 7.2.3, 7.3.2: 168 MHz at the regulator's scale 1, which a reset chooses. 180 MHz would need
// over-drive and leaves no 48 MHz.
#define CHIP_CORE_HZ_MAX     168000000
#define CHIP_APB1_HZ_MAX     45000000
#define CHIP_APB2_HZ_MAX     90000000
#define CHIP_PLL_N           336
#define CHIP_PLL_P           2
#define CHIP_PLL_Q           7
#define CHIP_PWR_CR_VOS      0
// RM0090 table 11, 2.7 to 3.6 V: one more for each 30 MHz.
#define CHIP_WAIT_STATES(hz) (((hz)-1) / 30000000)
// RM0090 3.9.10 and table 6: with FLASH_OPTCR.DB1M a chip of 1 Mbyte has two banks of 512 Kbytes, and other
// sectors than this table's from 0x08080000 on. Nothing is erased or programmed then (flash.c).
#define CHIP_HAS_DB1M        (CHIP_FLASH_KB == 1024)
// FLASH_OPTCR.SPRMOD (RM0090 3.9.10): option bytes that are all 1 close the vector table (docs/protection.md).
#define CHIP_HAS_PCROP       1

#endif
