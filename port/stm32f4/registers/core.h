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
#define STK_CTRL_TICKINT      (1u << 1)
#define STK_CTRL_CLKSOURCE    (1u << 2)  // processor clock, not an eighth of it
#define STK_CTRL_COUNTFLAG    (1u << 16) // counted to 0 since the last read

// NVIC, PM0214 4.3: one bit an interrupt.
#define NVIC_ISER(irq)        REGISTER(0xe000e100u + (irq) / 32u * 4u)
#define NVIC_ICPR(irq)        REGISTER(0xe000e280u + (irq) / 32u * 4u)
#define NVIC_BIT(irq)         (1u << (irq) % 32u)

// System control block, PM0214 4.4.3 to 4.4.5.
#define SCB_ICSR              REGISTER(0xe000ed04u)
#define SCB_ICSR_PENDSTCLR    (1u << 25)
#define SCB_VTOR              REGISTER(0xe000ed08u)
#define SCB_AIRCR             REGISTER(0xe000ed0cu)
#define SCB_AIRCR_VECTKEY     (0x05fau << 16)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)

// Fault status and addresses, PM0214 4.4.9 to 4.4.15.
#define SCB_CFSR              REGISTER(0xe000ed28u)
#define SCB_HFSR              REGISTER(0xe000ed2cu)
#define SCB_MMFAR             REGISTER(0xe000ed34u)
#define SCB_BFAR              REGISTER(0xe000ed38u)

#endif
