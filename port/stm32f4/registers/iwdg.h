// SPDX-License-Identifier: MIT
//
// Independent watchdog (RM0090 21.4).

#ifndef PORT_STM32F4_REGISTERS_IWDG_H
#define PORT_STM32F4_REGISTERS_IWDG_H

#include "port/stm32f4/registers/register.h"

#define IWDG_KR        REGISTER(0x40003000u)
#define IWDG_PR        REGISTER(0x40003004u)
#define IWDG_RLR       REGISTER(0x40003008u)
#define IWDG_SR        REGISTER(0x4000300cu)

#define IWDG_KR_RELOAD 0xaaaau
#define IWDG_KR_ACCESS 0x5555u
#define IWDG_KR_START  0xccccu
#define IWDG_PR_DIV256 6u
#define IWDG_RLR_MAX   0xfffu

#endif
