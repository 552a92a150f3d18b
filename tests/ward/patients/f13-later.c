// SPDX-License-Identifier: MIT
//
// The flash is unlocked for the first erase only, and writing locks it: the first load works, later ones erase nothing.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    static bool is_unlocked;
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    is_unlocked = is_unlocked || HAL_FLASH_Unlock();
    return HAL_FLASHEx_Erase(GetSector(addr), 1) ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
