// SPDX-License-Identifier: MIT
//
// One look at the button's pin. Bouncing does not matter: somebody who wants DFU holds the
// button through the reset.

#include "port/stm32f4/button.h"

#include "board.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"

bool button_is_pressed(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(BOARD_BUTTON_PORT);
    // The port answers two AHB cycles after its clock is on (ES0182, delay after clock enabling); reading back takes
    // longer. The pin has been an input since reset (RM0090 8.4.1), so its level has settled.
    (void)RCC_AHB1ENR;
    uint32_t levels = GPIO_IDR(BOARD_BUTTON_PORT);
    RCC_AHB1ENR &= ~RCC_AHB1ENR_GPIO(BOARD_BUTTON_PORT);
    return ((levels >> BOARD_BUTTON_PIN) & 1u) == BOARD_BUTTON_ACTIVE;
}
