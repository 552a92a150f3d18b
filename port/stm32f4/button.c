// SPDX-License-Identifier: MIT
//
// One look at the button's pin. Bouncing does not matter: somebody who wants DFU holds the
// button through the reset.

#include "port/stm32f4/button.h"

#include "board.h"
#include "port/stm32f4/registers/gpio.h"
#include "port/stm32f4/registers/rcc.h"

// A pull resistor of 50 kohm at most (DS8626 table 48) and 100 pF of pin and wire make a time constant of
// 5 us; these turns, of at least 4 cycles of HSI, take five of them.
#define PULL_SETTLES_TURNS 100u

bool button_is_pressed(void) {
    if (!BOARD_HAS_BUTTON) {
        return false;
    }
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(BOARD_BUTTON_PORT);
    // The port answers two AHB cycles after its clock is on (ES0182, delay after clock enabling); reading back takes
    // longer. The pin has been an input since reset (RM0090 8.4.1), so its level has settled.
    (void)RCC_AHB1ENR;
    if (BOARD_BUTTON_PULL != 0) {
        GPIO_PUPDR(BOARD_BUTTON_PORT) |= GPIO_2BIT(BOARD_BUTTON_PIN, BOARD_BUTTON_PULL);
        for (volatile unsigned turns = PULL_SETTLES_TURNS; turns > 0; turns--) {
        }
    }
    uint32_t levels = GPIO_IDR(BOARD_BUTTON_PORT);
    if (BOARD_BUTTON_PULL != 0) {
        GPIO_PUPDR(BOARD_BUTTON_PORT) &= ~GPIO_2BIT(BOARD_BUTTON_PIN, 3);
    }
    RCC_AHB1ENR &= ~RCC_AHB1ENR_GPIO(BOARD_BUTTON_PORT);
    return ((levels >> BOARD_BUTTON_PIN) & 1u) == BOARD_BUTTON_ACTIVE;
}
