// SPDX-License-Identifier: MIT
//
// Whether the supply bears what flash.h does with it. A pulled cable is a sagging rail: x32 programming
// and erasing need 2.7 V (RM0090 table 7), and below that they go wrong without a flag.

#ifndef PORT_STM32F4_SUPPLY_H
#define PORT_STM32F4_SUPPLY_H

#include <stdbool.h>

// Switches the voltage detector on. Once, before the first supply_is_safe().
void supply_init(void);

// False while the supply is below the detector's threshold.
bool supply_is_safe(void);

#endif
