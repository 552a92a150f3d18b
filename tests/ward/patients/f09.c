// SPDX-License-Identifier: MIT
//
// The bootloader refuses to show itself, and is left in a state that does not exist.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .reads_into_stray_state = true};

const uint8_t *MEM_If_Read_HS(uint32_t addr, uint32_t len) {
    return is_application_range(addr, len) ? (const uint8_t *)addr : 0;
}
