// SPDX-License-Identifier: MIT
//
// Two mistakes: no map, so hosts can only erase the whole chip; and that is ignored.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .layout = 0};

enum dfu_status MEM_If_MassErase_HS(void) {
    return DFU_STATUS_OK;
}
