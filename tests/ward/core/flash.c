// SPDX-License-Identifier: MIT
//
// The flash driver (RM0090 3.6), under the names that people know.

#include "port/stm32f4/registers/flash.h"
#include "tests/ward/ward.h"

#define CR_PSIZE(n)  ((uint32_t)(n) << 8)
#define CR_PSIZE_ALL CR_PSIZE(3)
#define CR_SNB_ALL   FLASH_CR_SNB(15)

__attribute__((weak)) bool HAL_FLASH_Unlock(void) {
    if (FLASH_CR & FLASH_CR_LOCK) {
        FLASH_KEYR = FLASH_KEY1;
        FLASH_KEYR = FLASH_KEY2;
    }
    return !(FLASH_CR & FLASH_CR_LOCK);
}

__attribute__((weak)) void HAL_FLASH_Lock(void) {
    FLASH_CR |= FLASH_CR_LOCK;
}

// Errors are those of the operation that just ended: whoever starts one clears them first. The wait ends: an
// operation takes 4 s at most (DS8626 table 40), and while it lasts this very code stands still.
__attribute__((weak)) bool FLASH_WaitForLastOperation(void) {
    while (FLASH_SR & FLASH_SR_BSY) {
    }
    uint32_t errors = FLASH_SR & FLASH_SR_ERRORS;
    FLASH_SR = errors | FLASH_SR_EOP;
    return errors == 0;
}

__attribute__((weak)) void FLASH_Erase_Sector(uint32_t sector) {
    FLASH_CR = (FLASH_CR & ~(CR_PSIZE_ALL | CR_SNB_ALL)) | CR_PSIZE(ward.psize) | FLASH_CR_SER |
               FLASH_CR_SNB(sector);
    FLASH_CR |= FLASH_CR_STRT;
}

__attribute__((weak)) bool HAL_FLASHEx_Erase(uint32_t sector, uint32_t count) {
    bool is_done = true;
    FLASH_SR = FLASH_SR_ERRORS; // of whoever was here before
    for (uint32_t i = 0; i < count && is_done; i++) {
        FLASH_Erase_Sector(sector + i);
        is_done = FLASH_WaitForLastOperation();
        FLASH_CR &= ~(FLASH_CR_SER | CR_SNB_ALL);
    }
    return is_done;
}

__attribute__((weak)) bool HAL_FLASH_Program(uint32_t addr, uint32_t word) {
    FLASH_CR = (FLASH_CR & ~CR_PSIZE_ALL) | FLASH_CR_PSIZE_X32 | FLASH_CR_PG;
    REGISTER(addr) = word;
    bool is_done = FLASH_WaitForLastOperation();
    FLASH_CR &= ~FLASH_CR_PG;
    return is_done;
}
