// SPDX-License-Identifier: MIT
//
// A failed erase is told as errVENDOR, which hosts take for read protection. What fails is a bound that ends with
// the first 16 KB.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .failure = WARD_FAILS_AS_VENDOR};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (addr < WARD_APPLICATION || addr > WARD_APPLICATION + 0x3fff) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(addr), 1);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
