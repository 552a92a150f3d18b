// SPDX-License-Identifier: MIT
//
// ST's STM32F429I-DISCO, 32F429IDISCOVERY (UM1670): STM32F429ZI, 2 Mbyte of flash in two banks, 8 MHz crystal,
// user button on PA0 (pressed reads 1), LEDs on PG13 and PG14, micro-AB connector on OTG_HS with its
// full-speed transceiver (PB14, PB15). No silicon of it was tried.

#ifndef BOARD_H
#define BOARD_H

#define CHIP_FLASH_KB 2048
#include "port/stm32f4/chips/stm32f42x.h"

// Crystal X3 (UM1670).
#define BOARD_HSE_HZ        8000000

// Button B1 (UM1670); the board has a pull-down.
#define BOARD_BUTTON_PORT   'A'
#define BOARD_BUTTON_PIN    0
#define BOARD_BUTTON_ACTIVE 1

// LD3, green, and LD4, red (UM1670).
#define BOARD_LED_PORT      'G'
#define BOARD_LED_PIN       13
#define BOARD_LED2_PORT     'G'
#define BOARD_LED2_PIN      14

#define BOARD_USB_CORE      otg_hs

#include "port/stm32f4/board_defaults.h"

#endif
