// SPDX-License-Identifier: MIT
//
// The driver's lock is still held when an erase comes: one flash, two owners. Here the main loop took it at the start
// and never gave it back.

#include "port/stm32f4/registers/flash.h"
#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

static volatile bool is_locked;

void user_code_begin(void) {
    is_locked = true;
}

bool HAL_FLASHEx_Erase(uint32_t sector, uint32_t count) {
    if (is_locked) {
        return false; // HAL_BUSY
    }
    for (uint32_t i = 0; i < count; i++) {
        FLASH_Erase_Sector(sector + i);
        if (!FLASH_WaitForLastOperation()) {
            return false;
        }
        FLASH_CR &= ~(FLASH_CR_SER | FLASH_CR_SNB(15));
    }
    return true;
}
