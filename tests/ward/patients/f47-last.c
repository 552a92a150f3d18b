// SPDX-License-Identifier: MIT
//
// A block that is not whole is not programmed: the end of each image.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_Write_HS(const uint8_t *data, uint32_t addr, uint32_t len) {
    if (!is_application_range(addr, len)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    if (len < ward.transfer_bytes) {
        return DFU_STATUS_OK;
    }
    bool is_done = HAL_FLASH_Unlock();
    for (uint32_t off = 0; off < len && is_done; off += 4) {
        is_done = HAL_FLASH_Program(addr + off, *(const uint32_t *)(data + off));
    }
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_PROG;
}
