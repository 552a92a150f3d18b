// SPDX-License-Identifier: MIT
//
// The board's memories as core wants them told.

#ifndef PORT_STM32F4_MAP_H
#define PORT_STM32F4_MAP_H

#include "core/boot.h"
#include "core/flash_map.h"

extern const struct flash_map board_flash_map;

// Where an application's stack may lie.
#define BOARD_RAM_COUNT 2u
extern const struct boot_ram board_rams[BOARD_RAM_COUNT];

#endif
