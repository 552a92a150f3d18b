// SPDX-License-Identifier: MIT
//
// An STM32F407VG with its USB connector on OTG_HS at full speed (PB14, PB15: the core's own
// transceiver), otherwise as the STM32F4DISCOVERY (UM1472): 8 MHz crystal, button on PA0 (pressed reads
// 1), LEDs on PD12 to PD15. A board of the test bench; no silicon of it was tried. Plain numbers:
// linker scripts read this.

#ifndef BOARD_H
#define BOARD_H

#include "port/stm32f4/chips/stm32f407vg.h"

// Bootloader in sector 0, settings in 1 and 2, application from 3 (docs/design.md, memory map).
#define BOARD_SETTINGS_FIRST    1
#define BOARD_APPLICATION_FIRST 3

#define BOARD_HSE_HZ            8000000

// Button: port by letter, pin, level when pressed; the board has a pull-down.
#define BOARD_BUTTON_PORT       'A'
#define BOARD_BUTTON_PIN        0
#define BOARD_BUTTON_ACTIVE     1

// Lit while in DFU mode.
#define BOARD_LED_PORT          'D'
#define BOARD_LED_PIN           12

// Which of port/stm32f4/otg.h's cores the USB connector is wired to.
#define BOARD_USB_CORE          otg_hs

// 1: the pull-up follows the VBUS pin (PB13). 0: always on when connected.
#define BOARD_VBUS_SENSING      0

#endif
