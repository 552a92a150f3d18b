// SPDX-License-Identifier: MIT
//
// FLASH_OPTCR. Power that goes while the option bytes are erased and programmed may leave them erased, and an RDP
// byte that is erased is protection level 1 (RM0090 3.7.3): hence never without somebody asking.

#include "port/stm32f4/option.h"

#include "board.h"
#include "port/stm32f4/registers/flash.h"
#include "port/stm32f4/supply.h"
#include "port/stm32f4/watchdog.h"

// The sector of the option bytes is erased and programmed. No figure in the datasheet; a 16 Kbyte sector
// takes 500 ms at most at x32 (DS8626 table 40). Four times that.
#define OPTION_MAX_MS 2000u

#define BOOT_SECTORS  (((1u << BOARD_SETTINGS_FIRST) - 1u) << FLASH_OPTCR_NWRP_SHIFT)

uint32_t option_bytes(void) {
    return FLASH_OPTCR & ~FLASH_OPTCR_OPTLOCK;
}

bool option_protect_boot(struct clock *clock, bool is_wanted) {
    uint32_t old = option_bytes();
    uint32_t option = is_wanted ? old & ~BOOT_SECTORS : old | BOOT_SECTORS; // 0: protected
    if (old & FLASH_OPTCR_SPRMOD) {
        return false;
    }
    if (option == old) {
        return true;
    }
    if ((old & FLASH_OPTCR_RDP_MASK) == FLASH_OPTCR_RDP(FLASH_RDP_LEVEL_2) || !supply_is_safe() ||
        (FLASH_SR & FLASH_SR_BSY)) {
        return false;
    }
    // RM0090 3.7.2.
    FLASH_OPTKEYR = FLASH_OPTKEY1;
    FLASH_OPTKEYR = FLASH_OPTKEY2;
    if (FLASH_OPTCR & FLASH_OPTCR_OPTLOCK) {
        return false;
    }
    FLASH_OPTCR = option;
    FLASH_OPTCR = option | FLASH_OPTCR_OPTSTRT;
    __asm volatile("dsb" ::: "memory");
    uint32_t start = clock_millis(clock);
    while (FLASH_SR & FLASH_SR_BSY) {
        watchdog_feed();
        if (clock_millis(clock) - start > OPTION_MAX_MS) {
            return false;
        }
    }
    FLASH_OPTCR = option | FLASH_OPTCR_OPTLOCK;
    return option_bytes() == option;
}
