// SPDX-License-Identifier: MIT
//
// A worked example: the STM32F4DISCOVERY as a product of its own. It has its own USB identity, which no
// tool of ST's looks for, one alternate setting, a landing page, and a pull-up that follows VBUS.

#ifndef BOARD_PRODUCT_H
#define BOARD_PRODUCT_H

// pid.codes' numbers for tests; a product asks for one of its own, or has a vendor number.
#define BOARD_USB_VENDOR       0x1209
#define BOARD_USB_PRODUCT      0x0002
#define BOARD_USB_RELEASE      0x0203
#define BOARD_USB_MANUFACTURER "Example Ltd"
#define BOARD_USB_NAME         "Widget (update mode)"
#define BOARD_USB_GUID         "{6C2A4F0E-9A2B-4E57-8F54-2B1B7E5D9C31}"
#define BOARD_LANDING_PAGE     "example.com/widget/update"

#define BOARD_ONLY_FLASH       1

// PA9 is wired to the connector's VBUS (UM1472).
#define BOARD_VBUS_SENSING     1

#include "port/stm32f4/boards/stm32f4-discovery/board.h"

#endif
