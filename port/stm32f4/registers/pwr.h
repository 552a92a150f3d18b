// SPDX-License-Identifier: MIT
//
// Power control (RM0090 5.4).

#ifndef PORT_STM32F4_REGISTERS_PWR_H
#define PORT_STM32F4_REGISTERS_PWR_H

#include "port/stm32f4/registers/register.h"

#define PWR_BASE          0x40007000u
#define PWR_CR            REGISTER(PWR_BASE + 0x00u)
#define PWR_CSR           REGISTER(PWR_BASE + 0x04u)

#define PWR_CR_PVDE       (1u << 4)
#define PWR_CR_PLS(level) ((uint32_t)(level) << 5)
#define PWR_CSR_PVDO      (1u << 2)
#define PWR_CSR_VOSRDY    (1u << 14)

#endif
