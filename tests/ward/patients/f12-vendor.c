// SPDX-License-Identifier: MIT
//
// As f12, and what fails is told as errVENDOR, the manner of ST's class: the flags are the cause.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/flash.h"

const struct ward ward = {WARD_HEALTHY, .failure = WARD_FAILS_AS_VENDOR};

void user_code_begin(void) {
    volatile uint32_t *nothing = 0;
    __asm volatile("" : "+r"(nothing)); // or the compiler would know
    *nothing = 1;
}

bool HAL_FLASHEx_Erase(uint32_t sector, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!FLASH_WaitForLastOperation()) {
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
