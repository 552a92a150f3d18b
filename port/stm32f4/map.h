// SPDX-License-Identifier: MIT
//
// The board's memories as core wants them told.

#ifndef PORT_STM32F4_MAP_H
#define PORT_STM32F4_MAP_H

#include "board.h"
#include "core/boot.h"
#include "core/flash_map.h"

#define BOARD_APPLICATION ((uint32_t)CHIP_SECTOR_ADDRESS(BOARD_APPLICATION_FIRST))
#define BOARD_APPLICATION_BYTES                                                                    \
    ((uint32_t)CHIP_SECTOR_ADDRESS(CHIP_FLASH_SECTORS) - BOARD_APPLICATION)

extern const struct flash_map board_flash_map;

// What boot_vectors_are_sane() wants to know.
extern const struct boot_area board_areas[];

#endif
