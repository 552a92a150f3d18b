// SPDX-License-Identifier: MIT
//
// DFU mode's clocks (the core as fast as the chip's table says, 48 MHz for USB) and its time.

#ifndef PORT_STM32F4_CLOCK_H
#define PORT_STM32F4_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

// Time: SysTick goes round once a millisecond, and clock_millis() counts one when it has since the
// last call. The main loop calls it in every turn; a turn that takes longer than a millisecond (a
// pass over a long settings log) lets time fall behind, which makes a wait longer, never shorter.
struct clock {
    uint32_t ms;
};

// Starts counting at the reset's clock (HSI, 16 MHz). First of all, with interrupts off for good:
// each millisecond makes SysTick pending, which ends sleep (sleep.h).
void clock_start(struct clock *clock);

// From the crystal over the PLL to the chip's speed, flash caches off. After clock_start().
// False when crystal or PLL did not start within CLOCK_READY_MS; the core then still runs on HSI.
bool clock_speed_up(struct clock *clock) __attribute__((warn_unused_result));

// Milliseconds since clock_start(), wrapping.
uint32_t clock_millis(struct clock *clock);

#endif
