// SPDX-License-Identifier: MIT
//
// What a CubeMX project's startup file does: vectors, memory, SystemInit(), main(). In C here; the table has
// the same name and the same 98 words.

#include <stdint.h>

#include "app/redfu_app.h"
#include "examples/cubemx/main.h"

// Linker script.
extern uint32_t _estack, _sidata, _sdata, _edata, _sbss, _ebss;

_Noreturn void Reset_Handler(void);
void Default_Handler(void);

void Default_Handler(void) {
    for (;;) {
    }
}

_Noreturn void Reset_Handler(void) {
    SystemInit();
    const volatile uint32_t *from = &_sidata;
    for (volatile uint32_t *to = &_sdata; to < &_edata; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *at = &_sbss; at < &_ebss; at++) {
        *at = 0;
    }
    main();
}

#define EIGHT(handler) handler, handler, handler, handler, handler, handler, handler, handler
#define ADDRESS(name)  (void *)(name)

// PM0214 table 17 and RM0090 table 62: 16 and 82 words. In assembly the promise is one line of
// g_pfnVectors, in place of the first of the four zeros behind UsageFault_Handler:
//     .word 0x52434603
__attribute__((section(".isr_vector"), used)) void *const g_pfnVectors[16 + 82] = {
    &_estack,
    ADDRESS(Reset_Handler),
    ADDRESS(Default_Handler),
    ADDRESS(HardFault_Handler),
    ADDRESS(Default_Handler),
    ADDRESS(Default_Handler),
    ADDRESS(Default_Handler),
    ADDRESS(START_PROMISE(3)),
    0,
    0,
    0,
    ADDRESS(Default_Handler),
    ADDRESS(Default_Handler),
    0,
    ADDRESS(Default_Handler),
    ADDRESS(SysTick_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    EIGHT(Default_Handler),
    Default_Handler,
    Default_Handler,
};
