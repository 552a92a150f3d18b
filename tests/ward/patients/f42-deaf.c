// SPDX-License-Identifier: MIT
//
// Interrupts are masked for the erase, and never again let through.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    __asm volatile("cpsid i" ::: "memory");
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
