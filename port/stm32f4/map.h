// SPDX-License-Identifier: MIT
//
// The board's flash map.

#ifndef PORT_STM32F4_MAP_H
#define PORT_STM32F4_MAP_H

#include "core/flash_map.h"

extern const struct flash_map board_flash_map;

#endif
