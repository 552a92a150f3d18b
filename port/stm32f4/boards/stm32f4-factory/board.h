// SPDX-License-Identifier: MIT
//
// A worked example: the STM32F4DISCOVERY with boot modes of a product's own (docs/boot.md). Mode 16 is a
// second image, examples/factory-test, in the last sector; mode 17 a function, lamp.c here. The bootloader
// starts the watchdog for whatever it starts.

#ifndef BOARD_FACTORY_H
#define BOARD_FACTORY_H

// An identity of its own, as fwupd wants one, and all three alternate settings, of which it uses the second
// (docs/protocol.md). pid.codes' numbers for tests.
#define BOARD_USB_VENDOR  0x1209
#define BOARD_USB_PRODUCT 0x0003

#include "port/stm32f4/boards/stm32f4-discovery/board.h"

// Read Unprotect is taken here, once the chip is at level 1.
#undef BOARD_READ_UNPROTECT
#define BOARD_READ_UNPROTECT 1

#undef BOARD_MODES
#undef BOARD_MODE_FUNCTIONS
#define BOARD_MODE_FUNCTIONS void lamp_mode(void);
#define BOARD_MODES          {16, CHIP_SECTOR_ADDRESS(11)}, {17, (uintptr_t)lamp_mode},

// Long enough for the factory test, which does not feed it.
#undef BOARD_WATCHDOG_MS
#define BOARD_WATCHDOG_MS 4000

#endif
