// SPDX-License-Identifier: MIT
//
// Reset, vectors, memory set-up.

#include "port/stm32f4/registers/core.h"
#include "tests/ward/core/core.h"
#include "tests/ward/ward.h"

extern uint32_t _estack, data_start, data_end, data_load, bss_start, bss_end; // ward.ld

static _Noreturn void stop_handler(void) {
    for (;;) {
    }
}

// Of an interrupt nobody meant: it is switched off, or it would come for ever.
static void unexpected_handler(void) {
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    REGISTER(0xe000e180u + (number - 16u) / 32u * 4u) =
        NVIC_BIT(number - 16u); // ICER, PM0214 4.3.3
}

_Noreturn void Reset_Handler(void) {
    const volatile uint32_t *from = &data_load;
    for (volatile uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *at = &bss_start; at < &bss_end; at++) {
        *at = 0;
    }
    main();
}

#define U2 unexpected_handler, unexpected_handler
#define U8 U2, U2, U2, U2
typedef void (*vector)(void);
// PM0214 table 17, RM0090 table 62: OTG_HS is at position 77 of 82.
__attribute__((section(".isr_vector"), used)) static const struct {
    uint32_t *stack;
    vector system[15];
    vector interrupts[82];
} vectors = {
    &_estack,
    {Reset_Handler, stop_handler, stop_handler, stop_handler, stop_handler, stop_handler, 0, 0, 0,
     0, stop_handler, stop_handler, 0, stop_handler, SysTick_Handler},
    {U8, U8, U8, U8, U8, U8, U8, U8, U8, U2, U2, unexpected_handler, OTG_HS_IRQHandler, U2, U2},
};
