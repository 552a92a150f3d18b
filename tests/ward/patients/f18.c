// SPDX-License-Identifier: MIT
//
// Erases from the sector asked for to the end of flash.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .erase_poll_ms = 8000};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    uint32_t sector = GetSector(addr);
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(sector, 12u - sector);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
