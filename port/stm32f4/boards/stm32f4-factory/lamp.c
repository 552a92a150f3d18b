// SPDX-License-Identifier: MIT
//
// Boot mode 17 of the example board: all four LEDs on, until the next reset. Part of the boot stage:
// clocks are as after a reset, there are no variables, and the application is not touched.

#include "board.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"

#define LED_FIRST 12 // LD4, LD3, LD5, LD6: PD12 to PD15 (UM1472)
#define LED_LAST  15

BOARD_MODE_FUNCTIONS

void lamp_mode(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO('D');
    (void)RCC_AHB1ENR; // two AHB cycles until the port answers (ES0182)
    for (unsigned pin = LED_FIRST; pin <= LED_LAST; pin++) {
        GPIO_MODER('D') |= GPIO_2BIT(pin, GPIO_MODE_OUTPUT);
        GPIO_BSRR('D') = 1u << pin;
    }
    for (;;) {
        __asm volatile("wfi");
    }
}
