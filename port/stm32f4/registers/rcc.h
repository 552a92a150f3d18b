// SPDX-License-Identifier: MIT
//
// Reset and clock control (RM0090 7.3).

#ifndef PORT_STM32F4_REGISTERS_RCC_H
#define PORT_STM32F4_REGISTERS_RCC_H

#include "port/stm32f4/registers/register.h"

#define RCC_BASE                 0x40023800u
#define RCC_CR                   REGISTER(RCC_BASE + 0x00u)
#define RCC_PLLCFGR              REGISTER(RCC_BASE + 0x04u)
#define RCC_CFGR                 REGISTER(RCC_BASE + 0x08u)
#define RCC_AHB1ENR              REGISTER(RCC_BASE + 0x30u)
#define RCC_AHB2ENR              REGISTER(RCC_BASE + 0x34u)
#define RCC_APB1ENR              REGISTER(RCC_BASE + 0x40u)

#define RCC_CR_HSEON             (1u << 16)
#define RCC_CR_HSERDY            (1u << 17)
#define RCC_CR_PLLON             (1u << 24)
#define RCC_CR_PLLRDY            (1u << 25)

// RM0090 7.3.2. PLLP counts 0 for 2, 1 for 4 ...
#define RCC_PLLCFGR_PLLM(m)      ((uint32_t)(m) << 0)
#define RCC_PLLCFGR_PLLN(n)      ((uint32_t)(n) << 6)
#define RCC_PLLCFGR_PLLP(p)      (((uint32_t)(p) / 2u - 1u) << 16)
#define RCC_PLLCFGR_PLLSRC_HSE   (1u << 22)
#define RCC_PLLCFGR_PLLQ(q)      ((uint32_t)(q) << 24)

// RM0090 7.3.3.
#define RCC_CFGR_SW_PLL          (2u << 0)
#define RCC_CFGR_SWS_MASK        (3u << 2)
#define RCC_CFGR_SWS_PLL         (2u << 2)
#define RCC_CFGR_PPRE1_DIV4      (5u << 10)
#define RCC_CFGR_PPRE2_DIV2      (4u << 13)

// RM0090 7.3.10: ports A to I from bit 0.
#define RCC_AHB1ENR_GPIO(letter) (1u << ((letter) - 'A'))
#define RCC_AHB1ENR_OTGHSEN      (1u << 29)
// RM0090 7.3.11.
#define RCC_AHB2ENR_OTGFSEN      (1u << 7)
// RM0090 7.3.13.
#define RCC_APB1ENR_PWREN        (1u << 28)

#endif
