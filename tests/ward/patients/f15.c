// SPDX-License-Identifier: MIT
//
// Erasing leaves SER set, so nothing is programmed behind it; a blank sector is not erased, so the second try
// works.

#include "tests/ward/ward.h"
#include "port/stm32f4/registers/flash.h"

const struct ward ward = {WARD_HEALTHY};

static bool is_blank(uint32_t addr) {
    uint32_t sector = GetSector(addr);
    for (; addr < WARD_FLASH_END && GetSector(addr) == sector; addr += 4) {
        if (REGISTER(addr) != 0xffffffffu) {
            return false;
        }
    }
    return true;
}

enum dfu_status MEM_If_Erase_HS(uint32_t addr) {
    if (!is_application_range(addr, 1)) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    FLASH_SR = FLASH_SR_ERRORS;
    bool is_done = HAL_FLASH_Unlock();
    if (is_blank(addr)) {
        FLASH_CR &= ~FLASH_CR_SER;
    } else if (is_done) {
        FLASH_Erase_Sector(GetSector(addr));
        is_done = FLASH_WaitForLastOperation();
    }
    return is_done ? DFU_STATUS_OK : DFU_STATUS_ERR_ERASE;
}

// Whether it went well is not looked at.
bool HAL_FLASH_Program(uint32_t addr, uint32_t word) {
    FLASH_CR |= FLASH_CR_PSIZE_X32 | FLASH_CR_PG;
    REGISTER(addr) = word;
    (void)FLASH_WaitForLastOperation();
    FLASH_CR &= ~FLASH_CR_PG;
    return true;
}
