// SPDX-License-Identifier: MIT
//
// Erases whatever it is asked to, itself too.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
