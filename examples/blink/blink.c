// SPDX-License-Identifier: MIT
//
// The smallest useful application of redfu-boot: LEDs driven from an interrupt, and the user
// button leads back to DFU. What the LEDs show is each version's own (show_tick()).

#include "examples/blink/blink.h"

#include "app/redfu_app.h"
#include "board.h"
#include "examples/blink/stm32f407.h"

// A mechanical button bounces for some 5 to 20 ms: believed after 30 ms of the same level.
#define BUTTON_STABLE_MS 30u

static volatile uint32_t ticks;

// What is green on the discovery board is the board's first LED here, what is blue its second.
void led_set(enum led led, int on) {
    int high = on == BOARD_LED_ACTIVE;
    if (BOARD_HAS_LED && led == LED_GREEN) {
        GPIO_BSRR(BOARD_LED_PORT) = high ? GPIO_SET(BOARD_LED_PIN) : GPIO_RESET(BOARD_LED_PIN);
    }
    if (BOARD_HAS_LED2 && led == LED_BLUE) {
        GPIO_BSRR(BOARD_LED2_PORT) = high ? GPIO_SET(BOARD_LED2_PIN) : GPIO_RESET(BOARD_LED2_PIN);
    }
}

void systick_handler(void) {
    show_tick(ticks);
    ticks++;
}

// Waits until the button's being pressed is `pressed` for BUTTON_STABLE_MS without a break. No bound: it waits
// for a person.
static void button_wait(uint32_t pressed) {
    uint32_t stable_ticks = BUTTON_STABLE_MS * show_ticks_per_second / 1000u;
    uint32_t since = ticks;
    while (ticks - since < stable_ticks) {
        uint32_t level = (GPIO_IDR(BOARD_BUTTON_PORT) >> BOARD_BUTTON_PIN) & 1u;
        if ((level == BOARD_BUTTON_ACTIVE) != pressed) {
            since = ticks;
        }
        __asm volatile("wfi");
    }
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(BOARD_BUTTON_PORT) | RCC_AHB1ENR_GPIO(BOARD_LED_PORT) |
                   RCC_AHB1ENR_GPIO(BOARD_LED2_PORT);
    // The clock is on two cycles after the write (ES0182, delay after clock enabling); reading back takes longer.
    (void)RCC_AHB1ENR;
    led_set(LED_GREEN, 0);
    led_set(LED_BLUE, 0);
    if (BOARD_HAS_LED) {
        GPIO_MODER(BOARD_LED_PORT) |= GPIO_MODE(BOARD_LED_PIN, GPIO_OUTPUT);
    }
    if (BOARD_HAS_LED2) {
        GPIO_MODER(BOARD_LED2_PORT) |= GPIO_MODE(BOARD_LED2_PIN, GPIO_OUTPUT);
    }
    GPIO_PUPDR(BOARD_BUTTON_PORT) |= GPIO_MODE(BOARD_BUTTON_PIN, BOARD_BUTTON_PULL);

    STK_LOAD = HSI_HZ / show_ticks_per_second - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;

    while (!BOARD_HAS_BUTTON) {
        __asm volatile("wfi");
    }
    // Held since the start, it was meant for the bootloader: wait for the release first.
    button_wait(0);
    button_wait(1);
    redfu_request_dfu();
}
