// SPDX-License-Identifier: MIT
//
// Emulated EEPROM in the manner of AN3969: two pages, each begins with its state. Only what happens to the pages is
// here: one has to be valid, and both at once are cleared up. Nothing is stored.

#include "port/stm32f4/registers/register.h"
#include "tests/ward/ward.h"

#define ERASED     0xffffu
#define VALID_PAGE 0x0000u

__attribute__((weak)) const uint32_t ee_pages[2] = {WARD_EE_PAGE0, WARD_EE_PAGE1};

static uint16_t state_of(unsigned page) {
    return *(volatile uint16_t *)ee_pages[page];
}

static void format(void) {
    if (HAL_FLASH_Unlock()) {
        (void)(HAL_FLASHEx_Erase(GetSector(ee_pages[0]), 1) &&
               HAL_FLASH_Program(ee_pages[0], 0xffff0000u | VALID_PAGE));
        if (state_of(1) != ERASED) {
            (void)HAL_FLASHEx_Erase(GetSector(ee_pages[1]), 1);
        }
    }
    HAL_FLASH_Lock();
}

__attribute__((weak)) void EE_Init(void) {
    bool is_first_valid = state_of(0) == VALID_PAGE;
    bool is_second_valid = state_of(1) == VALID_PAGE;
    if (is_first_valid == is_second_valid) {
        format(); // none, or both: start over
    }
}
