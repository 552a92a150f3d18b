// SPDX-License-Identifier: MIT
//
// Cortex-M4 system control space (PM0214 4.4, 4.5).

#ifndef PORT_STM32F4_REGISTERS_CORE_H
#define PORT_STM32F4_REGISTERS_CORE_H

#include "port/stm32f4/registers/register.h"

// SysTick, PM0214 4.5. Counts down 24 bits.
#define STK_CTRL              REGISTER(0xe000e010u)
#define STK_LOAD              REGISTER(0xe000e014u)
#define STK_VAL               REGISTER(0xe000e018u)
#define STK_CTRL_ENABLE       (1u << 0)
#define STK_CTRL_CLKSOURCE    (1u << 2) // processor clock, not an eighth of it
#define STK_MAX               0xffffffu

// System control block, PM0214 4.4.4 and 4.4.5.
#define SCB_VTOR              REGISTER(0xe000ed08u)
#define SCB_AIRCR             REGISTER(0xe000ed0cu)
#define SCB_AIRCR_VECTKEY     (0x05fau << 16)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)

#endif
