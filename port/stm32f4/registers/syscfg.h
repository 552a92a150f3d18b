// SPDX-License-Identifier: MIT
//
// System configuration (RM0090 9.2).

#ifndef PORT_STM32F4_REGISTERS_SYSCFG_H
#define PORT_STM32F4_REGISTERS_SYSCFG_H

#include "port/stm32f4/registers/register.h"

#define SYSCFG_MEMRMP        REGISTER(0x40013800u)
#define SYSCFG_MEMRMP_SYSTEM 1u // system memory at address 0

#endif
