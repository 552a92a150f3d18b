// SPDX-License-Identifier: MIT
//
// The board's memories, from the same numbers as the linker scripts.

#include "port/stm32f4/map.h"

#include "board.h"

static const struct flash_run runs[] = {
    {CHIP_FLASH_RUN0_COUNT, CHIP_FLASH_RUN0_BYTES},
    {CHIP_FLASH_RUN1_COUNT, CHIP_FLASH_RUN1_BYTES},
    {CHIP_FLASH_RUN2_COUNT, CHIP_FLASH_RUN2_BYTES},
};

const struct flash_map board_flash_map = {
    .base = CHIP_FLASH_BASE,
    .runs = runs,
    .run_count = sizeof(runs) / sizeof(runs[0]),
    .settings_first = BOARD_SETTINGS_FIRST,
    .application_first = BOARD_APPLICATION_FIRST,
};

const struct boot_ram board_rams[BOARD_RAM_COUNT] = {
    {CHIP_SRAM_BASE, CHIP_SRAM_BYTES},
    {CHIP_CCM_BASE, CHIP_CCM_BYTES},
};
