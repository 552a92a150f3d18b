// SPDX-License-Identifier: MIT
//
// What the files of this example have in common.

#ifndef EXAMPLES_CUBEMX_MAIN_H
#define EXAMPLES_CUBEMX_MAIN_H

#include <stdint.h>

#define REGISTER(addr) (*(volatile uint32_t *)(addr))

// system.c
void SystemInit(void);
void SystemClock_Config(void);
extern uint32_t SystemCoreClock;

// interrupts.c
void HardFault_Handler(void);
void SysTick_Handler(void);
extern volatile uint32_t uwTick;

_Noreturn int main(void);

#endif
