// SPDX-License-Identifier: MIT
//
// The application kit: what a program that redfu-boot starts may ask of it.
//
// Link redfu_app.c into the application (C11 or later, any Cortex-M3 or newer, no libc). It keeps
// no state, allocates nothing, and needs no start-up call. What it writes to is an ABI told in
// spec/mailbox.h and spec/boot.h, so an application keeps working when the bootloader is replaced by a
// later one. Stored boot modes are redfu_boot_mode.h's, a run-time DFU interface redfu_runtime.h's.
//
// What the bootloader promises the application at its first instruction: VTOR points to its
// vector table, MSP holds the table's first word, no interrupt is enabled or pending, and clocks
// and peripherals are as after a system reset (HSI, 16 MHz on an STM32F4), but that the flags of
// RCC_CSR are cleared (redfu_reset_cause() has them) and that the independent watchdog runs if option
// bytes or the bootloader's board say so. On the way to the application the bootloader writes the first
// 64 bytes of SRAM and at most 1024 bytes of stack at its end; the rest is as it was before the reset.

#ifndef APP_REDFU_APP_H
#define APP_REDFU_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/boot.h"

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

// As redfu_request_dfu(), into any boot mode for this one start: enum boot_mode, or one of the
// product's own. A mode that the bootloader does not know starts the application.
_Noreturn void redfu_request_mode(uint8_t mode);

// The two below read the start record, 16 bytes at START_ADDRESS (0x20000010). It is there when the
// linker script leaves the first 64 bytes of SRAM alone: no data, no heap, no stack.

// The promise behind redfu_confirm_start() is a word in the vector table, its eighth (offset 0x1C,
// reserved by the processor): START_PROMISE(n). An application that makes it and is ended by a watchdog,
// or by a reset of its own without a request, n times before it confirms finds the board in DFU mode the
// next time: a host can load a better one. Power going away, the reset pin, and requests do not count; power
// going away and a host's "run" count from 0 again.
//
// Says that this start went well: failures counted so far are forgotten, and later ones do not count.
// False where there is no record to write that into.
bool redfu_confirm_start(void);

// Why the chip was reset: RCC_CSR as the bootloader found it (START_CAUSE_...), 0 where there is no
// record.
uint32_t redfu_reset_cause(void);

#endif
