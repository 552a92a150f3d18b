// SPDX-License-Identifier: MIT
//
// blink 0.1: the green LED, 250 ms on, 250 ms off (2 Hz).

#include "examples/blink/blink.h"

// Found by tools that look into the image; the program does not need it.
__attribute__((section(".version"), used)) static const char version[] = "redfu blink 0.1";

const uint32_t show_ticks_per_second = 1000;

void show_tick(uint32_t tick) {
    switch (tick % 500u) {
    case 0:
        led_set(LED_GREEN, 1);
        break;
    case 250:
        led_set(LED_GREEN, 0);
        break;
    default:
        break;
    }
}
