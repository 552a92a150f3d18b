// SPDX-License-Identifier: MIT
//
// A store into locked flash at the start sets error flags, and the driver refuses for as long as there are any: no
// erase works.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/flash.h"

const struct ward ward = {WARD_HEALTHY};

void user_code_begin(void) {
    REGISTER(WARD_EE_PAGE1) = 0;
}

bool HAL_FLASHEx_Erase(uint32_t sector, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (FLASH_SR & FLASH_SR_ERRORS) {
            return false;
        }
        FLASH_Erase_Sector(sector + i);
        if (!FLASH_WaitForLastOperation()) {
            return false;
        }
        FLASH_CR &= ~(FLASH_CR_SER | FLASH_CR_SNB(15));
    }
    return true;
}
