// SPDX-License-Identifier: MIT
//
// The programmable voltage detector (RM0090 5.2.3), looked at, without its interrupt.

#include "port/stm32f4/supply.h"

#include "port/stm32f4/registers/rcc.h"

// Level 5: 2.82 V falling, 2.93 V rising, typically. The next lower one, 2.66 V, would answer "safe"
// below the 2.7 V that x32 needs (DS8626, embedded reset and power control block characteristics,
// from memory).
#define PVD_LEVEL 5u

void supply_init(void) {
    RCC_APB1ENR |= RCC_APB1ENR_PWREN;
    (void)RCC_APB1ENR; // until the interface answers (ES0182, delay after clock enabling)
    PWR_CR |= PWR_CR_PLS(PVD_LEVEL);
    PWR_CR |= PWR_CR_PVDE;
}

bool supply_is_safe(void) {
    return supply_says_safe(SUPPLY_REGISTER);
}
