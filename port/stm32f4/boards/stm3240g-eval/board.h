// SPDX-License-Identifier: MIT
//
// ST's STM3240G-EVAL (UM1461): STM32F407IG, 25 MHz crystal, LEDs on PG6, PG8, PI9 and PC7, and an external
// high-speed transceiver (USB3300) on OTG_HS by ULPI, with DIR on PI11 and NXT on PH4. The button is Key,
// on PG15 (pressed reads 0). No silicon of it was tried.

#ifndef BOARD_H
#define BOARD_H

#define CHIP_FLASH_KB 1024
#include "port/stm32f4/chips/stm32f40x.h"

#define BOARD_HSE_HZ         25000000

// Key button (UM1461); the board has a pull-up.
#define BOARD_BUTTON_PORT    'G'
#define BOARD_BUTTON_PIN     15
#define BOARD_BUTTON_ACTIVE  0

// LD1, green, and LD2, orange.
#define BOARD_LED_PORT       'G'
#define BOARD_LED_PIN        6
#define BOARD_LED2_PORT      'G'
#define BOARD_LED2_PIN       8

#define BOARD_USB_CORE       otg_hs_ulpi_large
#define BOARD_USB_HIGH_SPEED 1

#include "port/stm32f4/board_defaults.h"

#endif
