// SPDX-License-Identifier: MIT
//
// Mailbox, barrier, system reset.

#include "port/stm32f4/reset.h"

#include "port/stm32f4/registers/core.h"

_Noreturn void reset_into(enum mailbox_request request, uint32_t argument) {
    // No interrupt is ever enabled in the bootloader, so nothing can come between.
    mailbox_post((volatile struct mailbox *)MAILBOX_ADDRESS, request, argument);

    // The words must be in SRAM before the reset is asked for (PM0214 2.2.4).
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
        // The reset takes effect some cycles later; it cannot fail to come.
    }
}
