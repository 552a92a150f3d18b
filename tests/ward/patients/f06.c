// SPDX-License-Identifier: MIT
//
// Erase without an address, the whole chip, is accepted and ignored. Patient zero, H3.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

enum dfu_status MEM_If_MassErase_HS(void) {
    return DFU_STATUS_OK;
}
