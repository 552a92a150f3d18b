// SPDX-License-Identifier: MIT
//
// The jump. In assembly because the stack under the function's feet is exchanged.

#include "port/stm32f4/handoff.h"

#include "port/stm32f4/registers/core.h"

_Noreturn void handoff(const uint32_t *vectors) {
    uint32_t initial_sp = vectors[0];
    uint32_t reset_vector = vectors[1];
    SCB_VTOR = (uint32_t)vectors;
    // dsb: VTOR and everything written before are in place; isb: fetches start anew after them
    // (PM0214 2.2.4). LR as after a reset (ARMv7-M B1.5.5), so that a debugger's
    // back trace ends here.
    __asm volatile("dsb\n"
                   "isb\n"
                   "mov lr, #-1\n"
                   "msr msp, %0\n"
                   "bx %1\n"
                   :
                   : "r"(initial_sp), "r"(reset_vector)
                   : "lr", "memory");
    __builtin_unreachable();
}
