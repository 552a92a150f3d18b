// SPDX-License-Identifier: MIT
//
// CRC calculation unit (RM0090 4.4).

#ifndef PORT_STM32F4_REGISTERS_CRC_H
#define PORT_STM32F4_REGISTERS_CRC_H

#include "port/stm32f4/registers/register.h"

#define CRC_DR       REGISTER(0x40023000u)
#define CRC_CR       REGISTER(0x40023008u)

#define CRC_CR_RESET (1u << 0)
// What CRC_CR_RESET puts into CRC_DR (RM0090 4.3).
#define CRC_DR_RESET 0xffffffffu

#endif
