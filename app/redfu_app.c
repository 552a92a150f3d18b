// SPDX-License-Identifier: MIT
//
// Requests to the bootloader across a reset, and the record of this start. Their forms are
// spec/mailbox.h's and spec/boot.h's; this file decides only the order: interrupts off, mailbox,
// barrier, reset.

#include "app/redfu_app.h"

#include "spec/mailbox.h"

// Application Interrupt and Reset Control Register (PM0214 4.4.5, ARMv7-M B3.2.6).
#define SCB_AIRCR             (*(volatile uint32_t *)0xe000ed0cu)
#define SCB_AIRCR_VECTKEY     (0x05fau << 16)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)

static _Noreturn void request(enum mailbox_request what, uint32_t argument) {
    // From here nothing else runs, so whatever lived at the mailbox's address is of no use to
    // anybody any more. FAULTMASK too: an NMI handler apart, nothing may touch the words.
    __asm volatile("cpsid i\n cpsid f" ::: "memory");

    mailbox_post((volatile struct mailbox *)MAILBOX_ADDRESS, what, argument);

    // The stores must be in SRAM before the reset is asked for (PM0214 2.2.4).
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
        // The reset takes effect some cycles later; it cannot fail to come.
    }
}

_Noreturn void redfu_request_dfu(void) {
    request(MAILBOX_DFU, 0);
}

_Noreturn void redfu_request_mode(uint8_t mode) {
    request(MAILBOX_MODE, mode);
}

bool redfu_confirm_start(void) {
    volatile struct start_record *at = (volatile struct start_record *)START_ADDRESS;
    struct start_record start = *at;
    if (!start_is_valid(&start)) {
        return false;
    }
    start_forget(&start);
    *at = start;
    return true;
}

uint32_t redfu_reset_cause(void) {
    struct start_record start = *(volatile struct start_record *)START_ADDRESS;
    return start_is_valid(&start) ? start.cause : 0;
}
