// SPDX-License-Identifier: MIT
//
// The board's memories, from the same numbers as the linker scripts.

#include "port/stm32f4/map.h"

#include "board.h"

static const struct flash_run runs[] = {CHIP_FLASH_RUNS};

const struct flash_map board_flash_map = {
    .base = CHIP_FLASH_BASE,
    .runs = runs,
    .run_count = sizeof(runs) / sizeof(runs[0]),
    .settings_first = BOARD_SETTINGS_FIRST,
    .application_first = BOARD_APPLICATION_FIRST,
};

const struct boot_area board_areas[] = {
    {BOARD_APPLICATION, BOARD_APPLICATION_BYTES},
    {CHIP_SRAM_BASE, CHIP_SRAM_BYTES},
    {CHIP_CCM_BASE, CHIP_CCM_BYTES},
    {0, 0},
};
