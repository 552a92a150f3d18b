// SPDX-License-Identifier: MIT
//
// The few registers the examples touch, named as in RM0090 and PM0214; the same on every chip that redfu-boot
// runs on.

#ifndef EXAMPLES_BLINK_STM32F407_H
#define EXAMPLES_BLINK_STM32F407_H

#include <stdint.h>

#define REGISTER(addr)           (*(volatile uint32_t *)(addr))

// RM0090 7.3.10: AHB1 peripheral clock enable.
#define RCC_AHB1ENR              REGISTER(0x40023830u)
#define RCC_AHB1ENR_GPIOAEN      (1u << 0)
#define RCC_AHB1ENR_GPIODEN      (1u << 3)

#define RCC_AHB1ENR_GPIO(letter) (1u << ((letter) - 'A'))

// RM0090 8.4: GPIO ports, by letter, and those of the discovery board.
#define GPIO_BASE(letter)        (0x40020000u + 0x400u * (uint32_t)((letter) - 'A'))
#define GPIO_MODER(letter)       REGISTER(GPIO_BASE(letter) + 0x00u)
#define GPIO_PUPDR(letter)       REGISTER(GPIO_BASE(letter) + 0x0cu)
#define GPIO_IDR(letter)         REGISTER(GPIO_BASE(letter) + 0x10u)
#define GPIO_BSRR(letter)        REGISTER(GPIO_BASE(letter) + 0x18u)
#define GPIOA_IDR                GPIO_IDR('A')
#define GPIOD_MODER              GPIO_MODER('D')
#define GPIOD_BSRR               GPIO_BSRR('D')
#define GPIO_OUTPUT              1u                               // two bits a pin in MODER
#define GPIO_SET(n)              (1u << (n))                      // in BSRR
#define GPIO_RESET(n)            (1u << ((n) + 16u))              // in BSRR
#define GPIO_MODE(n, mode)       ((uint32_t)(mode) << (2u * (n))) // and in PUPDR

// PM0214 4.5: SysTick.
#define STK_CTRL                 REGISTER(0xe000e010u)
#define STK_LOAD                 REGISTER(0xe000e014u)
#define STK_VAL                  REGISTER(0xe000e018u)
#define STK_CTRL_ENABLE          (1u << 0)
#define STK_CTRL_TICKINT         (1u << 1)
#define STK_CTRL_CLKSOURCE       (1u << 2) // the core's clock, not an eighth of it

// PM0214 4.4.4.
#define SCB_VTOR                 REGISTER(0xe000ed08u)

// After a reset, and so at an application's start, the chip runs on HSI (RM0090 7.2.2).
#define HSI_HZ                   16000000u

#endif
