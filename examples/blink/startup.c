// SPDX-License-Identifier: MIT
//
// Reset of the blink examples: vector table, memory set-up, main(). What an interrupt does is
// blink.c's. There is no libc.

#include <stdint.h>

#include "examples/blink/blink.h"
#include "examples/blink/stm32f407.h"

// Linker script: examples/application.ld.
extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;

_Noreturn void reset_handler(void);

// A fault stops here, where a debugger finds it: the LED stands still.
static _Noreturn void stop_handler(void) {
    for (;;) {
    }
}

// PM0214 table 17; peripheral interrupts are not used.
typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *initial_sp;
    vector handlers[15];
} vectors = {
    &stack_top,
    {
        reset_handler, // Reset
        stop_handler,  // NMI
        stop_handler,  // HardFault
        stop_handler,  // MemManage
        stop_handler,  // BusFault
        stop_handler,  // UsageFault
        0, 0, 0, 0,
        stop_handler, // SVCall
        stop_handler, // Debug monitor
        0,
        stop_handler,    // PendSV
        systick_handler, // SysTick
    },
};

_Noreturn void reset_handler(void) {
    // The bootloader has set it already; a program started by a debugger has not.
    SCB_VTOR = (uint32_t)&vectors;

    const volatile uint32_t *from = &data_load;
    for (volatile uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *at = &bss_start; at < &bss_end; at++) {
        *at = 0;
    }
    main();
}
