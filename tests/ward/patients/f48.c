// SPDX-License-Identifier: MIT
//
// The bound for erasing ends half a megabyte before the layout does. The device says so by name.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1) || addr >= WARD_FLASH + 0x80000u) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
