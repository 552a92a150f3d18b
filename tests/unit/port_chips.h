// SPDX-License-Identifier: MIT
//
// What unit/port_chips looks at of each chip.

#ifndef TESTS_UNIT_PORT_CHIPS_H
#define TESTS_UNIT_PORT_CHIPS_H

#include "core/flash_map.h"

struct chip_row {
    struct flash_map map;
    unsigned sectors;
    uint32_t (*sector_address)(unsigned sector);
    uint32_t sram_bytes, ccm_bytes;
    unsigned vco_mhz, core_mhz, usb_mhz, core_mhz_max, wait_states;
    bool has_db1m;
};

#endif
