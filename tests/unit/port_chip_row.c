// SPDX-License-Identifier: MIT
//
// One chip's header as data; compiled once a chip, with that header in front (port_chips.cmake).

#include "tests/unit/port_chips.h"

static const struct flash_run runs[] = {CHIP_FLASH_RUNS};

static uint32_t sector_address(unsigned sector) {
    return CHIP_SECTOR_ADDRESS(sector);
}

const struct chip_row CHIP_ROW = {
    .map = {.base = CHIP_FLASH_BASE,
            .runs = runs,
            .run_count = sizeof(runs) / sizeof(runs[0]),
            .settings_first = 1,
            .application_first = 3},
    .sectors = CHIP_FLASH_SECTORS,
    .sector_address = sector_address,
    .sram_bytes = CHIP_SRAM_BYTES,
    .ccm_bytes = CHIP_CCM_BYTES,
    .vco_mhz = CHIP_PLL_N,
    .core_mhz = CHIP_PLL_N / CHIP_PLL_P,
    .usb_mhz = CHIP_PLL_N / CHIP_PLL_Q,
    .core_mhz_max = CHIP_CORE_HZ_MAX / 1000000,
    .wait_states = CHIP_WAIT_STATES(1000000 * (CHIP_PLL_N / CHIP_PLL_P)),
    .has_db1m = CHIP_HAS_DB1M,
};
