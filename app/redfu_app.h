// SPDX-License-Identifier: MIT
//
// The application kit: what a program that redfu-boot starts may ask of it.
//
// Link redfu_app.c into the application (C11 or later, any Cortex-M3 or newer, no libc). It keeps
// no state, allocates nothing, and needs no start-up call. What it writes to is an ABI told in
// spec/mailbox.h, so an application keeps working when the bootloader is replaced by a later one.
//
// What the bootloader promises the application at its first instruction: VTOR points to its
// vector table, MSP holds the table's first word, no interrupt is enabled or pending, and clocks
// and peripherals are as after a system reset (HSI, 16 MHz on an STM32F4). On the way to the
// application the bootloader writes the first word of the mailbox and at most 256 bytes of stack
// at the end of SRAM; the rest of SRAM is as the application left it before the reset.

#ifndef APP_REDFU_APP_H
#define APP_REDFU_APP_H

// Resets the chip into the bootloader's DFU mode. It costs no flash wear, and the next reset
// starts the application again unless something else was loaded meanwhile.
//
// May be called from anywhere, interrupt handlers and fault handlers included; privileged mode is
// needed (the reset request lies in the system control space). Everything the application has not
// stored elsewhere is lost: interrupts are turned off and the first 16 bytes of SRAM overwritten
// before the reset. The USB cable sees the device go away; an application with a USB
// device of its own gives the host a clean good-bye if it drops its pull-up some 10 ms before.
//
// Does not return.
_Noreturn void redfu_request_dfu(void);

#endif
