// SPDX-License-Identifier: MIT
//
// An STM32F407VG with its USB connector on OTG_HS at full speed (PB14, PB15: the core's own
// transceiver), otherwise as the STM32F4DISCOVERY (UM1472): 8 MHz crystal, button on PA0 (pressed reads
// 1), LEDs on PD12 to PD15. A board of the test bench; no silicon of it was tried.

#ifndef BOARD_H
#define BOARD_H

#define CHIP_FLASH_KB 1024
#include "port/stm32f4/chips/stm32f40x.h"

#define BOARD_HSE_HZ        8000000

// The board has a pull-down.
#define BOARD_BUTTON_PORT   'A'
#define BOARD_BUTTON_PIN    0
#define BOARD_BUTTON_ACTIVE 1

#define BOARD_LED_PORT      'D'
#define BOARD_LED_PIN       12
#define BOARD_LED2_PORT     'D'
#define BOARD_LED2_PIN      15

#define BOARD_USB_CORE      otg_hs

#include "port/stm32f4/board_defaults.h"

#endif
