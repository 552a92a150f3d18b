// SPDX-License-Identifier: MIT
//
// WeAct's "Black Pill" (its schematic, V2.0 and later): STM32F411CE, 25 MHz crystal, button KEY from PA0 to
// GND without a resistor, blue LED between VDD and PC13, USB-C connector on OTG_FS. Its VBUS is not wired to
// PA9. No silicon of it was tried.

#ifndef BOARD_H
#define BOARD_H

#define CHIP_FLASH_KB 512
#include "port/stm32f4/chips/stm32f411.h"

#define BOARD_HSE_HZ        25000000

#define BOARD_BUTTON_PORT   'A'
#define BOARD_BUTTON_PIN    0
#define BOARD_BUTTON_ACTIVE 0
#define BOARD_BUTTON_PULL   1

#define BOARD_LED_PORT      'C'
#define BOARD_LED_PIN       13
#define BOARD_LED_ACTIVE    0

#define BOARD_USB_CORE      otg_fs

#include "port/stm32f4/board_defaults.h"

#endif
