// SPDX-License-Identifier: MIT
//
// The wish for DFU mode is kept in a place that is never cleared.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY};

bool is_dfu_wanted(void) {
    return true;
}
