// SPDX-License-Identifier: MIT
//
// ST's STM32F4DISCOVERY (UM1472): STM32F407VG, 8 MHz crystal, user button on PA0 (pressed reads
// 1), LEDs on PD12 to PD15, micro-B connector on OTG_FS.

#ifndef BOARD_H
#define BOARD_H

#define CHIP_FLASH_KB 1024
#include "port/stm32f4/chips/stm32f40x.h"

// Crystal X2 (UM1472).
#define BOARD_HSE_HZ        8000000

// Button B1 (UM1472); the board has a pull-down.
#define BOARD_BUTTON_PORT   'A'
#define BOARD_BUTTON_PIN    0
#define BOARD_BUTTON_ACTIVE 1

// LD4, green, and LD6, blue (UM1472).
#define BOARD_LED_PORT      'D'
#define BOARD_LED_PIN       12
#define BOARD_LED2_PORT     'D'
#define BOARD_LED2_PIN      15

#define BOARD_USB_CORE      otg_fs

#include "port/stm32f4/board_defaults.h"

#endif
