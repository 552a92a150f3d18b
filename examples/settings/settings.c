// SPDX-License-Identifier: MIT
//
// Settings in an application: it counts its starts, and its green LED blinks with the period that a person
// has set. On the PC, with the board in DFU mode:
//
//     redfu settings set 0x0002 u16:100
//     redfu settings list
//
// The user button leads back to DFU.

#include "app/redfu_app.h"
#include "app/redfu_settings.h"
#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"

#define KEY_STARTS        0x0001u // u32, counted here
#define KEY_PERIOD_MS     0x0002u // u16, set by a person
#define KEY_PERIOD_IN_USE 0x0003u // u16, what the LED does: said here
#define PERIOD_DEFAULT_MS 500u
#define TICKS_PER_SECOND  1000u
#define BUTTON_PIN        0u

__attribute__((section(".version"), used)) static const char version[] = "redfu settings example";

static struct redfu_settings settings;
static volatile uint32_t ticks;
static uint32_t period_ms;

void systick_handler(void) {
    ticks++;
    uint32_t phase = ticks % period_ms;
    GPIOD_BSRR = phase < period_ms / 2 ? GPIO_SET(LED_GREEN) : GPIO_RESET(LED_GREEN);
}

// Numbers lie in the settings as in this processor's memory: least significant byte first.
static uint32_t number(uint16_t key, uint32_t bytes, uint32_t absent) {
    uint32_t value = 0;
    uint32_t len;
    enum settings_result result = redfu_settings_get(&settings, key, &value, sizeof value, &len);
    return result == SETTINGS_OK && len == bytes ? value : absent;
}

static enum settings_result count_start(void) {
    enum settings_result result = redfu_settings_open(&settings, 0);
    if (result != SETTINGS_OK) {
        return result;
    }
    period_ms = number(KEY_PERIOD_MS, 2, PERIOD_DEFAULT_MS);
    if (period_ms < 2) {
        period_ms = PERIOD_DEFAULT_MS;
    }
    uint32_t starts = number(KEY_STARTS, 4, 0) + 1;
    result = redfu_settings_set(&settings, KEY_STARTS, &starts, 4);
    return result == SETTINGS_OK ? redfu_settings_set(&settings, KEY_PERIOD_IN_USE, &period_ms, 2)
                                 : result;
}

_Noreturn void main(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOAEN | RCC_AHB1ENR_GPIODEN;
    (void)RCC_AHB1ENR; // ES0182, delay after clock enabling
    GPIOD_MODER |= GPIO_MODE(LED_GREEN, GPIO_OUTPUT) | GPIO_MODE(LED_RED, GPIO_OUTPUT);

    period_ms = PERIOD_DEFAULT_MS;
    if (count_start() != SETTINGS_OK) {
        GPIOD_BSRR = GPIO_SET(LED_RED); // runs on with what it has
    }
    STK_LOAD = HSI_HZ / TICKS_PER_SECOND - 1u;
    STK_VAL = 0;
    STK_CTRL = STK_CTRL_CLKSOURCE | STK_CTRL_TICKINT | STK_CTRL_ENABLE;

    // Held since the start, it was meant for the bootloader: a release comes first.
    while ((GPIOA_IDR >> BUTTON_PIN) & 1u) {
        __asm volatile("wfi");
    }
    while (!((GPIOA_IDR >> BUTTON_PIN) & 1u)) {
        __asm volatile("wfi");
    }
    redfu_request_dfu();
}
