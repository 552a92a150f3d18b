// SPDX-License-Identifier: MIT
//
// ST's STM32F4DISCOVERY (UM1472): STM32F407VG, 8 MHz crystal, user button on PA0 (pressed reads
// 1), LEDs on PD12 to PD15, micro-B connector on OTG_FS. Plain numbers: linker scripts read this.

#ifndef BOARD_H
#define BOARD_H

#include "port/stm32f4/chips/stm32f407vg.h"

// Bootloader in sector 0, settings in 1 and 2, application from 3 (docs/design.md, memory map).
#define BOARD_SETTINGS_FIRST    1
#define BOARD_APPLICATION_FIRST 3

// Crystal X2 (UM1472).
#define BOARD_HSE_HZ            8000000

// Button B1 (UM1472): port by letter, pin, level when pressed; the board has a pull-down.
#define BOARD_BUTTON_PORT       'A'
#define BOARD_BUTTON_PIN        0
#define BOARD_BUTTON_ACTIVE     1

// LD4 (UM1472), lit while in DFU mode.
#define BOARD_LED_PORT          'D'
#define BOARD_LED_PIN           12

// Which of port/stm32f4/otg.h's cores the USB connector is wired to.
#define BOARD_USB_CORE          otg_fs

// 1: the pull-up follows the VBUS pin (PA9). 0: always on when connected; right for boards fed
// from the USB cable, and for those whose VBUS is not wired to the pin.
#define BOARD_VBUS_SENSING      0

#endif
