// SPDX-License-Identifier: MIT
//
// HSE -> PLL -> 168 MHz and 48 MHz; milliseconds from SysTick.

#include "port/stm32f4/clock.h"

#include "board.h"
#include "port/stm32f4/registers/core.h"
#include "port/stm32f4/registers/flash.h"
#include "port/stm32f4/registers/rcc.h"

#define HSI_HZ  16000000u // RM0090 7.2.2
#define CORE_HZ 168000000u

// RM0090 7.3.2: HSE / M = 1 MHz, x 336 = 336 MHz; / 2 = 168 MHz core, / 7 = 48 MHz USB.
#define PLL_M   (BOARD_HSE_HZ / 1000000)
#define PLL_N   336
#define PLL_P   2
#define PLL_Q   7
_Static_assert(BOARD_HSE_HZ % 1000000 == 0 && PLL_M >= 2 && PLL_M <= 63, "PLLM cannot make 1 MHz");
_Static_assert(1000000u * PLL_N / PLL_P == CORE_HZ, "PLL does not make the core's clock");
_Static_assert(1000000u * PLL_N / PLL_Q == 48000000u, "PLL does not make 48 MHz");

// RM0090 table 10: 150 to 168 MHz at 2.7 to 3.6 V.
#define FLASH_WAIT_STATES 5u

// Datasheet DS8626: a crystal starts in 2 ms typically (table 30), the PLL locks in 300 us at
// most (table 36). Allow what ST's HAL allows the crystal (HSE_STARTUP_TIMEOUT, 100 ms).
#define CLOCK_READY_MS    100u

void clock_start(struct clock *clock) {
    STK_LOAD = STK_MAX;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_ENABLE;
    clock->cycles_per_ms = HSI_HZ / 1000u;
    clock->last = STK_VAL;
    clock->rest = 0;
    clock->ms = 0;
}

uint32_t clock_millis(struct clock *clock) {
    uint32_t now = STK_VAL;
    clock->rest += (clock->last - now) & STK_MAX; // it counts down
    clock->last = now;
    uint32_t ms = clock->rest / clock->cycles_per_ms;
    clock->rest -= ms * clock->cycles_per_ms;
    clock->ms += ms;
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

bool clock_to_168_mhz(struct clock *clock) {
    RCC_CR |= RCC_CR_HSEON;
    if (!wait_ready(clock, &RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY)) {
        return false;
    }
    RCC_PLLCFGR = RCC_PLLCFGR_PLLM(PLL_M) | RCC_PLLCFGR_PLLN(PLL_N) | RCC_PLLCFGR_PLLP(PLL_P) |
                  RCC_PLLCFGR_PLLSRC_HSE | RCC_PLLCFGR_PLLQ(PLL_Q);
    RCC_CR |= RCC_CR_PLLON;
    if (!wait_ready(clock, &RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) {
        return false;
    }

    // Caches and prefetch stay off, as after a reset: nothing runs from flash, and lines kept
    // over an erase would be stale (RM0090 3.5.2, 3.6.3). The regulator's scale 1, needed
    // above 144 MHz, is its reset state (RM0090 5.4.1).
    FLASH_ACR = FLASH_WAIT_STATES;
    // The new latency must be in effect before the clock rises (RM0090 3.5.1).
    if (!wait_ready(clock, &FLASH_ACR, FLASH_ACR_LATENCY_MASK, FLASH_WAIT_STATES)) {
        return false;
    }
    // APB1 at most 42 MHz, APB2 at most 84 MHz (RM0090 7.3.3).
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2 | RCC_CFGR_SW_PLL;
    if (!wait_ready(clock, &RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL)) {
        return false;
    }
    clock->cycles_per_ms = CORE_HZ / 1000u;
    return true;
}
