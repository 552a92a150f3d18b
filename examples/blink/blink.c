// SPDX-License-Identifier: MIT
//
// The smallest useful application of redfu-boot: LEDs driven from an interrupt, and the user
// button leads back to DFU. What the LEDs show is each version's own (show_tick()).

#include "examples/blink/blink.h"

#include "app/redfu_app.h"
#include "examples/blink/stm32f407.h"

// A mechanical button bounces for some 5 to 20 ms: believed after 30 ms of the same level.
#define BUTTON_STABLE_MS 30u
#define BUTTON_PIN       0u

static volatile uint32_t ticks;

void led_set(enum led led, int on) {
    GPIOD_BSRR = on ? GPIO_SET(led) : GPIO_RESET(led);
}

void systick_handler(void) {
    show_tick(ticks);
    ticks++;
}

// Waits until the button reads `pressed` for BUTTON_STABLE_MS without a break. No bound: it waits
// for a person.
static void button_wait(uint32_t pressed) {
    uint32_t stable_ticks = BUTTON_STABLE_MS * show_ticks_per_second / 1000u;
    uint32_t since = ticks;
    while (ticks - since < stable_ticks) {
        if (((GPIOA_IDR >> BUTTON_PIN) & 1u) != pressed) {
            since = ticks;
        }
        __asm volatile("wfi");
    }
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOAEN | RCC_AHB1ENR_GPIODEN;
    // The clock is on two cycles after the write (ES0182, delay after clock enabling); reading back takes longer.
    (void)RCC_AHB1ENR;
    GPIOD_MODER |= GPIO_MODE(LED_GREEN, GPIO_OUTPUT) | GPIO_MODE(LED_ORANGE, GPIO_OUTPUT) |
                   GPIO_MODE(LED_RED, GPIO_OUTPUT) | GPIO_MODE(LED_BLUE, GPIO_OUTPUT);

    STK_LOAD = HSI_HZ / show_ticks_per_second - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;

    // Held since the start, it was meant for the bootloader: wait for the release first.
    button_wait(0);
    button_wait(1);
    redfu_request_dfu();
}
