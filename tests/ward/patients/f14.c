// SPDX-License-Identifier: MIT
//
// The memory interface as CubeMX generates it: functions that do nothing, and say it went well.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    (void)addr;
    return DFU_STATUS_OK;
}

enum dfu_status MEM_If_Write_HS(const uint8_t *data, uint32_t addr, uint32_t len) {
    (void)data, (void)addr, (void)len;
    return DFU_STATUS_OK;
}
