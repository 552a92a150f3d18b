// SPDX-License-Identifier: MIT
//
// The board's button, as found at reset.

#ifndef PORT_STM32F4_BUTTON_H
#define PORT_STM32F4_BUTTON_H

#include <stdbool.h>

// Whether the button is held. Leaves the port as a reset does (clock off, pin an input).
// Boot stage only, before clocks are set up.
bool button_is_pressed(void);

#endif
