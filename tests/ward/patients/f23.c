// SPDX-License-Identifier: MIT
//
// The whole application is erased inside one GETSTATUS, longer than hosts wait, with a poll time whose upper byte
// is always lost.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .erase_poll_ms = (uint8_t)8000u};

enum dfu_status MEM_If_MassErase_HS(void) {
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(WARD_APPLICATION), 9);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}
