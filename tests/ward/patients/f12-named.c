// SPDX-License-Identifier: MIT
//
// Erase() refuses while an error flag is set, and nobody clears the one that a store through a null pointer sets at the
// start. Nothing of the HAL's name is called.

#include "port/stm32f4/registers/flash.h"
#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

void user_code_begin(void) {
    volatile uint32_t *nothing = 0;
    __asm volatile("" : "+r"(nothing)); // or the compiler would know
    *nothing = 1;
}

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (FLASH_SR & FLASH_SR_ERRORS || !is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ERASE;
    }
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
