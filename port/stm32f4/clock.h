// SPDX-License-Identifier: MIT
//
// DFU mode's clocks (168 MHz core, 48 MHz USB) and its time.

#ifndef PORT_STM32F4_CLOCK_H
#define PORT_STM32F4_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

// Time: cycles of the core's clock, counted by SysTick without interrupts. SysTick wraps after
// 2^24 cycles (99.8 ms at 168 MHz), so clock_millis() must be called at least that often; the
// main loop does in every turn, and nothing in DFU mode waits that long.
struct clock {
    uint32_t cycles_per_ms;
    uint32_t last; // SysTick's value at the last look
    uint32_t rest; // cycles not yet counted as a millisecond
    uint32_t ms;
};

// Starts counting at the reset's clock (HSI, 16 MHz). First of all.
void clock_start(struct clock *clock);

// From the crystal over the PLL to 168 MHz, flash caches off. After clock_start().
// False when crystal or PLL did not start within CLOCK_READY_MS; the core then still runs on HSI.
bool clock_to_168_mhz(struct clock *clock) __attribute__((warn_unused_result));

// Milliseconds since clock_start(), wrapping.
uint32_t clock_millis(struct clock *clock);

#endif
