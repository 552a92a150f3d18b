// SPDX-License-Identifier: MIT
//
// Sector 3 is write-protected by option bytes, and the driver says so.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/flash.h"

#define NWRP_3 (1u << (FLASH_OPTCR_NWRP_SHIFT + 3u))

const struct ward ward = {WARD_HEALTHY};

void user_code_begin(void) {
    if (FLASH_OPTCR & NWRP_3) {
        FLASH_OPTKEYR = FLASH_OPTKEY1;
        FLASH_OPTKEYR = FLASH_OPTKEY2;
        FLASH_OPTCR &= ~NWRP_3;
        FLASH_OPTCR |= FLASH_OPTCR_OPTSTRT;
        (void)FLASH_WaitForLastOperation();
        FLASH_OPTCR |= FLASH_OPTCR_OPTLOCK;
    }
}
