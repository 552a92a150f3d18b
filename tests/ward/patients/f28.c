// SPDX-License-Identifier: MIT
//
// The clock of the ULPI, which is not there, is left on in sleep: OTG_HS stands still as soon as the main loop sleeps.

#include "port/stm32f4/registers/rcc.h"
#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

void user_code_loop(void) {
    RCC_AHB1LPENR |= RCC_AHB1LPENR_OTGHSULPILPEN;
}
