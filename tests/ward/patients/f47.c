// SPDX-License-Identifier: MIT
//
// The loop over a block ends one word early.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Write_HS(const uint8_t *data, uint32_t addr, uint32_t len) {
    if (!is_application_range(addr, len) || addr % 4u != 0) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    bool is_done = HAL_FLASH_Unlock();
    for (uint32_t off = 0; off + 4 < len && is_done; off += 4) {
        uint32_t word = data[off] | (uint32_t)data[off + 1] << 8 | (uint32_t)data[off + 2] << 16 |
                        (uint32_t)data[off + 3] << 24;
        is_done = HAL_FLASH_Program(addr + off, word);
    }
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_PROG;
}
