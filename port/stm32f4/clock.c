// SPDX-License-Identifier: MIT
//
// HSE -> PLL -> the core and 48 MHz; milliseconds from SysTick.

#include "port/stm32f4/clock.h"

#include "board.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/flash.h"
#include "port/stm32f4/registers/pwr.h"
#include "port/stm32f4/registers/rcc.h"

#define HSI_HZ  16000000u // RM0090 7.2.2

// RM0090 7.3.2, RM0368 6.3.2, RM0383 6.3.2 (chips/stm32f4.h): HSE / M = 1 MHz.
#define PLL_M   (BOARD_HSE_HZ / 1000000)
#define VCO_HZ  (1000000u * CHIP_PLL_N)
#define CORE_HZ (VCO_HZ / CHIP_PLL_P)
_Static_assert(BOARD_HSE_HZ % 1000000 == 0 && BOARD_HSE_HZ >= 4000000 && BOARD_HSE_HZ <= 26000000,
               "BOARD_HSE_HZ is not 4 to 26 MHz, or PLLM cannot make 1 MHz of it");
_Static_assert(VCO_HZ >= CHIP_VCO_HZ_MIN && VCO_HZ <= CHIP_VCO_HZ_MAX,
               "the VCO is out of its range");
_Static_assert(CORE_HZ <= CHIP_CORE_HZ_MAX && VCO_HZ % CHIP_PLL_P == 0, "the core is too fast");
_Static_assert(VCO_HZ == 48000000u * CHIP_PLL_Q, "the PLL does not make 48 MHz");

#define FLASH_WAIT_STATES ((uint32_t)CHIP_WAIT_STATES(CORE_HZ))

// The least that keeps a bus within its limit.
#define APB_DIVIDER(max)  (CORE_HZ <= (max) ? 1 : CORE_HZ <= 2u * (max) ? 2 : 4)
_Static_assert(CORE_HZ / APB_DIVIDER(CHIP_APB1_HZ_MAX) <= CHIP_APB1_HZ_MAX, "APB1 is too fast");

// Datasheet DS8626: a crystal starts in 2 ms typically (table 30), the PLL locks in 300 us at
// most (table 36). Allow what ST's HAL allows the crystal (HSE_STARTUP_TIMEOUT, 100 ms).
#define CLOCK_READY_MS 100u

// Counts LOAD down to 0 and starts over (PM0214 4.5.2).
static void tick_every_ms(uint32_t core_hz) {
    STK_LOAD = core_hz / 1000u - 1u;
    STK_VAL = 0; // any write: start over, COUNTFLAG cleared
}

void clock_start(struct clock *clock) {
    tick_every_ms(HSI_HZ);
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;
    clock->ms = 0;
}

uint32_t clock_millis(struct clock *clock) {
    if (STK_CTRL & STK_CTRL_COUNTFLAG) {
        clock->ms++;
    }
    return clock->ms;
}

static bool wait_ready(struct clock *clock, volatile uint32_t *at, uint32_t mask, uint32_t want) {
    uint32_t start = clock_millis(clock);
    while ((*at & mask) != want) {
        if (clock_millis(clock) - start > CLOCK_READY_MS) {
            return false;
        }
    }
    return true;
}

bool clock_speed_up(struct clock *clock) {
    if (CHIP_PWR_CR_VOS != 0) {
        RCC_APB1ENR |= RCC_APB1ENR_PWREN;
        (void)RCC_APB1ENR; // until the interface answers (ES0182, delay after clock enabling)
        // While the PLL is off; in effect once it runs (RM0383 5.4.1).
        PWR_CR |= CHIP_PWR_CR_VOS;
    }
    if (BOARD_HSE_BYPASS) {
        RCC_CR |= RCC_CR_HSEBYP; // before HSEON (RM0090 7.3.1)
    }
    RCC_CR |= RCC_CR_HSEON;
    if (!wait_ready(clock, &RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY)) {
        return false;
    }
    RCC_PLLCFGR = RCC_PLLCFGR_PLLM(PLL_M) | RCC_PLLCFGR_PLLN(CHIP_PLL_N) |
                  RCC_PLLCFGR_PLLP(CHIP_PLL_P) | RCC_PLLCFGR_PLLSRC_HSE |
                  RCC_PLLCFGR_PLLQ(CHIP_PLL_Q);
    RCC_CR |= RCC_CR_PLLON;
    if (!wait_ready(clock, &RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) {
        return false;
    }
    if (CHIP_PWR_CR_VOS != 0 && !wait_ready(clock, &PWR_CSR, PWR_CSR_VOSRDY, PWR_CSR_VOSRDY)) {
        return false;
    }

    // Caches and prefetch stay off, as after a reset: nothing runs from flash, and lines kept
    // over an erase would be stale (RM0090 3.5.2, 3.6.3).
    FLASH_ACR = FLASH_WAIT_STATES;
    // The new latency must be in effect before the clock rises (RM0090 3.5.1).
    if (!wait_ready(clock, &FLASH_ACR, FLASH_ACR_LATENCY_MASK, FLASH_WAIT_STATES)) {
        return false;
    }
    RCC_CFGR = RCC_CFGR_PPRE1(APB_DIVIDER(CHIP_APB1_HZ_MAX)) |
               RCC_CFGR_PPRE2(APB_DIVIDER(CHIP_APB2_HZ_MAX)) | RCC_CFGR_SW_PLL;
    if (!wait_ready(clock, &RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL)) {
        return false;
    }
    tick_every_ms(CORE_HZ);
    return true;
}
