// SPDX-License-Identifier: MIT
//
// A product's own boot mode: the factory test. It lights one LED after the other, a quarter of a second
// each, twice around, and then starts the application for good by a reset. It lives in the last sector,
// so loading the application does not touch it. How to get here: redfu_request_mode(16), or boot mode 16
// in the settings (docs/boot.md).

#include "app/redfu_app.h"
#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"

#define STEPS       8u
#define STEPS_A_SEC 4u

__attribute__((section(".version"), used)) static const char version[] = "redfu factory test";

static volatile uint32_t ticks;

void systick_handler(void) {
    ticks++;
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIODEN;
    (void)RCC_AHB1ENR; // as in blink.c
    for (unsigned led = LED_GREEN; led <= LED_BLUE; led++) {
        GPIOD_MODER |= GPIO_MODE(led, GPIO_OUTPUT);
    }
    STK_LOAD = HSI_HZ / STEPS_A_SEC - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;
    for (uint32_t step = 0; step < STEPS; step++) {
        GPIOD_BSRR = GPIO_SET(LED_GREEN + step % 4u);
        while (ticks == step) {
            __asm volatile("wfi");
        }
        GPIOD_BSRR = GPIO_RESET(LED_GREEN + step % 4u);
    }
    redfu_request_mode(BOOT_MODE_APPLICATION);
}
