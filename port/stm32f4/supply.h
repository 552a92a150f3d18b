// SPDX-License-Identifier: MIT
//
// Whether the supply bears what flash.h does with it. A pulled cable is a sagging rail: x32 programming
// and erasing need 2.7 V (RM0090 table 7), and below that they go wrong without a flag.

#ifndef PORT_STM32F4_SUPPLY_H
#define PORT_STM32F4_SUPPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "port/stm32f4/registers/pwr.h"

// Switches the voltage detector on. Once, before the first supply_is_safe().
void supply_init(void);

// False while the supply is below the detector's threshold.
bool supply_is_safe(void);
// The same of what the register said: for who counts cycles.
#define SUPPLY_REGISTER PWR_CSR
static inline bool supply_says_safe(uint32_t csr) {
    return !(csr & PWR_CSR_PVDO);
}

#endif
