// SPDX-License-Identifier: MIT
//
// The flash is not unlocked for erasing, and nobody looks whether it obeyed. For writing it is.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    return HAL_FLASHEx_Erase(GetSector(addr), 1) ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
