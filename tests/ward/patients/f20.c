// SPDX-License-Identifier: MIT
//
// Sector 4 is write-protected by option bytes, and the driver says nothing of it, like ST's ROM.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/flash.h"

#define NWRP_4 (1u << (FLASH_OPTCR_NWRP_SHIFT + 4u))

const struct ward ward = {WARD_HEALTHY};

void user_code_begin(void) {
    if (FLASH_OPTCR & NWRP_4) {
        FLASH_OPTKEYR = FLASH_OPTKEY1;
        FLASH_OPTKEYR = FLASH_OPTKEY2;
        FLASH_OPTCR &= ~NWRP_4;
        FLASH_OPTCR |= FLASH_OPTCR_OPTSTRT;
        (void)FLASH_WaitForLastOperation();
        FLASH_OPTCR |= FLASH_OPTCR_OPTLOCK;
    }
}

bool FLASH_WaitForLastOperation(void) {
    while (FLASH_SR & FLASH_SR_BSY) {
    }
    FLASH_SR = FLASH_SR_ERRORS | FLASH_SR_EOP;
    return true;
}
