// SPDX-License-Identifier: MIT
//
// Words at the lowest place that DFU mode's stack may reach (redfu-boot.ld: STACK_BYTES), looked at in each
// turn of the main loop and before each flash operation. Below them nothing is used for far more than
// the stack's whole size, so what went too deep has spoilt nothing by the time it is found.

#ifndef PORT_STM32F4_STACK_GUARD_H
#define PORT_STM32F4_STACK_GUARD_H

#include <stdint.h>

#define STACK_GUARD_WORDS 4u
#define STACK_GUARD_WORD  0x4b415453u // "STAK" in memory order; no address, no count

extern uint32_t stack_limit[]; // linker script

static inline void stack_guard_set(void) {
    for (unsigned i = 0; i < STACK_GUARD_WORDS; i++) {
        stack_limit[i] = STACK_GUARD_WORD;
    }
}

// Our own bug: a fault (fault.h), which is noted and leads back into DFU mode.
static inline void stack_guard_check(void) {
    const volatile uint32_t *at = stack_limit;
    for (unsigned i = 0; i < STACK_GUARD_WORDS; i++) {
        if (at[i] != STACK_GUARD_WORD) {
            __builtin_trap();
        }
    }
}

#endif
