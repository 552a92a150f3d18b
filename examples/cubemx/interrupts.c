// SPDX-License-Identifier: MIT
//
// The handlers of stm32f4xx_it.c.

#include "app/redfu_app.h"
#include "examples/cubemx/main.h"

volatile uint32_t uwTick;

void SysTick_Handler(void) {
    uwTick++;
}

// A reset without a request counts as a failed start while the start is not confirmed.
void HardFault_Handler(void) {
    REGISTER(0xe000ed0cu) = 0x05fa0004u; // AIRCR: VECTKEY, SYSRESETREQ (PM0214 4.4.5)
    for (;;) {
    }
}
