// SPDX-License-Identifier: MIT
//
// The independent watchdog: fed while in DFU mode, started for the application where the board says so.
// It may run since the reset (option byte WDG_SW) and cannot be stopped (RM0090 21.3).

#ifndef PORT_STM32F4_WATCHDOG_H
#define PORT_STM32F4_WATCHDOG_H

#include <stdint.h>

#include "port/stm32f4/registers/iwdg.h"

// The longest it can be told, at LSI's 32 kHz (17 to 47 kHz on silicon, DS8626 table 35).
#define WATCHDOG_MAX_MS ((IWDG_RLR_MAX + 1u) * 256u / 32u)

// Does nothing while it is not running. Fresh from a reset it runs 512 ms (RM0090 table 107), 350 ms
// with the fastest LSI: within that time from the last call.
static inline void watchdog_feed(void) {
    IWDG_KR = IWDG_KR_RELOAD;
}

// PR and RLR take at most 5 cycles of LSI to arrive (RM0090 21.4.4), 0.3 ms with the slowest; a turn of
// the wait takes more than 4 cycles of HSI.
#define WATCHDOG_SPINS_MAX (16000u * 2u / 4u)

// Starts it, 8 to WATCHDOG_MAX_MS milliseconds, rounded down to a multiple of 8 (RM0090 21.3).
static inline void watchdog_start(uint32_t ms) {
    IWDG_KR = IWDG_KR_START;
    IWDG_KR = IWDG_KR_ACCESS;
    IWDG_PR = IWDG_PR_DIV256;
    IWDG_RLR = ms / 8u - 1u;
    // Fed before they have arrived it would count down from its reset value.
    for (unsigned spins = WATCHDOG_SPINS_MAX; IWDG_SR != 0 && spins > 0; spins--) {
    }
    IWDG_KR = IWDG_KR_RELOAD;
}

#endif
