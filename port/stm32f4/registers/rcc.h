// SPDX-License-Identifier: MIT
//
// Reset and clock control (RM0090 7.3).

#ifndef PORT_STM32F4_REGISTERS_RCC_H
#define PORT_STM32F4_REGISTERS_RCC_H

#include "port/stm32f4/registers/register.h"

#define RCC_BASE                    0x40023800u
#define RCC_CR                      REGISTER(RCC_BASE + 0x00u)
#define RCC_PLLCFGR                 REGISTER(RCC_BASE + 0x04u)
#define RCC_CFGR                    REGISTER(RCC_BASE + 0x08u)
#define RCC_AHB1ENR                 REGISTER(RCC_BASE + 0x30u)
#define RCC_AHB2ENR                 REGISTER(RCC_BASE + 0x34u)
#define RCC_APB1ENR                 REGISTER(RCC_BASE + 0x40u)
#define RCC_AHB1LPENR               REGISTER(RCC_BASE + 0x50u)
#define RCC_APB2ENR                 REGISTER(RCC_BASE + 0x44u)
#define RCC_CSR                     REGISTER(RCC_BASE + 0x74u)

#define RCC_CR_HSEON                (1u << 16)
#define RCC_CR_HSERDY               (1u << 17)
#define RCC_CR_HSEBYP               (1u << 18)
#define RCC_CR_PLLON                (1u << 24)
#define RCC_CR_PLLRDY               (1u << 25)

// RM0090 7.3.2. PLLP counts 0 for 2, 1 for 4 ...
#define RCC_PLLCFGR_PLLM(m)         ((uint32_t)(m) << 0)
#define RCC_PLLCFGR_PLLN(n)         ((uint32_t)(n) << 6)
#define RCC_PLLCFGR_PLLP(p)         (((uint32_t)(p) / 2u - 1u) << 16)
#define RCC_PLLCFGR_PLLSRC_HSE      (1u << 22)
#define RCC_PLLCFGR_PLLQ(q)         ((uint32_t)(q) << 24)

// RM0090 7.3.3.
#define RCC_CFGR_SW_PLL             (2u << 0)
#define RCC_CFGR_SWS_MASK           (3u << 2)
#define RCC_CFGR_SWS_PLL            (2u << 2)
// APB prescalers by what they divide by: 1, 2 or 4.
#define RCC_CFGR_PPRE1(by)          (((by) == 1 ? 0u : (by) == 2 ? 4u : 5u) << 10)
#define RCC_CFGR_PPRE2(by)          (((by) == 1 ? 0u : (by) == 2 ? 4u : 5u) << 13)

// RM0090 7.3.10: ports A to I from bit 0.
#define RCC_AHB1ENR_GPIO(letter)    (1u << ((letter) - 'A'))
#define RCC_AHB1ENR_CRCEN           (1u << 12)
#define RCC_AHB1ENR_OTGHSEN         (1u << 29)
#define RCC_AHB1ENR_OTGHSULPIEN     (1u << 30)
// RM0090 7.3.15: clocked in sleep too, unless cleared.
#define RCC_AHB1LPENR_OTGHSULPILPEN (1u << 30)
// RM0090 7.3.11.
#define RCC_AHB2ENR_OTGFSEN         (1u << 7)
// RM0090 7.3.13.
#define RCC_APB1ENR_PWREN           (1u << 28)
// RM0090 7.3.14.
#define RCC_APB2ENR_SYSCFGEN        (1u << 14)
// RM0090 7.3.21; the flags above it are spec/boot.h's START_CAUSE.
#define RCC_CSR_RMVF                (1u << 24)

#endif
