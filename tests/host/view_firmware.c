// SPDX-License-Identifier: MIT
//
// For host/view: greets on USART2 (PA2) for ever.

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
// RM0090 7.3.10, 7.3.13, 8.4, 30.6.
#define RCC_AHB1ENR  REG(0x40023830)
#define RCC_APB1ENR  REG(0x40023840)
#define GPIOA_MODER  REG(0x40020000)
#define GPIOA_AFRL   REG(0x40020020)
#define USART2_SR    REG(0x40004400)
#define USART2_DR    REG(0x40004404)
#define USART2_BRR   REG(0x40004408)
#define USART2_CR1   REG(0x4000440C)

void start(void);

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[2] = {0x20001000,
                                                                                (uintptr_t)start};

void start(void) {
    RCC_AHB1ENR |= 1u;
    RCC_APB1ENR |= 1u << 17;
    GPIOA_MODER |= 2u << 4;
    GPIOA_AFRL |= 7u << 8;
    USART2_BRR = 139; // 115200 from 16 MHz
    USART2_CR1 = 1u << 13 | 1u << 3;
    for (;;) {
        for (const char *at = "greetings from USART2\r\n"; *at; at++) {
            while (!(USART2_SR & 0x80)) {
            }
            USART2_DR = (uint32_t)*at;
        }
    }
}
