// SPDX-License-Identifier: MIT
//
// General-purpose ports (RM0090 8.4), by letter.

#ifndef PORT_STM32F4_REGISTERS_GPIO_H
#define PORT_STM32F4_REGISTERS_GPIO_H

#include "port/stm32f4/registers/register.h"

// RM0090 table 1: ports lie 1 Kbyte apart.
#define GPIO_BASE(letter)    (0x40020000u + 0x400u * (uint32_t)((letter) - 'A'))
#define GPIO_MODER(letter)   REGISTER(GPIO_BASE(letter) + 0x00u)
#define GPIO_OSPEEDR(letter) REGISTER(GPIO_BASE(letter) + 0x08u)
#define GPIO_PUPDR(letter)   REGISTER(GPIO_BASE(letter) + 0x0cu)
#define GPIO_IDR(letter)     REGISTER(GPIO_BASE(letter) + 0x10u)
#define GPIO_BSRR(letter)    REGISTER(GPIO_BASE(letter) + 0x18u)
#define GPIO_AFR(letter, n)  REGISTER(GPIO_BASE(letter) + 0x20u + 4u * ((n) / 8u)) // pin n's

// Two bits a pin in MODER and OSPEEDR, four in AFR.
#define GPIO_BSRR_SET(n)     (1u << (n))
#define GPIO_BSRR_RESET(n)   (1u << ((n) + 16u))
#define GPIO_MODE_OUTPUT     1u
#define GPIO_MODE_ALTERNATE  2u
#define GPIO_SPEED_VERY_HIGH 3u
#define GPIO_2BIT(n, value)  ((uint32_t)(value) << (2u * (n)))
#define GPIO_4BIT(n, value)  ((uint32_t)(value) << (4u * ((n) % 8u)))

#endif
