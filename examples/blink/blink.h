// SPDX-License-Identifier: MIT
//
// What the parts of a blink example ask of each other. blink.c is common to all versions; a
// version's own file (blink-0.1.c, blink-0.2.c) says what the LEDs show.

#ifndef EXAMPLES_BLINK_BLINK_H
#define EXAMPLES_BLINK_BLINK_H

#include <stdint.h>

// LEDs of the discovery board, all on port D (UM1472). On another one blink.c has a green and a blue one,
// as far as its board.h says where they are.
enum led {
    LED_GREEN = 12,
    LED_ORANGE = 13,
    LED_RED = 14,
    LED_BLUE = 15,
};

// Turns one LED on or off. From show_tick() only.
void led_set(enum led led, int on);

// A version's picture: how often it wants to be called, and what it does each time. Called from
// the SysTick interrupt, with the count of ticks since start.
extern const uint32_t show_ticks_per_second;
void show_tick(uint32_t tick);

// Never returns; startup.c calls it.
_Noreturn void main(void);
void systick_handler(void);

#endif
