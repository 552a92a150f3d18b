// SPDX-License-Identifier: MIT
//
// Two mistakes: the whole application is erased inside one GETSTATUS, as in f23, and APB1 runs at the core's clock,
// which is too fast for it and nothing to flash or USB.

#include "port/stm32f4/registers/rcc.h"
#include "tests/ward/ward.h"

#define CFGR_PPRE1 (7u << 10) // RM0090 7.3.3

const struct ward ward = {WARD_HEALTHY, .erase_poll_ms = (uint8_t)8000u};

enum dfu_status MEM_If_MassErase_HS(void) {
    bool is_done = HAL_FLASH_Unlock() && HAL_FLASHEx_Erase(GetSector(WARD_APPLICATION), 9);
    HAL_FLASH_Lock();
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}

void user_code_loop(void) {
    RCC_CFGR &= ~CFGR_PPRE1;
}
