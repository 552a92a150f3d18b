// SPDX-License-Identifier: MIT
//
// Vector table and clocks, where a CubeMX project has them: SystemInit() before main(), the clock from
// main(). Registers by the names of RM0090.

#include "examples/cubemx/main.h"

#define VECT_TAB_BASE_ADDRESS 0x08000000u
#define VECT_TAB_OFFSET       0x0000C000U

#define SCB_VTOR              REGISTER(0xe000ed08u)
#define FLASH_ACR             REGISTER(0x40023c00u)
#define RCC_CR                REGISTER(0x40023800u)
#define RCC_PLLCFGR           REGISTER(0x40023804u)
#define RCC_CFGR              REGISTER(0x40023808u)
#define RCC_CR_HSEON          (1u << 16)
#define RCC_CR_HSERDY         (1u << 17)
#define RCC_CR_PLLON          (1u << 24)
#define RCC_CR_PLLRDY         (1u << 25)
// 8 MHz / 8 * 336 / 2: 168 MHz, and 48 MHz for USB (RM0090 7.3.2).
#define PLL_168_MHZ           (8u | 336u << 6 | 1u << 22 | 7u << 24)
// 5 wait states at 168 MHz and 3.3 V (RM0090 table 10), prefetch, both caches.
#define ACR_168_MHZ           (5u | 1u << 8 | 1u << 9 | 1u << 10)
// APB1 a quarter, APB2 half.
#define CFGR_DIVIDERS         (5u << 10 | 4u << 13)
#define CFGR_SW_PLL           2u
#define CFGR_SWS              (3u << 2)
#define READY_TURNS           1000000u // a crystal starts within 2 ms (DS8626); then HSI goes on

uint32_t SystemCoreClock = 16000000;

void SystemInit(void) {
    SCB_VTOR = VECT_TAB_BASE_ADDRESS | VECT_TAB_OFFSET;
}

static int wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
    for (uint32_t turns = 0; turns < READY_TURNS; turns++) {
        if ((*reg & mask) == value) {
            return 1;
        }
    }
    return 0;
}

// redfu-boot hands over as after a reset: HSI, PLL off. So this finds what it finds without a bootloader.
void SystemClock_Config(void) {
    RCC_CR |= RCC_CR_HSEON;
    if (!wait_for(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY)) {
        return;
    }
    RCC_PLLCFGR = PLL_168_MHZ;
    RCC_CR |= RCC_CR_PLLON;
    FLASH_ACR = ACR_168_MHZ;
    RCC_CFGR |= CFGR_DIVIDERS;
    if (!wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) {
        return;
    }
    RCC_CFGR |= CFGR_SW_PLL;
    if (wait_for(&RCC_CFGR, CFGR_SWS, CFGR_SW_PLL << 2)) {
        SystemCoreClock = 168000000;
    }
}
